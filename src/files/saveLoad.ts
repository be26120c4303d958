/** Saves models in files. At any time a file contains one complete model: the old one or the new one. */

import type { SaveOptions } from "../formats/bytes.ts";
import { BYTES, isSavable, type Savable } from "../formats/savable.ts";
import type { KernelChoice } from "../kernel/choose.ts";
import { bytesOf, type Model, restore } from "../model.ts";
import { readModel } from "../training/modelArgument.ts";
import { readPath, withPath } from "./paths.ts";
import { type Beginning, read } from "./read.ts";
import { replace } from "./replace.ts";

/**
 * Writes a model into a file, in the safetensors format. The model is copied before the promise is returned.
 * The old content of the file stays until the new one is completely written, even if the disk is full or the
 * process ends.
 *
 * @example
 * ```ts
 * await save(model, "model.safetensors", { optimizerState: true });
 * ```
 *
 * @throws FileError if the file cannot be written; it names the path. StateError while a training runs.
 */
export async function save(
  model: Model | Savable,
  path: string | URL,
  options: SaveOptions = {},
): Promise<void> {
  const file = readPath(path, "save");
  const bytes = isSavable(model)
    ? model[BYTES]("save", options)
    : bytesOf(readModel(model, "save"), "save", options);
  await withPath(`save: ${JSON.stringify(file)} cannot be written`, () => replace(file, [bytes]));
}

/**
 * Loads a model from a file that `save` wrote. It predicts the same bits; training continues with the same
 * bits if the optimizer's state was saved. Nothing in a file is executed, and a file that is not a model
 * takes no memory.
 *
 * @example
 * ```ts
 * await save(model, "model.safetensors");
 * const copy = await load("model.safetensors");
 * ```
 *
 * @throws FileError if the file cannot be read, FormatError if it is not a model or has a newer version; both
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

/** Reads the file of a model of any kind, after `check` has looked at its beginning. */
export async function readFile(
  path: string | URL,
  call: string,
  check: Beginning,
): Promise<{ readonly bytes: Uint8Array; readonly place: string }> {
  const file = readPath(path, call);
  const place = `${call}: ${JSON.stringify(file)}`;
  return { bytes: await withPath(`${place} cannot be read`, () => read(file, place, check)), place };
}

export { type OpenFile, openFile } from "./openFile.ts";
