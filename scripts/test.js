// Runs all tests, fast ones first: vitest, cargo, then the packed package. `--fast` runs only the fast tests,
// and `npm test -- model` only the vitest files whose names match.
import { spawnSync } from "node:child_process";
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
    : [fastTests, slowTests, rustTests, packageTests];
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
