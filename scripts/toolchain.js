// What this machine can build, and under which name.
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";

/** In CI a missing native kernel is a failure; elsewhere the TypeScript kernel takes its place. */
export const nativeIsRequired = isSet(process.env.CI) || isSet(process.env.MYELIN_REQUIRE_NATIVE);

/** This machine's platform package in the words of napi-rs: linux-x64-gnu, darwin-arm64, win32-x64-msvc. */
export function hostTarget() {
  return [process.platform, process.arch, abi()].filter(Boolean).join("-");
}

/** Looks for the file only: asking cargo itself would cost every start its time. */
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
