// What this machine can build, and the name of its platform.
import { spawnSync } from "node:child_process";
import { existsSync, realpathSync } from "node:fs";
import { delimiter, join } from "node:path";

/** Whether a missing native or WebAssembly kernel is an error, as in CI. Otherwise the next one replaces it. */
export const nativeIsRequired = isSet(process.env.CI) || isSet(process.env.MYELIN_REQUIRE_NATIVE);

/** Returns this machine's platform as napi-rs names it: linux-x64-gnu, darwin-arm64, win32-x64-msvc. */
export function hostTarget() {
  return [process.platform, process.arch, abi()].filter(Boolean).join("-");
}

/** Checks only whether the file exists: running cargo would slow down every start. */
export function cargoIsOnPath() {
  return findProgram("cargo") !== undefined;
}

/** Returns the path of a program, or `undefined` if it is not on the path. */
function findProgram(name) {
  const program = process.platform === "win32" ? `${name}.exe` : name;
  const paths = (process.env.PATH ?? "").split(delimiter).map((folder) => join(folder, program));
  return paths.find((path) => existsSync(path));
}

/** Where the packages rustc-web and rust-web-src of Debian install a compiler that knows WebAssembly. */
const DEBIAN = { compiler: "/usr/bin/rustc", sources: "/usr/lib/rustlib/src/rust" };

/**
 * Returns how cargo builds for WebAssembly: arguments, environment, and the folders of the standard library's
 * sources. Returns only a reason if it cannot.
 */
export function wasmToolchain() {
  if (!cargoIsOnPath())
    return { reason: "no Rust toolchain (cargo) is on the path. https://rustup.rs installs one." };
  const sysroot = spawnSync("rustc", ["--print", "sysroot"], { encoding: "utf8" }).stdout?.trim() ?? "";
  if (existsSync(join(sysroot, "lib", "rustlib", "wasm32-unknown-unknown")))
    return { arguments: [], environment: {}, sources: [join(sysroot, "lib", "rustlib", "src", "rust")] };
  const machine = { x64: "x86_64", arm64: "aarch64" }[process.arch];
  const bundled = join(sysroot, "lib", "rustlib", `${machine}-unknown-linux-gnu`, "bin", "rust-lld");
  const linker = existsSync(bundled) ? bundled : findProgram("wasm-ld");
  if (linker === undefined || !existsSync(DEBIAN.compiler) || !existsSync(join(DEBIAN.sources, "library")))
    return { reason: "Rust has no target for it. Fix: rustup target add wasm32-unknown-unknown" };
  return {
    // The compiler is older or newer than cargo and has no standard library for the target.
    arguments: ["-Zbuild-std=std,panic_abort"],
    environment: {
      RUSTC: DEBIAN.compiler,
      RUSTC_BOOTSTRAP: "1",
      CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER: linker,
    },
    sources: [DEBIAN.sources, realpathSync(DEBIAN.sources)],
  };
}

function abi() {
  if (process.platform === "win32") return "msvc";
  if (process.platform !== "linux") return "";
  return process.report.getReport().header.glibcVersionRuntime ? "gnu" : "musl";
}

function isSet(value) {
  return value !== undefined && !["", "0", "false"].includes(value);
}
