/** Reads the bytes of a model's file. */
import { closeSync, constants, fstatSync, openSync, readFileSync, statSync } from "node:fs";
import { type FileHandle, open, stat } from "node:fs/promises";
import { withinMemory } from "../errors.ts";
import { checkBeginning } from "../formats/bytes.ts";
import { headerEnd, PREFIX } from "../formats/safetensors.ts";
import { asFormatErrors } from "../formats/saved.ts";
import { checkMemory } from "../memory.ts";
import { checkFile } from "./paths.ts";

/**
 * Non-blocking, because another process may replace the file by a pipe, and opening it would wait for a
 * writer.
 */
const READ = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);

/** Looks whether a file of `size` bytes that begins with these can be a model's; throws if not. */
export type Beginning = (bytes: Uint8Array, size: number, place: string) => void;

/** Reads a whole file after checking by its beginning that it can be a model. */
export async function read(
  path: string,
  place: string,
  check: Beginning = checkBeginning,
): Promise<Uint8Array> {
  // Checked before it is opened, because opening a device may have effects.
  checkFile(await stat(path));
  const handle = await open(path, READ);
  try {
    const { size } = checkFile(await handle.stat());
    const prefix = await readBytes(handle, new Uint8Array(Math.min(PREFIX, size)), 0);
    const end = asFormatErrors(place, () => headerEnd(prefix, size));
    const header = await readBytes(handle, new Uint8Array(end), 0);
    check(header, size, place);
    checkMemory(size, `${place}: ${size} bytes`);
    const bytes = withinMemory(`${place}: ${size} bytes do not fit in memory`, () => new Uint8Array(size));
    bytes.set(header);
    await readBytes(handle, bytes.subarray(end), end);
    return bytes;
  } finally {
    await handle.close();
  }
}

/** Fills an array with the bytes of a file, beginning at `position`. */
async function readBytes(handle: FileHandle, target: Uint8Array, position: number): Promise<Uint8Array> {
  let done = 0;
  while (done < target.length) {
    // Systems read at most 2^31 - 1 bytes at a time.
    const length = Math.min(target.length - done, 2 ** 30);
    const { bytesRead } = await handle.read(target, done, length, position + done);
    if (bytesRead === 0) throw new Error("it became shorter while it was read");
    done += bytesRead;
  }
  return target;
}

/** Reads a file synchronously, without checking its content. */
export function readSync(path: string, place: string): Uint8Array {
  checkFile(statSync(path));
  const file = openSync(path, READ);
  try {
    const { size } = checkFile(fstatSync(file));
    checkMemory(size, `${place}: ${size} bytes`);
    return withinMemory(`${place}: ${size} bytes do not fit in memory`, () => readFileSync(file));
  } finally {
    closeSync(file);
  }
}
