/**
 * Refuses what would not fit in memory before anything is allocated: an operating system that promises more
 * than it has ends the process when the promise comes due.
 */
import { KernelError } from "./errors.ts";

/** Needs below this are not worth asking the host about. */
const SMALL = 2 ** 28;

/** The bytes that this process can still take, as far as the host says. */
function availableMemory(): number {
  const host = globalThis as { process?: { availableMemory?: () => number } };
  return host.process?.availableMemory?.() ?? Number.POSITIVE_INFINITY;
}

const gigabytes = (bytes: number) => `${(bytes / 1e9).toPrecision(2)} GB`;

/**
 * Throws a {@link KernelError} that says what does not fit, "5 rows" for instance, if so many bytes cannot be
 * had. `what` is a function where making the words would cost a call that is often made.
 */
export function checkMemory(bytes: number, what: string | (() => string)): void {
  if (bytes < SMALL) return;
  const available = availableMemory();
  if (bytes > available) {
    throw new KernelError(
      `${typeof what === "string" ? what : what()} do not fit in memory: they need about ${gigabytes(bytes)}, ${gigabytes(available)} are available`,
    );
  }
}
