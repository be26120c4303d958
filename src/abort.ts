/** Calls that a signal ends: one listener for each signal, however many calls share it. */

type Callback = () => void;

interface Shared {
  readonly callbacks: Set<Callback>;
  readonly listener: Callback;
}

/** The signals that calls under way listen to. */
const shared = new WeakMap<AbortSignal, Shared>();

function share(signal: AbortSignal): Shared {
  const callbacks = new Set<Callback>();
  const listener = () => {
    for (const callback of callbacks) callback();
  };
  signal.addEventListener("abort", listener);
  return { callbacks, listener };
}

/** Calls back when the signal aborts, until the returned function is called. */
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
