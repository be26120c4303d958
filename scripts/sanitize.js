// Runs the core's tests under AddressSanitizer, which sees reads and writes outside of what was allocated,
// memory used after it was freed, and memory never freed. Needs Linux, x64 or arm64, and cargo.
//
// The compiler's flag is unstable, so it is asked to take it all the same. The tests run with optimisations,
// since it is that code that users get.
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

// With a target, flags are for the tests alone and not for build scripts and macros, which would not load.
const target = ["--target", `${machine}-unknown-linux-gnu`, "--target-dir", "target/sanitize"];
const tests = ["test", "--package", "myelin-core", "--locked", "--lib", "--tests", ...target];
// Some tests ask for more memory than there is, and are to get an error and no abort.
const options = ["allocator_may_return_null=1", process.env.ASAN_OPTIONS].filter(Boolean).join(":");
const { status, error } = spawnSync("cargo", [...tests, ...process.argv.slice(2)], {
  cwd: root,
  stdio: "inherit",
  env: { ...process.env, RUSTC_BOOTSTRAP: "1", RUSTFLAGS: "-Zsanitizer=address", ASAN_OPTIONS: options },
});
if (error) console.error(String(error));
process.exitCode = status ?? 1;
