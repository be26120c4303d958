// Prepares a checkout: dependencies, the native and the WebAssembly kernel, and dist. Every npm script runs this
// first. Steps whose inputs have not changed are skipped. `--build` always runs all builds. With `--native` a
// missing kernel is an error. This script runs before anything is installed, so it may import only Node's own
// modules.
import { spawnSync } from "node:child_process";
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { fingerprint } from "./fingerprint.js";
import { takeLock } from "./lock.js";
import { cargoIsOnPath, hostTarget, nativeIsRequired, wasmToolchain } from "./toolchain.js";

const root = fileURLToPath(new URL("..", import.meta.url));
const workFolder = join(root, "target", "setup");
const stateFile = join(workFolder, "state.json");

const target = hostTarget();
const addonName = `myelin.${target}.node`;
const addon = join(root, "npm", target, addonName);
const hasPackage = existsSync(join(root, "npm", target));
// The arguments after --build are passed to `napi build`. A release needs --use-napi-cross, for instance.
const forced = process.argv[2] === "--build";
const napiFlags = process.argv.slice(3);
const forTests = process.argv[2] === "--native";
const mustHaveKernels = nativeIsRequired || forTests;
const wasmFiles = ["myelin.wasm", "myelin-unfused.wasm"].map((name) => join(root, "src", "kernel", name));

const rustInputs = ["Cargo.toml", "Cargo.lock", "crates/core"];
const nativeInputs = [...rustInputs, "build.rs", "crates/node"];
const wasmInputs = [...rustInputs, "crates/wasm", "scripts/wasm.js"];
const distInputs = ["src", "tsdown.config.ts", "tsconfig.json", "package.json", "package-lock.json"];

const steps = [
  { isDone: dependenciesAreInstalled, run: installDependencies },
  { isDone: nativeIsBuilt, run: buildNative },
  { isDone: wasmIsBuilt, run: buildWasm },
  { isDone: distIsBuilt, run: buildDist },
];

main();

function main() {
  if (!forced && steps.every((step) => step.isDone())) return;
  mkdirSync(workFolder, { recursive: true });
  takeLock(join(workFolder, "lock"));
  for (const step of steps) {
    if (!step.isDone() || (forced && step.run !== installDependencies)) step.run();
  }
}

// Compares npm's list of installed packages with the lock file, so a manual `npm ci` counts too. Optional
// packages are those of other platforms; entries outside node_modules are workspaces.
function dependenciesAreInstalled() {
  const installed = readJson(join(root, "node_modules", ".package-lock.json"))?.packages;
  const wanted = readJson(join(root, "package-lock.json")).packages;
  if (!installed) return false;
  return Object.entries(wanted).every(
    ([path, entry]) =>
      !path.includes("node_modules/") || entry.optional || installed[path]?.version === entry.version,
  );
}

function installDependencies() {
  // Under npm, runs npm's own script with this Node, which avoids a shell and any other npm on the PATH.
  const npm = process.env.npm_execpath;
  const installArguments = ["ci", "--no-audit", "--no-fund", "--loglevel=error"];
  const done = npm?.endsWith("npm-cli.js")
    ? run("Installing dependencies", process.execPath, [npm, ...installArguments])
    : run("Installing dependencies", "npm", installArguments);
  if (!done.succeeded) fail(`npm ci failed. ${done.summary}`);
}

function nativeIsBuilt() {
  if (readState().native !== fingerprint(root, nativeInputs)) return false;
  return existsSync(addon) || !(mustHaveKernels || (hasPackage && cargoIsOnPath()));
}

function buildNative() {
  if (!hasPackage) return continueWithoutNative(`there is no package for ${target}.`);
  if (!cargoIsOnPath()) {
    return existsSync(addon)
      ? say("No Rust toolchain (cargo) is on the path: the existing build of the native kernel stays.")
      : continueWithoutNative("no Rust toolchain (cargo) is on the path. https://rustup.rs installs one.");
  }
  const inputs = fingerprint(root, nativeInputs);
  const output = join(workFolder, "addon");
  const napi = join(root, "node_modules", "@napi-rs", "cli", "dist", "cli.js");
  const napiArguments = [
    ...["build", "--release", "--platform", "--no-js", "--manifest-path", "crates/node/Cargo.toml"],
    ...["--output-dir", output, "--target-dir", join(root, "target", "addon")],
    ...[...napiFlags, "--", "--locked"],
  ];
  const done = run("Building the native kernel", process.execPath, [napi, ...napiArguments], {
    RUSTFLAGS: withoutMachinePaths(),
  });
  if (!done.succeeded) {
    // An addon of older sources would compute different results than these sources.
    rmSync(addon, { force: true });
    if (forced) fail(`The build of the native kernel failed. ${done.summary}`);
    return continueWithoutNative(`its build failed. ${done.summary}`);
  }
  // A rename keeps the old file for processes that have loaded it. Overwriting it would crash them.
  renameSync(join(output, addonName), addon);
  writeState({ native: inputs });
}

