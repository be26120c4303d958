/** The choice of kernel: native if it loads, else typescript, with the reason kept. */
import { loadNative } from "#native";
import { KernelError, OptionError, show } from "../errors.ts";
import { environmentVariable } from "../host.ts";
import type { Kernel, KernelName } from "./kernel.ts";
import { typescriptKernel } from "./typescript/kernel.ts";

/** What may be asked for. */
export type KernelChoice = "auto" | KernelName;

/** A kernel and why it was chosen. */
export interface Chosen {
  readonly kernel: Kernel;
  readonly reason: string;
}

const CHOICES: readonly string[] = ["auto", "native", "typescript"];

/** Warned of already, in a process that may hold several bundles with Myelin. */
const WARNED = Symbol.for("myelin.warned");

/** Warns once in a process that the TypeScript kernel replaces a native one that this host could have. */
function warn(cause: string, reason: string): void {
  const host = globalThis as { process?: NodeJS.Process; [WARNED]?: true };
  if (host[WARNED]) return;
  host[WARNED] = true;
  const text = `Myelin uses its TypeScript kernel, which is slower than the native one: ${reason}`;
  const code = `MYELIN_${cause.toUpperCase()}_ADDON`;
  host.process?.emitWarning?.(text, {
    type: "MyelinWarning",
    code,
    detail: 'kernel: "typescript" or MYELIN_KERNEL=typescript silences this warning.',
  });
}

function check(wanted: unknown, place: string): KernelChoice {
  if (typeof wanted === "string" && CHOICES.includes(wanted)) return wanted as KernelChoice;
  throw new OptionError(`${place}: expected one of ${CHOICES.join(", ")}, received ${show(wanted)}`);
}

/** Chooses a kernel: as the option says, else as `MYELIN_KERNEL` says, else native where it loads. */
export function chooseKernel(option?: KernelChoice): Chosen {
  const variable = environmentVariable("MYELIN_KERNEL");
  const asked =
    option !== undefined && option !== "auto"
      ? { wanted: check(option, "model: kernel"), by: `the option kernel: "${option}"` }
      : {
          wanted: check(variable ?? option ?? "auto", "MYELIN_KERNEL"),
          by: `MYELIN_KERNEL=${variable}`,
        };
  if (asked.wanted === "typescript") return { kernel: typescriptKernel, reason: `asked for by ${asked.by}` };
  const native = loadNative();
  if (native.kernel !== undefined) return native;
  if (asked.wanted === "native")
    throw new KernelError(`the native kernel, asked for by ${asked.by}: ${native.reason}`);
  if (native.cause !== "unsupported") warn(native.cause, native.reason);
  return { kernel: typescriptKernel, reason: native.reason };
}
