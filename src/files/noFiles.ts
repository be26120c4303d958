/** Replaces `saveLoad.ts` on hosts without files, such as browsers. */
import { FileError } from "../errors.ts";
import type { SaveOptions } from "../formats/bytes.ts";
import type { KernelChoice } from "../kernel/choose.ts";
import type { Model } from "../model.ts";

/** Rejects with an error that names the alternative. */
export async function save(_model: Model, _path: string | URL, _options?: SaveOptions): Promise<void> {
  throw new FileError("save: this host has no files; store the bytes that model.toBytes() returns");
}

/** Rejects with an error that names the alternative. */
export async function load(
  _path: string | URL,
  _options?: { readonly kernel?: KernelChoice },
): Promise<Model> {
  throw new FileError("load: this host has no files; pass bytes, for example from fetch, to Model.fromBytes");
}
