/**
 * What the host offers, as it is when this module loads: a test runner may replace the clock and the timers later, and
 * code that waits for a replaced timer may wait forever. Where something is missing, or is replaced already, the next
 * best takes its place.
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

/** What the fake timers of the common test runners install has a property `clock`. */
const real = <T extends object>(given: T | undefined): T | undefined =>
  given === undefined || "clock" in given ? undefined : given;

/** A module of Node, Bun or Deno; undefined elsewhere, and on hosts that do not give it in this way. */
const builtin = <T>(name: string): T | undefined => host.process?.getBuiltinModule?.(name) as T | undefined;

const timers = [host, builtin<Timers>("timers")].find((given) => real(given?.setTimeout)) ?? host;
const { setTimeout: start, clearTimeout: clear, setInterval: repeat, clearInterval: stop } = timers;
const immediate = real(host.setImmediate) ?? real(builtin<Timers>("timers")?.setImmediate);
const clock =
  real(host.performance) ?? builtin<{ performance: Clock }>("perf_hooks")?.performance ?? (Date as Clock);

/** Milliseconds since some moment. */
export const now: () => number = clock.now.bind(clock);

/** Calls back once when the time is over, unless the returned function is called before. */
export function after(milliseconds: number, callback: Callback): Callback {
  const timer = start?.(callback, milliseconds);
  return () => clear?.(timer);
}

/** Calls back again and again, until the returned function is called. */
export function every(milliseconds: number, callback: Callback): Callback {
  const timer = repeat?.(callback, milliseconds);
  return () => stop?.(timer);
}

/** Calls back when a message to itself arrives, which takes no longer than one turn of the event loop. */
function afterMessage(Channel: NonNullable<Host["MessageChannel"]>, callback: Callback): void {
  const { port1, port2 } = new Channel();
  port1.onmessage = () => {
    port1.close();
    callback();
  };
  port2.postMessage(null);
}

/**
 * Calls back after one turn of the event loop. A browser's timers wait 4 ms, so a message comes first. A host that has
 * nothing of the kind calls back before anything else: other work then waits, but nothing waits forever.
 */
export function nextTurn(callback: Callback): void {
  if (immediate !== undefined) immediate(callback);
  else if (MessageChannel !== undefined) afterMessage(MessageChannel, callback);
  else if (real(start) !== undefined) start!(callback, 0);
  else Promise.resolve().then(callback);
}

/** Text as UTF-8. */
export function encodeText(text: string): Uint8Array {
  if (TextEncoder !== undefined) return new TextEncoder().encode(text);
  // Half of a surrogate pair has no UTF-8: TextEncoder writes U+FFFD in its place.
  const bytes = encodeURIComponent(text.replace(/\p{Surrogate}/gu, "\ufffd"));
  return Uint8Array.from(bytes.match(/%..|./gs) ?? [], (byte) =>
    byte.length > 1 ? Number.parseInt(byte.slice(1), 16) : byte.charCodeAt(0),
  );
}

/** Text from UTF-8; throws where the bytes are not UTF-8. */
export function decodeText(bytes: Uint8Array): string {
  if (TextDecoder !== undefined)
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  return decodeURIComponent(Array.from(bytes, (byte) => `%${byte.toString(16).padStart(2, "0")}`).join(""));
}

/** A whole number from 0 to 2^32 - 1 that nobody can know. Without the host's own source any number serves. */
export const randomNumber = (): number =>
  crypto?.getRandomValues(new Uint32Array(1))[0] ?? Math.floor(Math.random() * 2 ** 32);

/**
 * Returns the value of an environment variable, or `undefined` where it is unset or empty.
 *
 * A host without an environment has an empty one. So has a host that refuses to show it: Deno throws
 * `NotCapable` without `--allow-env`.
 */
export function environmentVariable(name: string): string | undefined {
  try {
    return host.process?.env?.[name] || undefined;
  } catch {
    return undefined;
  }
}
