/**
 * Stands in for the native kernel where there are no addons: in browsers and other hosts that are no Node.
 */
import type { NativeLoad } from "./load.ts";

/** Says that there is none. */
export function loadNative(): NativeLoad {
  return { kernel: undefined, reason: "this host loads no native addons", broken: false };
}
