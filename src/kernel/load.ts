/**
 * The result of loading the native kernel. `kernel/native.ts` loads it on Node, Bun and Deno;
 * `kernel/noNative.ts` replaces that file elsewhere.
 */
import type { Kernel } from "./kernel.ts";

/**
 * Why there is no native kernel:
 *
 * - `unsupported`: no addon exists for this host, so the TypeScript kernel is the right one.
 * - `absent`: an addon exists for this platform but is not installed.
 * - `broken`: an addon is installed but does not work.
 * - `unreachable`: a bundler copied Myelin to where its addon is not found.
 */
export type NoNative = {
  readonly cause: "unsupported" | "absent" | "broken" | "unreachable";
  readonly reason: string;
};

/** The kernel, or why there is none. */
export type NativeLoad =
  | { readonly kernel: Kernel; readonly reason: string }
  | ({ readonly kernel: undefined } & NoNative);

declare const __webpack_require__: unknown;

/** Returns the bundler setting that keeps Myelin out of the bundle that contains this code. */
function externalSetting(): string {
  if (typeof __webpack_require__ === "function")
    return 'externals: { myelin: "node-commonjs myelin" } in webpack.config.js';
  return 'external: ["myelin"] in esbuild, Rolldown or Rollup, ssr.external in Vite, bun build --external myelin';
}

/** Explains that a bundle cannot load the addon, and names the setting that fixes it. */
export function unreachable(why: string, setting = externalSetting()): NoNative {
  const reason = `${why}: keep Myelin out of the bundle, and in node_modules beside it: ${setting}`;
  return { cause: "unreachable", reason };
}
