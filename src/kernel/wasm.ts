/** Loads the WebAssembly kernel from the files beside it, on Node, Bun and Deno. */
import { loadModules, type WasmLoad } from "./wasm/kernel.ts";

/** The fused module, which needs relaxed SIMD, and the one without it. */
const FILES = ["myelin.wasm", "myelin-unfused.wasm"];

/** A bundle in CommonJS format has no `import.meta.url`. In one expression with it, a bundler would follow the URL. */
const place = import.meta.url as string | undefined;

function load(): WasmLoad {
  const { readFileSync } = process.getBuiltinModule("node:fs");
  return loadModules(FILES.map((file) => () => readFileSync(new URL(file, place))));
}

let loaded: WasmLoad | undefined;

/** Returns the WebAssembly kernel, or why there is none. Later calls return the result of the first. */
export function loadWasm(): WasmLoad {
  loaded ??= load();
  return loaded;
}
