/** Reads a source that gives one piece after the other, until it ends, a signal aborts or a time is over. */
import { onAbort } from "../abort.ts";
import { after, nextTurn, now } from "../host.ts";

/** A source of pieces. */
export type Source<Piece> = AsyncIterable<Piece> | Iterable<Piece>;

/** What ends a reading before its source ends. */
export interface ReadLimits {
  /** Ends the reading at once, with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** When the reading ends as if the source had ended, in milliseconds of the clock. */
  readonly until?: number | undefined;
  /** Called if `until` ended the reading. */
  readonly onCut?: (() => void) | undefined;
}

/** How a row is named in errors. */
export type RowName = (row: number) => string;

/** Names rows by their number among all rows of the source. */
export const rowName: RowName = (row) => `row ${row}`;

/** Names the rows of a block whose first row has this number in the source. */
export const rowsFrom =
  (first: number): RowName =>
  (row) =>
    `row ${first + row}`;

/** How long pieces may come without a pause before timers and signals get their turn. */
const TURN_MILLISECONDS = 10;
/** The longest delay of a timer in JavaScript. */
const MOST_MILLISECONDS = 2 ** 31 - 1;

type Step<Piece> = IteratorResult<Piece, unknown>;
type AnyIterator<Piece> = AsyncIterator<Piece, unknown> | Iterator<Piece, unknown>;

const isPromise = <T>(value: T | PromiseLike<T>): value is PromiseLike<T> =>
  typeof (value as Partial<PromiseLike<T>> | null | undefined)?.then === "function";

function iteratorOf<Piece>(source: Source<Piece>): AnyIterator<Piece> {
  const { [Symbol.asyncIterator]: begin } = source as Partial<AsyncIterable<Piece>>;
  return begin?.call(source) ?? (source as Iterable<Piece>)[Symbol.iterator]();
}

/**
 * Yields what a source yields. Closes the source, with its iterator's `return`, when the caller leaves the
 * loop, the signal aborts or the time is over, also while the source is being waited for; it does not wait
 * for a `return` that must itself wait for the source.
 */
export async function* readPieces<Piece>(
  source: Source<Piece>,
  { signal, until = Number.POSITIVE_INFINITY, onCut }: ReadLimits = {},
): AsyncGenerator<Piece, void, undefined> {
  const iterator = iteratorOf(source);
  const isLimited = signal !== undefined || until < Number.POSITIVE_INFINITY;
  let isEnded = false;
  let isForced = false;
  /** Ends the wait for the source. */
  let end = () => {};
  const wait = (step: PromiseLike<Step<Piece>>): PromiseLike<Step<Piece> | undefined> =>
    isLimited
      ? new Promise((resolve, reject) => {
          end = () => resolve(undefined);
          step.then(resolve, reject);
        })
      : step;
  const stopListening = onAbort(signal, () => end());
  const delay = Math.min(MOST_MILLISECONDS, Math.max(0, until - now()));
  const stopWaiting = until === Number.POSITIVE_INFINITY ? () => {} : after(delay, () => end());
  let turned = now();
  try {
    for (;;) {
      const time = now();
      if (time - turned > TURN_MILLISECONDS) {
        await new Promise<void>((resolve) => nextTurn(resolve));
        turned = now();
      }
      isForced = signal?.aborted === true || time >= until;
      if (isForced) break;
      let step: Step<Piece> | undefined;
      try {
        const next = iterator.next();
        step = isPromise(next) ? await wait(next) : next;
      } catch (error) {
        isEnded = true;
        throw error;
      }
      if (step === undefined) {
        isForced = true;
        break;
      }
      isEnded = step.done === true;
      if (step.done) return;
      yield isPromise(step.value) ? await step.value : step.value;
    }
    signal?.throwIfAborted();
    onCut?.();
  } finally {
    stopListening();
    stopWaiting();
    if (!isEnded) {
      const closed = (async () => iterator.return?.())();
      if (isForced) closed.catch(() => {});
      else await closed;
    }
  }
}

/**
 * Makes an async generator whose `return` does not wait for a read: it aborts the generator's signal, and the
 * `next` that waits gives the end.
 */
export function interruptible<Piece>(
  given: AbortSignal | undefined,
  begin: (signal: AbortSignal) => AsyncGenerator<Piece, void, undefined>,
): AsyncGenerator<Piece, void, undefined> {
  const closing = new AbortController();
  const generator = begin(given === undefined ? closing.signal : AbortSignal.any([given, closing.signal]));
  const { next, return: close } = generator;
  let waiting = 0;
  generator.next = async () => {
    waiting++;
    try {
      return await next.call(generator);
    } catch (error) {
      if (!closing.signal.aborted || error !== closing.signal.reason) throw error;
      return { done: true, value: undefined };
    } finally {
      waiting--;
    }
  };
  generator.return = (value) => {
    if (waiting > 0) closing.abort();
    return close.call(generator, value);
  };
  return generator;
}
