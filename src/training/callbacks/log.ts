/** A training's epochs as lines of JSON in a file. */
import { AppendedFile } from "../../files/append.ts";
import { readPath } from "../../files/paths.ts";
import { encodeText } from "../../host.ts";
import { boolean, checkNames, completeOptions, type RequiredOption } from "../../options.ts";
import type { Callback } from "./callback.ts";
import { createParticipant, type ParticipantCallback } from "./participant.ts";

/** Where the lines go. */
export interface LogOptions {
  /** The path of the file, which is made where there is none; its folder has to be there. */
  readonly path: string | URL;
  /** Whether what stands in the file stays; true by default. Otherwise each training begins an empty one. */
  readonly append?: boolean | undefined;
}

const path: RequiredOption<string> = { required: true, expected: "the path of a file", read: readPath };
const OPTIONS = { path, append: boolean({ default: true }) };

const NEWLINE = 10;

/** Opens the file at the beginning of a line: the last one may be cut off, by a loss of power for instance. */
function openLines(place: string, path: string, append: boolean): AppendedFile {
  const file = new AppendedFile(place, path, { empty: !append });
  const last = file.lastByte;
  if (last !== undefined && last !== NEWLINE) file.append(Uint8Array.of(NEWLINE));
  return file;
}

/**
 * Writes a line of JSON for each epoch into a file: all that the epoch has, under its own names; null stands
 * for what is no finite number. The line is in the file before the next epoch begins, and is whole whatever
 * happens to the process. Lines of a training that goes on, or of another one, come behind those that are
 * there.
 *
 * @example
 * ```ts
 * await model.fit(data, { epochs: 3, callbacks: callbacks.log({ path: "training.jsonl" }) });
 * // {"epoch":0,"loss":0.2518,"learningRate":0.01,"seconds":0.0004}, and two more lines
 * ```
 *
 * @throws OptionError for what is no path. A training throws a FileError, which names the path, where the file
 * cannot be written; its model keeps what it has learnt.
 */
export function log(options: LogOptions): Callback {
  checkNames(options, Object.keys(OPTIONS), "callbacks.log");
  const { path, append } = completeOptions(OPTIONS, options, "callbacks.log");
  const callback: ParticipantCallback = {
    [createParticipant](place) {
      let file: AppendedFile | undefined;
      return {
        epochsUntil: () => 1,
        onTrainBegin() {
          file = openLines(`${place}: log`, path, append);
        },
        onEpochsEnd(epochs) {
          for (const epoch of epochs) file?.append(encodeText(`${JSON.stringify(epoch)}\n`));
        },
        onTrainEnd: () => file?.close(),
      };
    },
  };
  return callback as Callback;
}
