/** Chooses the kernel: native if it loads, otherwise wasm, otherwise typescript. Records the reason. */
import { loadNative } from "#native";
import { loadWasm } from "#wasm";
import { KernelError, OptionError, show } from "../errors.ts";
import { environmentVariable } from "../host.ts";
import type { Kernel, KernelName } from "./kernel.ts";
import type { NoNative } from "./load.ts";
import { typescriptKernel } from "./typescript/kernel.ts";

/** The values of the option `kernel`. */
export type KernelChoice = "auto" | KernelName;

/** A kernel and the reason for choosing it. */
export interface Chosen {
  readonly kernel: Kernel;
  readonly reason: string;
}

const CHOICES: readonly string[] = ["auto", "native", "wasm", "typescript"];

/** The symbol is global because a process may load several bundles that contain Myelin. */
const WARNED = Symbol.for("myelin.warned");

/** Warns, once per process, that another kernel replaces a native one that this host could run. */
function warn(kernel: string, cause: string, reason: string): void {
  const host = globalThis as { process?: NodeJS.Process; [WARNED]?: true };
  if (host[WARNED]) return;
  host[WARNED] = true;
  const text = `Myelin uses its ${kernel} kernel, which is slower than the native one: ${reason}`;
  const code = `MYELIN_${cause.toUpperCase()}_ADDON`;
  host.process?.emitWarning?.(text, {
    type: "MyelinWarning",
    code,
    detail: 'kernel: "wasm" or "typescript", or MYELIN_KERNEL, silences this warning.',
  });
}

function readChoice(wanted: unknown, place: string): KernelChoice {
  if (typeof wanted === "string" && CHOICES.includes(wanted)) return wanted as KernelChoice;
  throw new OptionError(`${place}: expected one of ${CHOICES.join(", ")}, received ${show(wanted)}`);
}

/** Returns the WebAssembly kernel, which the user has requested. */
function requestedWasm(source: string): Chosen {
  const wasm = loadWasm();
  if (wasm.kernel === undefined)
    throw new KernelError(`the wasm kernel, requested by ${source}: ${wasm.reason}`);
  return { kernel: wasm.kernel, reason: `requested by ${source}; ${wasm.reason}` };
}

/** Returns the best kernel after the native one. */
function withoutNative(native: NoNative): Chosen {
  const wasm = loadWasm();
  const kernel = wasm.kernel ?? typescriptKernel;
  const name = wasm.kernel === undefined ? "TypeScript" : "WebAssembly";
  if (native.cause !== "unsupported") warn(name, native.cause, native.reason);
  return { kernel, reason: `${native.reason}; ${wasm.reason}` };
}

/** Chooses a kernel by the option, else by `MYELIN_KERNEL`, else the first that loads. */
export function chooseKernel(option?: KernelChoice): Chosen {
  const variable = environmentVariable("MYELIN_KERNEL");
  const { wanted, source } =
    option !== undefined && option !== "auto"
      ? { wanted: readChoice(option, "model: kernel"), source: `the option kernel: "${option}"` }
      : {
          wanted: readChoice(variable ?? option ?? "auto", "MYELIN_KERNEL"),
          source: `MYELIN_KERNEL=${variable}`,
        };
  if (wanted === "typescript") return { kernel: typescriptKernel, reason: `requested by ${source}` };
  if (wanted === "wasm") return requestedWasm(source);
  const native = loadNative();
  if (native.kernel !== undefined) return native;
  if (wanted === "native")
    throw new KernelError(`the native kernel, requested by ${source}: ${native.reason}`);
  return withoutNative(native);
}
