/** Loads the best kernel of a host that loads WebAssembly asynchronously. */
import { prepareWasm } from "#wasm";
import { checkNames } from "../options.ts";
import { chooseKernel } from "./choose.ts";
import type { KernelName } from "./kernel.ts";
import type { WasmSource } from "./wasm/fetched.ts";

/** The options of {@link ready}. */
export interface ReadyOptions {
  /**
   * Where the WebAssembly module comes from, instead of the package's own file: its address as a string or
   * `URL`, a `Response` with it, its bytes, a `WebAssembly.Module`, or a promise of one of these. Models that
   * exist keep their kernel.
   */
  readonly module?: WasmSource | PromiseLike<WasmSource> | undefined;
}

/**
 * Resolves when the best kernel of this host can be used, to the name of that kernel and the reason for the
 * choice, as `model.kernel` has them. In a browser this loads the WebAssembly kernel once. On Node, Bun and Deno
 * kernels load when the first model is made, so that there is nothing to wait for.
 *
 * A model keeps the kernel that it is made with. In a browser, a model that is made before `ready` resolves uses
 * the TypeScript kernel, which is slower, and nothing is fetched unless `ready` is called.
 *
 * It also resolves if the WebAssembly kernel does not load. Models then use the TypeScript kernel, and `reason`
 * says why. A later call tries again.
 *
 * @example
 * ```ts
 * const { name, reason } = await ready();
 * console.log(name, reason); // wasm, in a browser
 * const model = new Model({ inputs: 2, layers: [dense(1)], loss: "meanSquaredError", optimizer: "sgd" });
 * ```
 *
 * @throws OptionError for an unknown option, or a module of another type; KernelError if `MYELIN_KERNEL` requests
 * a kernel that is not available.
 */
export async function ready(options: ReadyOptions = {}): Promise<{ name: KernelName; reason: string }> {
  checkNames(options, ["module"], "ready");
  await prepareWasm(options.module as WasmSource | undefined);
  const { kernel, reason } = chooseKernel();
  return { name: kernel.name, reason };
}
