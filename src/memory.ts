/**
 * Refuses what would not fit in memory before it is allocated: an operating system that promises more memory
 * than it has kills the process later, when the memory is used.
 */
import { KernelError } from "./errors.ts";

/** In bytes. Smaller allocations are not checked: the check would take longer than using the memory. */
const SMALL = 2 ** 24;

/** The bytes that stay free for the process itself. */
const RESERVE = 2 ** 25;

/** What `process` of Node, Bun and Deno offers to find out about memory. */
interface Host {
  readonly platform?: string;
  availableMemory?(): number;
  constrainedMemory?(): number;
  getBuiltinModule?(name: string): unknown;
}

const host = () => (globalThis as { process?: Host }).process ?? {};

type Read = (path: string) => string;

/** Returns what `look` reads from Linux's files; 0 if they are missing or have another form. */
function find(look: (read: Read) => number): number {
  try {
    const files = host().getBuiltinModule!("fs") as { readFileSync(path: string, encoding: "utf8"): string };
    return look((path) => files.readFileSync(path, "utf8"));
  } catch {
    return 0;
  }
}

/**
 * Returns the bytes of cached file pages in the container. They count as used memory, but the system drops
 * them when a process needs memory.
 */
function filePages(read: Read): number {
  const [, controller, group] = /^\d+:(memory|):(.*)$/m.exec(read("/proc/self/cgroup"))!;
  const stat = (path: string) => read(`/sys/fs/cgroup/${controller}${path}/memory.stat`);
  const own = find(() => sumOfPages(stat(group)));
  return own > 0 ? own : sumOfPages(stat(""));
}

function sumOfPages(stat: string): number {
  const pages = Array.from(stat.matchAll(/^(?:in)?active_file (\d+)$/gm), ([, bytes]) => Number(bytes));
  return pages.reduce((sum, bytes) => sum + bytes, 0);
}

/** Returns the bytes of address space left under `ulimit -v`; 0 without such a limit. */
function addressesLeft(read: Read): number {
  const limit = /^Max address space\s+(\d+)/m.exec(read("/proc/self/limits"));
  const used = /^VmSize:\s+(\d+) kB/m.exec(read("/proc/self/status"));
  return limit === null ? 0 : Number(limit[1]) - 1024 * Number(used![1]);
}

/**
 * Returns the bytes that this process can still take, within the limits of the process and its container, as
 * far as the host tells. Other systems than Linux do not kill a process for using memory that was promised,
 * and their free memory leaves out what they could free. There the machine's total memory counts.
 */
function availableMemory(bytes: number): number {
  const system = host();
  if (system.platform !== "linux") {
    const os = system.getBuiltinModule?.("os") as { totalmem(): number } | undefined;
    return os?.totalmem() ?? Number.POSITIVE_INFINITY;
  }
  let available = system.availableMemory?.() ?? Number.POSITIVE_INFINITY;
  const limit = system.constrainedMemory?.() ?? 0;
  const isLimited = limit > 0 && limit < 2 ** 50;
  if (isLimited && bytes > available - RESERVE) available = Math.min(available + find(filePages), limit);
  const addresses = find(addressesLeft);
  return Math.min(available, addresses === 0 ? Number.POSITIVE_INFINITY : addresses) - RESERVE;
}

/** Returns the bytes that lists of numbers can still take: V8's heap has a limit of its own. */
function availableHeap(): number {
  type Heap = { readonly heap_size_limit: number; readonly used_heap_size: number };
  const v8 = host().getBuiltinModule?.("v8") as { getHeapStatistics(): Heap } | undefined;
  const heap = v8?.getHeapStatistics();
  return heap === undefined ? Number.POSITIVE_INFINITY : heap.heap_size_limit - heap.used_heap_size;
}

const gigabytes = (bytes: number) => `${(bytes / 1e9).toPrecision(2)} GB`;

/** What does not fit, like "5 rows"; a function where building the text would slow down a frequent call. */
type What = string | (() => string);

const words = (what: What) => `${typeof what === "string" ? what : what()} do not fit in memory`;

function check(bytes: number, available: number, what: What): void {
  if (bytes <= available) return;
  const figures = `they need about ${gigabytes(bytes)}, ${gigabytes(Math.max(0, available))} are available`;
  throw new KernelError(`${words(what)}: ${figures}`);
}

/** Returns the bytes that a call may plan to take: half of what the process can still take. */
export const plannableMemory = (): number => availableMemory(0) / 2;

/** Throws a {@link KernelError} that says what does not fit if fewer than `bytes` are available. */
export function checkMemory(bytes: number, what: What): void {
  if (bytes >= SMALL) check(bytes, availableMemory(bytes), what);
}

/** Does the same for numbers in `lists` lists, which V8 doubles in size while they grow. */
export function checkLists(numbers: number, lists: number, what: What): void {
  const bytes = 16 * numbers + 64 * lists;
  if (bytes < SMALL) return;
  checkMemory(bytes, what);
  check(bytes, availableHeap(), what);
}

/** Returns an array of zeros, or throws a {@link KernelError} if it does not fit. */
export function allocate(length: number, what: What): Float32Array<ArrayBuffer> {
  checkMemory(length * Float32Array.BYTES_PER_ELEMENT, what);
  try {
    return new Float32Array(length);
  } catch (error) {
    throw new KernelError(words(what), { cause: error });
  }
}
