/** The choice of kernel: native if it loads, else typescript, with the reason kept. */
import { loadNative } from "#native";
import { KernelError, OptionError, show } from "../errors.ts";
import type { Kernel, KernelName } from "../kernel.ts";
import { typescriptKernel } from "./typescript.ts";

/** What may be asked for. */
export type KernelChoice = "auto" | KernelName;

/** A kernel and why it was chosen. */
export interface Chosen {
  readonly kernel: Kernel;
  readonly reason: string;
}

const CHOICES: readonly string[] = ["auto", "native", "typescript"];

function environment(): { readonly MYELIN_KERNEL?: string } {
  const host = globalThis as { process?: { env?: Record<string, string | undefined> } };
  const wanted = host.process?.env?.MYELIN_KERNEL;
  return wanted ? { MYELIN_KERNEL: wanted } : {};
}

let warned = false;

/** Says once that an addon is installed and does not work. */
function warnOfBrokenAddon(reason: string): void {
  if (warned) return;
  warned = true;
  const text = `The native kernel cannot be used, the typescript kernel takes its place: ${reason}`;
  const host = globalThis as { process?: NodeJS.Process };
  host.process?.emitWarning?.(text, { type: "MyelinWarning", code: "MYELIN_BROKEN_ADDON" });
}

function check(wanted: unknown, place: string): KernelChoice {
  if (typeof wanted === "string" && CHOICES.includes(wanted)) return wanted as KernelChoice;
  throw new OptionError(`${place}: expected one of ${CHOICES.join(", ")}, received ${show(wanted)}`);
}

/** Chooses a kernel: as the option says, else as `MYELIN_KERNEL` says, else native where it loads. */
export function chooseKernel(option?: KernelChoice): Chosen {
  const { MYELIN_KERNEL } = environment();
  const asked =
    option !== undefined && option !== "auto"
      ? { wanted: check(option, "model: kernel"), by: `the option kernel: "${option}"` }
      : {
          wanted: check(MYELIN_KERNEL ?? option ?? "auto", "MYELIN_KERNEL"),
          by: `MYELIN_KERNEL=${MYELIN_KERNEL}`,
        };
  if (asked.wanted === "typescript") return { kernel: typescriptKernel, reason: `asked for by ${asked.by}` };
  const native = loadNative();
  if (native.kernel !== undefined) return native;
  if (asked.wanted === "native")
    throw new KernelError(`the native kernel, asked for by ${asked.by}: ${native.reason}`);
  if (native.broken) warnOfBrokenAddon(native.reason);
  return { kernel: typescriptKernel, reason: native.reason };
}
