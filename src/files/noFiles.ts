/** Stands in for `files.ts` where there are no files: in browsers and other hosts that are no Node. */
import { FileError } from "../errors.ts";
import type { SaveOptions } from "../formats/bytes.ts";
import type { Savable } from "../formats/savable.ts";
import type { KernelChoice } from "../kernel/choose.ts";
import type { Model } from "../model.ts";

/** Says what to use instead. */
export async function save(
  _model: Model | Savable,
  _path: string | URL,
  _options?: SaveOptions,
): Promise<void> {
  throw new FileError("save: this host has no files; keep what model.toBytes() gives");
}

/** Says what to use instead. */
export async function load(
  _path: string | URL,
  _options?: { readonly kernel?: KernelChoice },
): Promise<Model> {
  throw new FileError(
    "load: this host has no files; pass the bytes to Model.fromBytes, from fetch for instance",
  );
}

/** Says what to use instead. */
export async function readFile(
  _path: string | URL,
  call: string,
  _check: unknown,
): Promise<{ readonly bytes: Uint8Array; readonly place: string }> {
  throw new FileError(`${call}: this host has no files. Fix: pass the bytes to TableModel.fromBytes`);
}
