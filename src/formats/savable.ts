/** What `save` writes besides a Model: whatever can give its bytes under this symbol. */
import type { SaveOptions } from "./bytes.ts";

/**
 * Gives the bytes of a file; `call` begins the messages of errors. A symbol that all copies of the package
 * share.
 */
export const BYTES: unique symbol = Symbol.for("myelin.bytes") as never;

/** Something that `save` writes. */
export interface Savable {
  [BYTES](call: string, options: SaveOptions): Uint8Array<ArrayBuffer>;
}

/** Whether a value can give its bytes. */
export const isSavable = (value: unknown): value is Savable =>
  typeof (value as Partial<Savable> | null | undefined)?.[BYTES] === "function";
