/** Encoders of texts. */
import { entry, size } from "../../options.ts";
import { whole } from "../fields.ts";
import type { Encoder, EncoderState } from "./encoder.ts";

/** The FNV-1a hash of a word, 32 bits. */
function hash(word: string): number {
  let value = 0x811c9dc5;
  for (let at = 0; at < word.length; at++) {
    value = Math.imul(value ^ word.charCodeAt(at), 0x01000193);
  }
  return value >>> 0;
}

const WORDS = /[\p{L}\p{N}]+/gu;

/**
 * Hashed words (Weinberger et al., "Feature Hashing for Large Scale Multitask Learning", 2009): each word of
 * the text, in lower case, adds 1 or -1 to one of `buckets` inputs, both by its hash; the inputs are then
 * divided by the square root of the number of words.
 */
export const hashedWords = entry(
  "hashedWords",
  {
    /** The number of inputs. */
    buckets: size({ default: 64, maximum: 65_536 }),
  },
  ({ buckets }): Encoder => ({
    takes: "text",
    fields: { buckets: whole(1, 65_536) },
    fit: ({ texts = [] }) =>
      texts.some((text) => text !== "") ? { type: "hashedWords", buckets } : undefined,
    open(state) {
      const width = (state as EncoderState & { buckets: number }).buckets;
      return {
        width,
        write(_value, out, at, text = "") {
          const words = text.toLowerCase().match(WORDS) ?? [];
          const step = 1 / Math.sqrt(Math.max(1, words.length));
          for (const word of words) {
            const value = hash(word);
            out[at + ((value >>> 1) % width)] += (value & 1) === 0 ? step : -step;
          }
        },
        names: () => Array.from({ length: width }, (_, bucket) => `words ${bucket}`),
      };
    },
  }),
);
