/** Models in files. Under a file's name there is one whole model at any time: the old one, or the new one. */
import { type FileHandle, open } from "node:fs/promises";
import { OptionError, show, withinMemory } from "./errors.ts";
import { readPath, statFile, withPath } from "./files/paths.ts";
import { replace } from "./files/replace.ts";
import { checkBeginning, type SaveOptions } from "./formats/bytes.ts";
import { headerEnd, PREFIX } from "./formats/safetensors.ts";
import { reading } from "./formats/saved.ts";
import type { KernelChoice } from "./kernel/choose.ts";
import { checkMemory } from "./memory.ts";
import { bytesOf, Model, restore } from "./model.ts";

/**
 * Writes a model into a file, in the safetensors format. The model is copied before the promise is returned.
 * Until all of it is safely written what stood in the file stands there, whatever happens meanwhile, a full
 * disk or the end of the process among it.
 *
 * @example
 * ```ts
 * await save(model, "model.safetensors", { optimizerState: true });
 * ```
 *
 * @throws FileError if the file cannot be written; it names the path. StateError while a training runs.
 */
export async function save(model: Model, path: string | URL, options: SaveOptions = {}): Promise<void> {
  const file = readPath(path, "save");
  if (!(model instanceof Model)) throw new OptionError(`save: expected a Model, received ${show(model)}`);
  const bytes = bytesOf(model, "save", options);
  await withPath(`save: ${JSON.stringify(file)} cannot be written`, () => replace(file, bytes));
}

/**
 * Makes a model of a file that `save` wrote. It predicts the same bits; training goes on with the same bits
 * if the optimizer's state was kept. Nothing in a file is ever run, and what is no model takes no memory.
 *
 * @example
 * ```ts
 * await save(model, "model.safetensors");
 * const copy = await load("model.safetensors");
 * ```
 *
 * @throws FileError if the file cannot be read, FormatError if it is no model or one of a newer version; both
 * name the path.
 */
export async function load(
  path: string | URL,
  options: { readonly kernel?: KernelChoice } = {},
): Promise<Model> {
  const file = readPath(path, "load");
  const place = `load: ${JSON.stringify(file)}`;
  const bytes = await withPath(`${place} cannot be read`, () => read(file, place));
  return restore(bytes, place, options);
}

/** Reads a file whole, after its beginning has shown that it can be a model's. */
async function read(path: string, place: string): Promise<Uint8Array> {
  // Before it is opened: a pipe would wait for somebody to write into it.
  await statFile(path);
  const handle = await open(path, "r");
  try {
    const { size } = await handle.stat();
    const prefix = await readBytes(handle, new Uint8Array(Math.min(PREFIX, size)), 0);
    const end = reading(place, () => headerEnd(prefix, size));
    const header = await readBytes(handle, new Uint8Array(end), 0);
    checkBeginning(header, size, place);
    checkMemory(size, `${place}: ${size} bytes`);
    const bytes = withinMemory(`${place}: ${size} bytes do not fit in memory`, () => new Uint8Array(size));
    bytes.set(header);
    await readBytes(handle, bytes.subarray(end), end);
    return bytes;
  } finally {
    await handle.close();
  }
}

/** Fills an array with a file's bytes from a position. */
async function readBytes(handle: FileHandle, target: Uint8Array, position: number): Promise<Uint8Array> {
  let done = 0;
  while (done < target.length) {
    // No system reads more than 2^31 - 1 bytes at a time.
    const length = Math.min(target.length - done, 2 ** 30);
    const { bytesRead } = await handle.read(target, done, length, position + done);
    if (bytesRead === 0) throw new Error("it became shorter meanwhile");
    done += bytesRead;
  }
  return target;
}
