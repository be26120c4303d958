/** Abort signals: one listener for each signal, however many calls share it; pauses that react to a signal. */
import { nextTurn, now } from "./host.ts";

type Callback = () => void;

interface Shared {
  readonly callbacks: Set<Callback>;
  readonly listener: Callback;
}

/** The signals that running calls listen to. */
const shared = new WeakMap<AbortSignal, Shared>();

function share(signal: AbortSignal): Shared {
  const callbacks = new Set<Callback>();
  const listener = () => {
    for (const callback of callbacks) callback();
  };
  signal.addEventListener("abort", listener);
  return { callbacks, listener };
}

/** Calls `callback` when the signal aborts, unless the returned function has been called. */
export function onAbort(signal: AbortSignal | undefined, callback: Callback): Callback {
  if (signal === undefined) return () => {};
  const { callbacks, listener } = shared.get(signal) ?? share(signal);
  shared.set(signal, { callbacks, listener });
  callbacks.add(callback);
  return () => {
    callbacks.delete(callback);
    if (callbacks.size > 0) return;
    signal.removeEventListener("abort", listener);
    shared.delete(signal);
  };
}

/** How long a computation may block the event loop. */
const PAUSE_MILLISECONDS = 20;

/** Returns a function that yields to the event loop when a pause is due, and throws if the signal aborted. */
export function pauser(signal: AbortSignal | undefined): () => Promise<void> {
  let since = now();
  return async () => {
    if (now() - since < PAUSE_MILLISECONDS) return;
    await new Promise<void>(nextTurn);
    signal?.throwIfAborted();
    since = now();
  };
}