// Panic messages contain source paths. A distributed addon must not reveal paths of the machine that built
// it. RUSTFLAGS is split at spaces, so a path with a space is not remapped.
function withoutMachinePaths() {
  const cargoHome = process.env.CARGO_HOME ?? join(homedir(), ".cargo");
  const prefixes = [`${cargoHome}=cargo`, `${root}=.`].filter((prefix) => !/\s/.test(prefix));
  return [process.env.RUSTFLAGS, ...prefixes.map((prefix) => `--remap-path-prefix=${prefix}`)]
    .join(" ")
    .trim();
}

function continueWithoutNative(reason) {
  if (forTests) fail(`The tests compare all kernels and need the native one, but ${reason}`);
  if (nativeIsRequired) fail(`CI or MYELIN_REQUIRE_NATIVE requires the native kernel, but ${reason}`);
  say(`Another kernel will be used instead of the native one: ${reason}`);
  // Printed once. The next start is silent until the sources change or a toolchain is installed.
  writeState({ native: fingerprint(root, nativeInputs) });
}

function wasmIsBuilt() {
  if (readState().wasm !== fingerprint(root, wasmInputs)) return false;
  return (
    wasmFiles.every((file) => existsSync(file)) || !(mustHaveKernels || wasmToolchain().reason === undefined)
  );
}

function buildWasm() {
  const inputs = fingerprint(root, wasmInputs);
  const { reason } = wasmToolchain();
  if (reason !== undefined) return continueWithoutWasm(inputs, reason);
  const done = run("Building the WebAssembly kernel", process.execPath, [join(root, "scripts", "wasm.js")]);
  if (!done.succeeded) {
    if (forced) fail(`The build of the WebAssembly kernel failed. ${done.summary}`);
    return continueWithoutWasm(inputs, `its build failed. ${done.summary}`);
  }
  writeState({ wasm: inputs });
}

function continueWithoutWasm(inputs, reason) {
  // Modules of older sources would compute different results than these sources.
  if (readState().wasm !== inputs) for (const file of wasmFiles) rmSync(file, { force: true });
  if (forTests) fail(`The tests compare all kernels and need the WebAssembly one, but ${reason}`);
  if (nativeIsRequired) fail(`CI or MYELIN_REQUIRE_NATIVE requires the WebAssembly kernel, but ${reason}`);
  say(`The WebAssembly kernel is not built: ${reason}`);
  writeState({ wasm: inputs });
}

function distIsBuilt() {
  return readState().dist === fingerprint(root, distInputs) && existsSync(join(root, "dist", "index.js"));
}

function buildDist() {
  const inputs = fingerprint(root, distInputs);
  const output = join(workFolder, "dist");
  rmSync(output, { recursive: true, force: true });
  const done = run("Building dist", process.execPath, [
    join(root, "node_modules", "tsdown", "dist", "run.mjs"),
    ...["--out-dir", output, "--logLevel", "warn"],
  ]);
  if (!done.succeeded) fail(`The build of dist failed. ${done.summary}`);
  rmSync(join(root, "dist"), { recursive: true, force: true });
  renameSync(output, join(root, "dist"));
  writeState({ dist: inputs });
}

/** Runs a program to its end with its output in a log file. Prints the title, the result and the time. */
function run(title, command, commandArguments, settings = {}) {
  process.stderr.write(`${title}… `);
  const started = performance.now();
  const log = join(workFolder, `${title.toLowerCase().replaceAll(" ", "-")}.log`);
  const file = openSync(log, "w");
  const result = spawnSync(command, commandArguments, {
    cwd: root,
    env: { ...process.env, ...settings, NO_COLOR: "1", FORCE_COLOR: "0" },
    stdio: ["ignore", file, file],
    // On Windows npm is a script, which only a shell can start.
    shell: process.platform === "win32" && command === "npm",
  });
  if (result.error) writeSync(file, String(result.error));
  closeSync(file);
  const succeeded = result.status === 0;
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  say(succeeded ? `${seconds} s` : `failed after ${seconds} s`);
  return {
    succeeded,
    summary: succeeded ? "" : `${firstError(readFileSync(log, "utf8"))}\nThe whole log: ${log}`,
  };
}

function firstError(output) {
  const lines = output.trimEnd().split("\n");
  const first = lines.findIndex((line) => /\berror\b/i.test(line));
  return (first < 0 ? lines.slice(-5) : lines.slice(first, first + 5)).join("\n");
}

function readState() {
  return readJson(stateFile) ?? {};
}

function writeState(change) {
  writeFileSync(stateFile, JSON.stringify({ ...readState(), ...change }));
}

function readJson(path) {
  return existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : undefined;
}

function say(line) {
  process.stderr.write(`${line}\n`);
}

function fail(line) {
  say(line);
  process.exit(1);
}
