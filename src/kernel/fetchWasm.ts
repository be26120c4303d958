/**
 * Replaces `wasm.ts` on hosts other than Node, Bun and Deno, such as browsers. They load modules asynchronously,
 * so nothing is loaded before `ready` is called.
 */
import { loadFile, loadSource, type WasmSource } from "./wasm/fetched.ts";
import type { WasmLoad } from "./wasm/kernel.ts";

let loaded: WasmLoad = {
  kernel: undefined,
  reason: "the WebAssembly kernel is not loaded: await ready() before a model is made",
};

/** Returns the WebAssembly kernel, or why there is none. */
export function loadWasm(): WasmLoad {
  return loaded;
}

/** Waits for the call before, so that calls at the same time load one module. */
let last: Promise<void> = Promise.resolve();

// Bundlers find the files by the exact form of these expressions.
const fused = () => new URL("./myelin.wasm", import.meta.url);
const unfused = () => new URL("./myelin-unfused.wasm", import.meta.url);

async function prepare(source: WasmSource | undefined): Promise<void> {
  if (source !== undefined) loaded = await loadSource(source);
  else if (loaded.kernel === undefined) loaded = await loadFile(fused, unfused);
}

/** Loads the WebAssembly kernel from the source, or once from the package's own file. */
export function prepareWasm(source?: WasmSource): Promise<void> {
  const current = last.then(() => prepare(source));
  last = current.catch(() => {});
  return current;
}
