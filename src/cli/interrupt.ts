/** Ctrl-C and SIGTERM: what a command does first, and what it leaves behind. */
import { EXIT } from "./failures.ts";

type Callback = () => void;

/** What to do before the process ends: remove a temporary file, for example. */
const cleanups = new Set<Callback>();
/** What a first Ctrl-C does in place of ending the process. */
let handler: Callback | undefined;
let isListening = false;

function end(code: number): never {
  for (const cleanup of cleanups) {
    try {
      cleanup();
    } catch {
      // The process ends all the same.
    }
  }
  process.exit(code);
}

function listen(): void {
  if (isListening) return;
  isListening = true;
  process.on("SIGINT", () => {
    const once = handler;
    handler = undefined;
    if (once === undefined) end(EXIT.interrupted);
    once();
  });
  process.on("SIGTERM", () => end(EXIT.terminated));
  process.on("SIGHUP", () => end(129));
}

/**
 * Calls `stop` at the first Ctrl-C; the second one ends the process. The returned function ends this: the
 * next Ctrl-C then ends the process.
 */
export function onInterrupt(stop: Callback): Callback {
  listen();
  handler = stop;
  return () => {
    if (handler === stop) handler = undefined;
  };
}

/** Calls `cleanup` if a signal ends the process, unless the returned function has been called. */
export function beforeEnd(cleanup: Callback): Callback {
  listen();
  cleanups.add(cleanup);
  return () => void cleanups.delete(cleanup);
}
