/** Loads the WebAssembly kernel from the files beside it, on Node, Bun and Deno. */
import { fetchModule, loadSource, type WasmSource } from "./wasm/fetched.ts";
import { loadModules, type WasmLoad } from "./wasm/kernel.ts";

/** The fused module, which needs relaxed SIMD, and the one without it. */
const FILES = ["myelin.wasm", "myelin-unfused.wasm"];

/** A bundle in CommonJS format has no `import.meta.url`. In one expression with it, a bundler would follow the URL. */
const place = import.meta.url as string | undefined;

/** Reads the file at an address. */
const readFile = (address: string | URL) => process.getBuiltinModule("node:fs").readFileSync(address);

const load = (): WasmLoad => loadModules(FILES.map((file) => () => readFile(new URL(file, place))));

let loaded: WasmLoad | undefined;

/** Returns the WebAssembly kernel, or why there is none. Later calls return the result of the first. */
export function loadWasm(): WasmLoad {
  loaded ??= load();
  return loaded;
}

/** Loads the WebAssembly kernel from a source, if there is one. Without it, `loadWasm` needs no preparation. */
export async function prepareWasm(source?: WasmSource): Promise<void> {
  if (source === undefined) return;
  loaded = await loadSource(source, async (address) =>
    address.startsWith("file:") ? readFile(new URL(address)) : fetchModule(address),
  );
}
