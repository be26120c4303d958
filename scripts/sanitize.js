// Runs the core's tests under AddressSanitizer, which detects accesses outside of allocations, uses after
// free, and leaks. It needs Linux on x64 or arm64, and cargo.
//
// The compiler flag is unstable, so RUSTC_BOOTSTRAP enables it on the stable compiler. The tests run with
// optimizations, because users get optimized code.
import { spawnSync } from "node:child_process";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const machine = { x64: "x86_64", arm64: "aarch64" }[process.arch];
if (process.platform !== "linux" || machine === undefined) {
  console.error(
    `AddressSanitizer runs here on Linux x64 and arm64, not on ${process.platform} ${process.arch}.`,
  );
  process.exit(1);
}

// With a target, the flags apply only to the tests, not to build scripts and macros, which would fail to
// load.
const target = ["--target", `${machine}-unknown-linux-gnu`, "--target-dir", "target/sanitize"];
const tests = ["test", "--package", "myelin-core", "--locked", "--lib", "--tests", ...target];
// Some tests request more memory than there is. They must get an error, not an abort.
const options = ["allocator_may_return_null=1", process.env.ASAN_OPTIONS].filter(Boolean).join(":");
const { status, error } = spawnSync("cargo", [...tests, ...process.argv.slice(2)], {
  cwd: root,
  stdio: "inherit",
  env: { ...process.env, RUSTC_BOOTSTRAP: "1", RUSTFLAGS: "-Zsanitizer=address", ASAN_OPTIONS: options },
});
if (error) console.error(String(error));
process.exitCode = status ?? 1;
