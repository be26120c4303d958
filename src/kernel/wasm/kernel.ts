/** The WebAssembly kernel: the Rust core on hosts that load no native addon. */
import { KernelError } from "../../errors.ts";
import { version } from "../../version.ts";
import type { Kernel } from "../kernel.ts";
import { selfTest } from "../selfTest.ts";
import { trainInTurn } from "../trainInTurn.ts";
import { type BufferSource, compile, Instance, type WasmModule } from "./instance.ts";
import { WasmData, WasmNetwork } from "./network.ts";

/** The kernel, or why there is none. */
export type WasmLoad =
  | { readonly kernel: Kernel; readonly reason: string }
  | { readonly kernel: undefined; readonly reason: string };

function wrap(instance: Instance): Kernel {
  return {
    name: "wasm",
    dataset: (x, y, inputs, outputs, weights) => new WasmData(instance, { x, y, inputs, outputs, weights }),
    network: (program) => new WasmNetwork(instance, program),
    footprint: (program) => {
      const { footprint } = instance.exports;
      instance.withText(JSON.stringify(program), (text, length) =>
        instance.check(instance.call(() => footprint(text, length))),
      );
      const [network, row] = instance.numbers(2);
      return { network, row };
    },
    trainMany: trainInTurn,
  };
}

/** Returns what `model.kernel` says about rounding. */
const rounding = (isFused: boolean) =>
  isFused
    ? "fused multiply-add: the bits of the native kernel"
    : "multiply-add rounds twice: other bits than the native kernel";

/** Makes the kernel from a compiled module. Throws an error if the module does not work on this host. */
export function wasmKernel(module: WasmModule): Exclude<WasmLoad, { kernel: undefined }> {
  const instance = new Instance(module);
  instance.exports.version();
  const found = instance.message();
  if (found !== version) throw new KernelError(`the module has version ${found}, expected ${version}`);
  const kernel = wrap(instance);
  selfTest(kernel);
  return { kernel, reason: `WebAssembly, ${rounding(instance.isFused)}` };
}

/**
 * Makes the kernel from the first of several modules that this host accepts. Each is compiled, or a function
 * that returns its bytes.
 */
export function loadModules(modules: readonly (WasmModule | (() => BufferSource))[]): WasmLoad {
  let reason = "there is no module";
  for (const given of modules) {
    try {
      return wasmKernel(typeof given === "function" ? compile(given()) : given);
    } catch (error) {
      reason = (error as Error).message.split("\n")[0];
    }
  }
  return { kernel: undefined, reason: `the WebAssembly module does not load: ${reason}` };
}
