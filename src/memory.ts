/**
 * Refuses what would not fit in memory before anything is allocated: an operating system that promises more
 * than it has ends the process when the promise comes due.
 */
import { KernelError } from "./errors.ts";

/** Smaller needs are not checked: asking the host takes longer than to use so little memory. */
const SMALL = 2 ** 24;

/** What stays free for the process itself. */
const RESERVE = 2 ** 25;

/** What Node, Bun and Deno tell about memory. */
interface Host {
  readonly platform?: string;
  availableMemory?(): number;
  constrainedMemory?(): number;
  getBuiltinModule?(name: string): unknown;
}

const host = () => (globalThis as { process?: Host }).process ?? {};

type Read = (path: string) => string;

/** What `look` finds in files of Linux; 0 where there is none. */
function find(look: (read: Read) => number): number {
  try {
    const files = host().getBuiltinModule!("fs") as { readFileSync(path: string, encoding: "utf8"): string };
    return look((path) => files.readFileSync(path, "utf8"));
  } catch {
    return 0;
  }
}

/**
 * The pages of files in the container's account. They count as used there, but the system drops them where a
 * process needs memory.
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

/** The rest of the addresses that `ulimit -v` gives the process; 0 without such a limit. */
function addressesLeft(read: Read): number {
  const limit = /^Max address space\s+(\d+)/m.exec(read("/proc/self/limits"));
  const used = /^VmSize:\s+(\d+) kB/m.exec(read("/proc/self/status"));
  return limit === null ? 0 : Number(limit[1]) - 1024 * Number(used![1]);
}

/**
 * The bytes that this process can still take, within the limits of the process and its container, as far as the
 * host says. Systems other than Linux do not end a process for using what they promised, and leave out of the
 * free memory what they could free: there the machine's whole memory counts.
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

/** The bytes that lists of numbers can still take: the heap has a limit of its own. */
function availableHeap(): number {
  type Heap = { readonly heap_size_limit: number; readonly used_heap_size: number };
  const v8 = host().getBuiltinModule?.("v8") as { getHeapStatistics(): Heap } | undefined;
  const heap = v8?.getHeapStatistics();
  return heap === undefined ? Number.POSITIVE_INFINITY : heap.heap_size_limit - heap.used_heap_size;
}

const gigabytes = (bytes: number) => `${(bytes / 1e9).toPrecision(2)} GB`;

/** What does not fit, "5 rows" for instance; a function where making the words would cost a call that is often made. */
type What = string | (() => string);

const words = (what: What) => `${typeof what === "string" ? what : what()} do not fit in memory`;

function check(bytes: number, available: number, what: What): void {
  if (bytes <= available) return;
  const figures = `they need about ${gigabytes(bytes)}, ${gigabytes(Math.max(0, available))} are available`;
  throw new KernelError(`${words(what)}: ${figures}`);
}

/** Throws a {@link KernelError} that says what does not fit if the host does not have so many bytes. */
export function checkMemory(bytes: number, what: What): void {
  if (bytes >= SMALL) check(bytes, availableMemory(bytes), what);
}

/** The same for numbers in so many lists, which V8 doubles in size while they grow. */
export function checkLists(numbers: number, lists: number, what: What): void {
  const bytes = 16 * numbers + 64 * lists;
  if (bytes < SMALL) return;
  checkMemory(bytes, what);
  check(bytes, availableHeap(), what);
}

/** Zeros, or a {@link KernelError} if they do not fit. */
export function allocate(length: number, what: What): Float32Array<ArrayBuffer> {
  checkMemory(length * Float32Array.BYTES_PER_ELEMENT, what);
  try {
    return new Float32Array(length);
  } catch (error) {
    throw new KernelError(words(what), { cause: error });
  }
}
