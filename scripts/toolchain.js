// What this machine can build, and the name of its platform.
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";

/** Whether a missing native kernel is an error, as in CI. Otherwise the TypeScript kernel replaces it. */
export const nativeIsRequired = isSet(process.env.CI) || isSet(process.env.MYELIN_REQUIRE_NATIVE);

/** Returns this machine's platform as napi-rs names it: linux-x64-gnu, darwin-arm64, win32-x64-msvc. */
export function hostTarget() {
  return [process.platform, process.arch, abi()].filter(Boolean).join("-");
}

/** Checks only whether the file exists: running cargo would slow down every start. */
export function cargoIsOnPath() {
  const program = process.platform === "win32" ? "cargo.exe" : "cargo";
  return (process.env.PATH ?? "").split(delimiter).some((folder) => existsSync(join(folder, program)));
}

function abi() {
  if (process.platform === "win32") return "msvc";
  if (process.platform !== "linux") return "";
  return process.report.getReport().header.glibcVersionRuntime ? "gnu" : "musl";
}

function isSet(value) {
  return value !== undefined && !["", "0", "false"].includes(value);
}
