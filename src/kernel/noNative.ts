/** Replaces the native kernel on hosts other than Node, Bun and Deno, such as browsers. */
import { type NativeLoad, unreachable } from "./load.ts";

/**
 * Returns whether this host could load addons after all. Bundlers choose this file for browsers, and also for
 * servers if their resolution conditions lack "node". Environments that imitate a browser on Node, such as
 * jsdom, replace `navigator`; Node 20 has none.
 */
function isServer(): boolean {
  const { process, navigator } = globalThis as {
    process?: { versions?: { node?: string } };
    navigator?: { userAgent?: string };
  };
  return Boolean(process?.versions?.node) && /^(Node\.js|Bun|Deno)/.test(navigator?.userAgent ?? "Node.js");
}

/** Returns why there is no native kernel. */
export function loadNative(): NativeLoad {
  if (isServer()) return { kernel: undefined, ...unreachable("this bundle was made for browsers") };
  return { kernel: undefined, cause: "unsupported", reason: "this host loads no native addons" };
}
