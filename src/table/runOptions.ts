/** The options of every call that trains table models. */
import type { KernelChoice } from "../kernel/choose.ts";
import { readSeed } from "../seed.ts";
import { readSignal, readThreads } from "../training/options.ts";

/** How a call trains, whatever it trains. */
export interface RunOptions {
  /** The seed of folds, weights and shuffles. */
  readonly seed?: number | undefined;
  /** The most threads; they change no bit of the result. */
  readonly threads?: number | undefined;
  readonly kernel?: KernelChoice | undefined;
  /** Stops the reading and the training: the source is closed, the call rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

export const RUN_OPTIONS = ["seed", "threads", "kernel", "signal"] as const;

/** Checks these options; `seed` returns the seed of a call that has none. */
export const readRunOptions = (
  call: string,
  { seed, threads, kernel, signal }: RunOptions,
  fallback: () => number,
) => ({
  seed: seed === undefined ? fallback() : readSeed(seed, `${call}: seed`),
  threads: readThreads(threads, call),
  kernel,
  signal: readSignal(signal, call),
});
