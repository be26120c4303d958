/**
 * The host's clock, timers and environment, as they are when this module loads. A test runner may replace the
 * clock and the timers later, and code that waits for a replaced timer may wait forever. If one is missing or
 * already replaced, the next best is used.
 */

type Callback = () => void;
interface Timers {
  setImmediate?(callback: Callback): unknown;
  setTimeout?(callback: Callback, milliseconds: number): unknown;
  clearTimeout?(timer: unknown): void;
  setInterval?(callback: Callback, milliseconds: number): unknown;
  clearInterval?(timer: unknown): void;
}
interface Clock {
  now(): number;
}
interface Port {
  onmessage: unknown;
  postMessage(message: null): void;
  close(): void;
}
interface Host extends Timers {
  performance?: Clock;
  MessageChannel?: new () => { readonly port1: Port; readonly port2: Port };
  TextEncoder?: new () => { encode(text: string): Uint8Array };
  TextDecoder?: new (label: string, options: object) => { decode(bytes: Uint8Array): string };
  crypto?: { getRandomValues(values: Uint32Array): Uint32Array };
  process?: {
    readonly env?: Record<string, string | undefined>;
    getBuiltinModule?(name: string): unknown;
  };
}

const host: Host = globalThis as object;
const { MessageChannel, TextEncoder, TextDecoder, crypto } = host;

/** Returns what is given unless it is fake: the fakes of common test runners have a property `clock`. */
const real = <T extends object>(given: T | undefined): T | undefined =>
  given === undefined || "clock" in given ? undefined : given;

/** Returns a module of Node, Bun or Deno; undefined where there is no `getBuiltinModule`. */
export const builtin = <T>(name: string): T | undefined =>
  host.process?.getBuiltinModule?.(name) as T | undefined;

const timers = [host, builtin<Timers>("timers")].find((given) => real(given?.setTimeout)) ?? host;
const { setTimeout: start, clearTimeout: clear, setInterval: repeat, clearInterval: stop } = timers;
const immediate = real(host.setImmediate) ?? real(builtin<Timers>("timers")?.setImmediate);
const clock =
  real(host.performance) ?? builtin<{ performance: Clock }>("perf_hooks")?.performance ?? (Date as Clock);

/** Returns the time in milliseconds since an arbitrary moment. */
export const now: () => number = clock.now.bind(clock);

/** Calls `callback` once after this time, unless the returned function is called before. */
export function after(milliseconds: number, callback: Callback): Callback {
  const timer = start?.(callback, milliseconds);
  return () => clear?.(timer);
}

/** Calls `callback` at this interval until the returned function is called. */
export function every(milliseconds: number, callback: Callback): Callback {
  const timer = repeat?.(callback, milliseconds);
  return () => stop?.(timer);
}

/** Calls `callback` when a message to itself arrives, which takes at most one turn of the event loop. */
function afterMessage(Channel: NonNullable<Host["MessageChannel"]>, callback: Callback): void {
  const { port1, port2 } = new Channel();
  port1.onmessage = () => {
    port1.close();
    callback();
  };
  port2.postMessage(null);
}

/**
 * Calls `callback` after one turn of the event loop. A message is preferred to a timer, because a browser's
 * timers wait 4 ms. A host with neither uses a microtask: other work then waits, but nothing waits forever.
 */
export function nextTurn(callback: Callback): void {
  if (immediate !== undefined) immediate(callback);
  else if (MessageChannel !== undefined) afterMessage(MessageChannel, callback);
  else if (real(start) !== undefined) start!(callback, 0);
  else Promise.resolve().then(callback);
}

/** Encodes text as UTF-8. */
export function encodeText(text: string): Uint8Array {
  if (TextEncoder !== undefined) return new TextEncoder().encode(text);
  // Half of a surrogate pair has no UTF-8 encoding: TextEncoder writes U+FFFD in its place.
  const bytes = encodeURIComponent(text.replace(/\p{Surrogate}/gu, "\ufffd"));
  return Uint8Array.from(bytes.match(/%..|./gs) ?? [], (byte) =>
    byte.length > 1 ? Number.parseInt(byte.slice(1), 16) : byte.charCodeAt(0),
  );
}

/** Decodes text from UTF-8; throws if the bytes are not UTF-8. */
export function decodeText(bytes: Uint8Array): string {
  if (TextDecoder !== undefined)
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  return decodeURIComponent(Array.from(bytes, (byte) => `%${byte.toString(16).padStart(2, "0")}`).join(""));
}

/** Returns an unpredictable whole number from 0 to 2^32 - 1; from `Math.random` on hosts without `crypto`. */
export const randomNumber = (): number =>
  crypto?.getRandomValues(new Uint32Array(1))[0] ?? Math.floor(Math.random() * 2 ** 32);

/**
 * Returns the value of an environment variable, or `undefined` if it is unset or empty.
 *
 * On a host without an environment, or one that refuses access to it, every variable is unset: Deno throws
 * `NotCapable` without `--allow-env`.
 */
export function environmentVariable(name: string): string | undefined {
  try {
    return host.process?.env?.[name] || undefined;
  } catch {
    return undefined;
  }
}
