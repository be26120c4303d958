// Runs all tests, fast ones first: vitest, cargo, then the packed package. `--fast` runs only the fast tests,
// and `npm test -- model` only the vitest files whose names match.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { cargoIsOnPath, nativeIsRequired } from "./toolchain.js";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const vitest = join(root, "node_modules", "vitest", "vitest.mjs");
const isFast = process.argv.includes("--fast");
const chosen = process.argv.slice(2).filter((argument) => argument !== "--fast");

const suites = isFast
  ? [fastTests]
  : chosen.length > 0
    ? [sourceTests]
    : [fastTests, slowTests, fusedTests, rustTests, packageTests];
const failed = suites.filter((suite) => !suite());
if (failed.length > 0) process.exitCode = 1;

function fastTests() {
  return run("TypeScript, fast", process.execPath, [vitest, "run", "--project", "fast", ...chosen]);
}

function slowTests() {
  return run("TypeScript, slow", process.execPath, [vitest, "run", "--project", "slow"]);
}

function sourceTests() {
  return run("TypeScript", process.execPath, [
    vitest,
    "run",
    "--project",
    "fast",
    "--project",
    "slow",
    ...chosen,
  ]);
}

// Node 20 has no relaxed SIMD. There the WebAssembly kernel rounds differently from the native one, so that its
// bits, and the module that other hosts load, are tested on a later Node.
function fusedTests() {
  const title = "TypeScript, the WebAssembly kernel on Node 22";
  if (process.platform !== "linux" || process.arch !== "x64") {
    console.log(`\n${title}: skipped, because there is a binary for Linux x64 only.`);
    return true;
  }
  const folder = join(root, "__test__", "runtimes");
  const node = join(folder, "node_modules", "node-22", "bin", "node");
  const npm = ["ci", "--prefer-offline", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", folder];
  if (!existsSync(node) && !run("Node 22", "npm", npm)) return false;
  const suites = ["wasm", "state", "oracle", "optimizers"].map((name) => `__test__/${name}.test.ts`);
  return run(title, node, [vitest, "run", ...suites]);
}

function rustTests() {
  if (cargoIsOnPath()) return run("Rust", "cargo", ["test", "--workspace", "--locked"]);
  console.log("\nRust: skipped, because no Rust toolchain (cargo) is on the path.");
  return !nativeIsRequired;
}

function packageTests() {
  return run("The packed package", process.execPath, [vitest, "run", "--project", "package"]);
}

function run(title, command, commandArguments) {
  console.log(
    `\n${title}: ${[command, ...commandArguments].map((part) => part.replace(root, ".")).join(" ")}`,
  );
  const result = spawnSync(command, commandArguments, { cwd: root, stdio: "inherit" });
  if (result.error) console.error(String(result.error));
  return result.status === 0;
}
