/** Stands in for `files.ts` where there are no files: in browsers and other hosts that are no Node. */
import { FileError } from "../../errors.ts";
import type { Callback } from "./callback.ts";
import type { CheckpointOptions, LogOptions, TensorBoardOptions } from "./files.ts";

export type { CheckpointOptions, LogOptions, TensorBoardOptions };

/** Says what to use instead. */
function refuse(name: string, instead: string): never {
  throw new FileError(`callbacks.${name}: this host has no files; ${instead}`);
}

const HOOK = "write a callback that sends epochs to where they are kept: { onEpochEnd(epoch) { … } }";

export function checkpoint(_options: CheckpointOptions): Callback {
  return refuse("checkpoint", "keep what model.toBytes({ optimizerState: true }) gives after a training");
}

export function log(_options: LogOptions): Callback {
  return refuse("log", HOOK);
}

export function tensorBoard(_options: TensorBoardOptions): Callback {
  return refuse("tensorBoard", HOOK);
}
