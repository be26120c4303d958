/**
 * The result of an attempt to load the native kernel. `kernel/native.ts` makes the attempt on Node, Bun and
 * Deno; `kernel/no-native.ts` replaces it elsewhere.
 */
import type { Kernel } from "./kernel.ts";

/**
 * Why there is no native kernel:
 *
 * - `unsupported`: no addon exists for this host, so the TypeScript kernel is the right one.
 * - `absent`: one exists for this platform and is not installed.
 * - `broken`: one is installed and does not work.
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

/** Names the setting that keeps Myelin out of the bundle that this code is in. */
function externalSetting(): string {
  if (typeof __webpack_require__ === "function")
    return 'externals: { myelin: "node-commonjs myelin" } in webpack.config.js';
  return 'external: ["myelin"] in esbuild, Rolldown or Rollup, ssr.external in Vite, bun build --external myelin';
}

/** Explains that a bundle does not reach the addon, and names the setting that fixes it. */
export function unreachable(why: string, setting = externalSetting()): NoNative {
  const reason = `${why}: keep Myelin out of the bundle, and in node_modules beside it: ${setting}`;
  return { cause: "unreachable", reason };
}
