/** Replaces `wasm.ts` on hosts other than Node, Bun and Deno, such as browsers. */
import type { WasmLoad } from "./wasm/kernel.ts";

/** Returns why there is no WebAssembly kernel. */
export function loadWasm(): WasmLoad {
  return {
    kernel: undefined,
    reason: "the WebAssembly kernel is loaded from a file, which this host has not",
  };
}
