/** Replaces `files.ts` on hosts without files: browsers and others that are not compatible with Node. */
import { FileError } from "../../errors.ts";
import type { Callback } from "./callback.ts";
import type { CheckpointOptions, LogOptions, TensorBoardOptions } from "./files.ts";

export type { CheckpointOptions, LogOptions, TensorBoardOptions };

/** Throws an error that says what to use instead. */
function refuse(name: string, instead: string): never {
  throw new FileError(`callbacks.${name}: this host has no files; ${instead}`);
}

const HOOK = "write a callback that sends each epoch to a server: { onEpochEnd(epoch) { … } }";

export function checkpoint(_options: CheckpointOptions): Callback {
  return refuse("checkpoint", "store the bytes of model.toBytes({ optimizerState: true }) after a training");
}

export function log(_options: LogOptions): Callback {
  return refuse("log", HOOK);
}

export function tensorBoard(_options: TensorBoardOptions): Callback {
  return refuse("tensorBoard", HOOK);
}
