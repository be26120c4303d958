/** Long work in pieces, between which the event loop turns. */
import { nextTurn, now } from "../host.ts";
import { readSignal } from "../training/options.ts";

/**
 * Work that yields where it may be interrupted: about every millisecond, however many rows there are. It can
 * be finished at once, or in turns of the event loop.
 */
export type Pieces<Result> = Generator<undefined, Result, undefined>;

/** Rows that a loop goes through before it yields. */
export const PIECE = 8192;

/** The most milliseconds of pieces in one turn. */
const HOLD_MILLISECONDS = 10;

/** Resolves in the next turn of the event loop, after what else waits for it. */
export const pause = (): Promise<void> => new Promise((resolve) => nextTurn(resolve));

/** Does all pieces at once. */
export function finish<Result>(pieces: Pieces<Result>): Result {
  for (;;) {
    const { done, value } = pieces.next();
    if (done) return value;
  }
}

/**
 * Makes a function that lets the event loop turn where the pieces of this turn have taken long enough; until
 * then it returns undefined.
 */
export function holder(): () => Promise<void> | undefined {
  let begun = now();
  return () => {
    if (now() - begun < HOLD_MILLISECONDS) return undefined;
    return pause().then(() => {
      begun = now();
    });
  };
}

/** Does the pieces in as many turns of the event loop as they take; throws the signal's reason if it aborts. */
export async function inTurns<Result>(pieces: Pieces<Result>, signal?: AbortSignal): Promise<Result> {
  await pause();
  const release = holder();
  for (;;) {
    const { done, value } = pieces.next();
    if (done) return value;
    const turn = release();
    if (turn === undefined) continue;
    await turn;
    signal?.throwIfAborted();
  }
}

/** What stops a call. */
export interface Stoppable {
  /** Stops the call, which rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** Runs pieces in turns of the event loop; `make` gets the options other than `signal`. */
export function stoppable<Options extends Stoppable, Result>(
  call: string,
  options: Options,
  make: (options: Omit<Options, "signal">) => Pieces<Result>,
): Promise<Result> {
  const { signal: given, ...others } = options;
  const signal = readSignal(given, call);
  signal?.throwIfAborted();
  return inTurns(make(others), signal);
}

/** Sorts numbers in ascending order, as `sort` does: parts of them, then pairs of parts. */
export function* sortPieces(values: Float64Array): Pieces<Float64Array> {
  const { length } = values;
  let from: Float64Array = values;
  for (let start = 0; start < length; start += PIECE) {
    from.subarray(start, Math.min(length, start + PIECE)).sort();
    yield;
  }
  let to: Float64Array = new Float64Array(length > PIECE ? length : 0);
  for (let width = PIECE; width < length; width *= 2) {
    for (let start = 0; start < length; start += 2 * width) {
      const [middle, end] = [Math.min(length, start + width), Math.min(length, start + 2 * width)];
      let [left, right] = [start, middle];
      for (let at = start; at < end; at++) {
        const isLeft = left < middle && (right >= end || from[left] <= from[right]);
        to[at] = isLeft ? from[left++] : from[right++];
        if (at % PIECE === 0) yield;
      }
    }
    [from, to] = [to, from];
  }
  return from;
}
