// Runs all tests, fast ones first: vitest, cargo, then the packed package. `--fast` runs only the fast tests,
// and `npm test -- model` only the vitest files whose names match. The end of the output lists what failed.
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
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

/** What failed, one line each. */
const failures = [];
const reports = mkdtempSync(join(tmpdir(), "myelin-tests-"));
for (const suite of suites) suite();
rmSync(reports, { recursive: true, force: true });
if (failures.length > 0) {
  console.error(["\nFailed:", ...failures].join("\n  "));
  process.exitCode = 1;
}

function fastTests() {
  vitestRun("TypeScript, fast", ["fast"]);
}

function slowTests() {
  vitestRun("TypeScript, slow", ["slow"]);
}

function sourceTests() {
  vitestRun("TypeScript", ["fast", "slow"]);
}

// Node 20 has no relaxed SIMD. There the WebAssembly kernel rounds differently from the native one, so that its
// bits, and the module that other hosts load, are tested on a later Node.
function fusedTests() {
  const title = "TypeScript, the WebAssembly kernel on Node 22";
  if (process.platform !== "linux" || process.arch !== "x64") {
    console.log(`\n${title}: skipped, because there is a binary for Linux x64 only.`);
    return;
  }
  const folder = join(root, "__test__", "runtimes");
  const node = join(folder, "node_modules", "node-22", "bin", "node");
  const npm = ["ci", "--prefer-offline", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", folder];
  if (!existsSync(node) && !run("Node 22", "npm", npm)) {
    failures.push(title);
    return;
  }
  const files = ["wasm", "state", "oracle", "optimizers", "epoch-measures"].map(
    (name) => `__test__/${name}.test.ts`,
  );
  vitestRun(title, ["fast", "slow"], files, node);
}

function rustTests() {
  const command = ["test", "--workspace", "--locked"];
  if (cargoIsOnPath()) {
    if (!run("Rust", "cargo", command)) failures.push(`cargo ${command.join(" ")}`);
    return;
  }
  console.log("\nRust: skipped, because no Rust toolchain (cargo) is on the path.");
  if (nativeIsRequired) failures.push("Rust: MYELIN_REQUIRE_NATIVE is set, but cargo is not on the path");
}

function packageTests() {
  vitestRun("The packed package", ["package"]);
}

function vitestRun(title, projects, files = chosen, node = process.execPath) {
  const report = join(reports, `${title.replace(/\W+/g, "-")}.json`);
  const ok = run(title, node, [
    vitest,
    "run",
    ...projects.flatMap((project) => ["--project", project]),
    ...files,
    "--reporter=default",
    "--reporter=json",
    `--outputFile.json=${report}`,
  ]);
  if (!ok) failures.push(...failedTests(title, report));
}

/** Returns the failed tests of vitest's report, or the suite if no report tells. */
function failedTests(title, report) {
  try {
    const { testResults } = JSON.parse(readFileSync(report, "utf8"));
    const named = testResults.flatMap(({ name, status, message, assertionResults }) => {
      const file = relative(root, name);
      const failed = assertionResults.filter((test) => test.status === "failed");
      if (failed.length === 0 && status === "failed") return [`${file}: ${firstLine(message)}`];
      return failed.map(
        (test) => `${file} > ${test.fullName}: ${firstLine(test.failureMessages.join("\n"))}`,
      );
    });
    if (named.length > 0) return named;
  } catch {
    // The run ended before it wrote a report.
  }
  return [title];
}

function firstLine(text) {
  return text.trim().split("\n", 1)[0];
}

function run(title, command, commandArguments) {
  console.log(
    `\n${title}: ${[command, ...commandArguments].map((part) => part.replace(root, ".")).join(" ")}`,
  );
  const result = spawnSync(command, commandArguments, { cwd: root, stdio: "inherit" });
  if (result.error) console.error(String(result.error));
  return result.status === 0;
}
