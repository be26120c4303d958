/** The WebAssembly kernel: the Rust core on hosts that load no native addon. */

import { KernelError } from "../../errors.ts";
import { version } from "../../version.ts";
import type { Kernel } from "../kernel.ts";
import { scaleInputs } from "../scaleInputs.ts";
import { selfTest } from "../selfTest.ts";
import { trainInTurn } from "../trainInTurn.ts";
import { type BufferSource, Instance, instantiate } from "./instance.ts";
import { WasmData, WasmNetwork } from "./network.ts";

/** The kernel, or why there is none. */
export type WasmLoad =
  | { readonly kernel: Kernel; readonly reason: string }
  | { readonly kernel: undefined; readonly reason: string };

function wrap(instance: Instance): Kernel {
  return {
    name: "wasm",
    dataset: (x, y, inputs, outputs, weights, scales) =>
      new WasmData(instance, { x: scales ? scaleInputs(x.slice(), scales) : x, y, inputs, outputs, weights }),
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

/** Makes the kernel from the exports of a module. Throws an error if the module does not work on this host. */
export function wasmKernel(exports: object): WasmLoad {
  const instance = new Instance(exports);
  instance.exports.version();
  const found = instance.message();
  if (found !== version) throw new KernelError(`the module has version ${found}, expected ${version}`);
  const kernel = wrap(instance);
  selfTest(kernel);
  return { kernel, reason: `WebAssembly, ${rounding(instance.isFused)}` };
}

/** Returns the result for a module that does not load, with the error as the reason. */
export function noKernel(error: unknown): WasmLoad {
  const [reason] = (error instanceof Error ? error.message : String(error)).split("\n");
  return { kernel: undefined, reason: `the WebAssembly module does not load: ${reason}` };
}

/** Makes the kernel from the first of several modules that this host accepts. Each function returns bytes. */
export function loadModules(modules: readonly (() => BufferSource)[]): WasmLoad {
  let result = noKernel("there is no module");
  for (const read of modules) {
    try {
      return wasmKernel(instantiate(read()));
    } catch (error) {
      result = noKernel(error);
    }
  }
  return result;
}
