/** Replaces the native kernel on hosts that are neither Node nor Bun nor Deno, browsers for example. */
import { type NativeLoad, unreachable } from "./load.ts";

/**
 * Whether this host could load addons after all. A bundler for browsers takes this file, and so does one
 * for servers whose conditions of resolution lack "node". Environments that imitate a browser on Node, as
 * jsdom does, replace `navigator`; Node 20 has none.
 */
function isServer(): boolean {
  const { process, navigator } = globalThis as {
    process?: { versions?: { node?: string } };
    navigator?: { userAgent?: string };
  };
  return Boolean(process?.versions?.node) && /^(Node\.js|Bun|Deno)/.test(navigator?.userAgent ?? "Node.js");
}

/** Returns the reason why there is no native kernel. */
export function loadNative(): NativeLoad {
  if (isServer()) return { kernel: undefined, ...unreachable("this bundle was made for browsers") };
  return { kernel: undefined, cause: "unsupported", reason: "this host loads no native addons" };
}
