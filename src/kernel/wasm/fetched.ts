/** Loads the WebAssembly kernel asynchronously: from an address, a response, bytes or a compiled module. */
import { KernelError, OptionError, show } from "../../errors.ts";
import {
  type BufferSource,
  type HostWebAssembly,
  IMPORTS,
  type WasmModule,
  webAssembly,
} from "./instance.ts";
import { noKernel, type WasmLoad, wasmKernel } from "./kernel.ts";

/** What this file needs of a `Response`. */
interface ResponseLike {
  readonly ok: boolean;
  readonly status: number;
  readonly url: string;
  readonly headers: { get(name: string): string | null };
  arrayBuffer(): Promise<ArrayBuffer>;
}

/**
 * Where the module comes from: its address as a string or `URL`, a `Response` with it, its bytes, or a
 * `WebAssembly.Module`.
 */
export type WasmSource = string | { readonly href: string } | ResponseLike | BufferSource | WasmModule;

/** Reads the module at an address. */
export type Read = (address: string) => Promise<ResponseLike | BufferSource>;

/** The sections of small modules. A host that lacks the feature refuses the module. */
const PROBES = {
  empty: [],
  // i8x16.popcnt
  simd: [1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11],
  // i8x16.relaxed_swizzle
  relaxedSimd: [
    ...[1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 15, 1, 13, 0],
    ...[65, 1, 253, 15, 65, 2, 253, 15, 253, 128, 2, 11],
  ],
};

const probe = (name: keyof typeof PROBES) => Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0, ...PROBES[name]);

/** Throws an error unless the host compiles modules. */
function expectCompiler(host: HostWebAssembly): void {
  try {
    new host.Module(probe("empty"));
  } catch (error) {
    const fix =
      "allow it with script-src 'wasm-unsafe-eval'; on workerd, import the module: ready({ module })";
    throw new KernelError(`this host does not compile WebAssembly (${(error as Error).message}): ${fix}`);
  }
}

/** Reads an address with the host's `fetch`. */
export const fetchModule: Read = async (address) => {
  const { fetch } = globalThis as { fetch?: (address: string) => Promise<ResponseLike> };
  if (fetch === undefined) throw new KernelError("this host has no fetch");
  return fetch(address);
};

/**
 * Compiles a module. A response is compiled while it arrives, and its code may come from the host's cache. Hosts
 * do that only if the response has the media type of modules, without parameters.
 */
async function compile(source: ResponseLike | BufferSource): Promise<WasmModule> {
  const host = webAssembly();
  if (!("arrayBuffer" in source)) return host.compile(source);
  if (!source.ok) throw new KernelError(`the server answered with status ${source.status}`);
  const isTyped = source.headers.get("content-type") === "application/wasm";
  if (isTyped && host.compileStreaming !== undefined) return host.compileStreaming(source);
  return host.compile(await source.arrayBuffer());
}

/** Compiles the module at an address. Errors name the address. */
async function compileAt(address: string, read: Read): Promise<WasmModule> {
  try {
    return await compile(await read(address));
  } catch (error) {
    throw new KernelError(`${address}: ${(error as Error).message}`, { cause: error });
  }
}

const kindOf = (value: unknown) => Object.prototype.toString.call(value).slice(8, -1);

/** Returns a function that makes the module, or throws an {@link OptionError} if the source is something else. */
function moduleOf(source: unknown, read: Read): () => Promise<WasmModule> {
  if (typeof source === "string") return () => compileAt(source, read);
  if (kindOf(source) === "WebAssembly.Module") return async () => source as WasmModule;
  if (ArrayBuffer.isView(source) || /^(Shared)?ArrayBuffer$/.test(kindOf(source)))
    return () => compile(source as BufferSource);
  if (typeof source === "object" && source !== null) {
    if ("href" in source) return () => compileAt(String(source.href), read);
    if ("arrayBuffer" in source) return () => compile(source as unknown as ResponseLike);
  }
  const expected = "an address, a Response, bytes or a WebAssembly.Module";
  throw new OptionError(`ready: module: expected ${expected}, received ${show(source)}`);
}

/** Makes the kernel from a compiled module. The result of a failure is the reason. */
async function load(make: () => Promise<WasmModule>): Promise<WasmLoad> {
  try {
    const { exports } = await webAssembly().instantiate(await make(), IMPORTS);
    return wasmKernel(exports);
  } catch (error) {
    if (error instanceof OptionError) throw error;
    return noKernel(error);
  }
}

/** Loads the kernel from the source that a user gives, or a promise of it, with `read` for addresses. */
export function loadSource(source: unknown, read = fetchModule): Promise<WasmLoad> {
  return load(async () => moduleOf(await source, read)());
}

/** Loads the kernel from one of the package's files: the fused one if the host has relaxed SIMD. */
export function loadFile(fused: () => { href: string }, unfused: () => { href: string }): Promise<WasmLoad> {
  return load(async () => {
    const host = webAssembly();
    expectCompiler(host);
    if (!host.validate(probe("simd"))) throw new KernelError("the host has no 128-bit SIMD");
    const address = host.validate(probe("relaxedSimd")) ? fused() : unfused();
    return compileAt(address.href, fetchModule);
  });
}
