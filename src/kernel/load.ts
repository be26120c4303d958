/**
 * What an attempt to load the native kernel gives; `kernel/native.ts` makes it on Node,
 * `kernel/no-native.ts` off it.
 */
import type { Kernel } from "../kernel.ts";

/** The kernel, or why there is none. */
export type NativeLoad =
  | { readonly kernel: Kernel; readonly reason: string }
  /** `broken`: an addon is installed and does not work, which deserves a warning; a missing one does not. */
  | { readonly kernel: undefined; readonly reason: string; readonly broken: boolean };
