/** Replaces `saveLoad.ts` on hosts without files, such as browsers. */
import { FileError } from "../errors.ts";
import type { SaveOptions } from "../formats/bytes.ts";
import type { Savable } from "../formats/savable.ts";
import type { KernelChoice } from "../kernel/choose.ts";
import type { Model } from "../model.ts";
import type { OpenFile } from "./openFile.ts";

/** Rejects with an error that names the alternative. */
export async function save(
  _model: Model | Savable,
  _path: string | URL,
  _options?: SaveOptions,
): Promise<void> {
  throw new FileError("save: this host has no files; store the bytes that model.toBytes() returns");
}

/** Rejects with an error that names the alternative. */
export async function load(
  _path: string | URL,
  _options?: { readonly kernel?: KernelChoice },
): Promise<Model> {
  throw new FileError("load: this host has no files; pass bytes, for example from fetch, to Model.fromBytes");
}

/** Rejects with an error that names the alternative. */
export async function readFile(
  _path: string | URL,
  call: string,
  _check: unknown,
): Promise<{ readonly bytes: Uint8Array; readonly place: string }> {
  throw new FileError(`${call}: this host has no files. Fix: pass the bytes to TableModel.fromBytes`);
}

/** Says what to use instead. */
export async function openFile(_path: string | URL, call: string): Promise<OpenFile> {
  throw new FileError(
    `${call}: this host has no files. Fix: pass a Blob, bytes or a URL, or the text itself, which has a line break`,
  );
}
