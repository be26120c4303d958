// An empty app outside of the checkout, into which the packed package is installed as a user would.
import { spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterAll, describe, expect } from "vitest";
import { takeLock } from "../../scripts/lock.js";
import { hostTarget, nativeIsRequired } from "../../scripts/toolchain.js";

export const root = fileURLToPath(new URL("../..", import.meta.url));
export const target = hostTarget();
export const addonFile = `myelin.${target}.node`;

const addonIsBuilt = existsSync(join(root, "npm", target, addonFile));

/**
 * Adds tests of the native kernel. Without its addon they are skipped, with the reason in the title; in CI
 * they fail.
 */
export function describeNative(title: string, tests: () => void): void {
  if (addonIsBuilt || nativeIsRequired) describe(title, tests);
  else describe.skip(`${title} (skipped: the addon of ${target} is not built)`, tests);
}

export interface Packed {
  myelin: string;
  platform: string;
}

/** Packs the checkout into a temporary folder. */
export function pack(): Packed {
  const folder = makeFolder("packed");
  const { version } = readManifest(root);
  expectSuccess(run(root, process.execPath, ["scripts/pack.js", folder]));
  return {
    myelin: join(folder, `myelin-${version}.tgz`),
    platform: join(folder, `myelin-${target}-${version}.tgz`),
  };
}

/**
 * Installs tarballs into an empty app. The packages of other platforms are not published when this is tested.
 * With `--offline`, npm treats them as absent at once, and gets no foreign package of that name from a
 * registry.
 */
export function install(...tarballs: string[]): string {
  const app = makeFolder("app");
  writeFileSync(join(app, "package.json"), '{ "name": "app", "private": true, "type": "module" }');
  expectSuccess(
    runNpm(app, "install", "--offline", "--ignore-scripts", "--no-audit", "--no-fund", ...tarballs),
  );
  return app;
}

/** Installs the dependencies of this folder's package.json if they are missing: tools that few tests need. */
export function installTools(folder: string): void {
  // Two test files may need the same tools at the same time.
  const release = takeLock(join(root, "target", `${basename(folder)}.lock`));
  try {
    if (toolsAreInstalled(folder)) return;
    expectSuccess(runNpm(folder, "ci", "--prefer-offline", "--ignore-scripts", "--no-audit", "--no-fund"));
  } finally {
    release();
  }
}

function toolsAreInstalled(folder: string): boolean {
  const wanted = Object.entries<string>(readManifest(folder).dependencies);
  return wanted.every(([name, version]) => {
    const home = join(folder, "node_modules", name);
    return existsSync(join(home, "package.json")) && version.endsWith(readManifest(home).version);
  });
}

/** The folder of the bundlers that are not dependencies of the checkout. */
export const tools = join(root, "__test__", "bundlers");

/** Imports one of these bundlers. Their types are not installed with the checkout. */
export async function importTool(name: string) {
  const file = createRequire(join(tools, "package.json")).resolve(name);
  const tool = await import(pathToFileURL(file).href);
  return tool.default ?? tool;
}

export interface Result {
  command: string;
  status: number | null;
  output: string;
  errors: string;
}

export function run(
  folder: string,
  command: string,
  commandArguments: string[],
  settings: Record<string, string> = {},
): Result {
  const done = spawnSync(command, commandArguments, {
    cwd: folder,
    encoding: "utf8",
    env: { ...bareEnvironment(), ...settings },
    shell: process.platform === "win32" && !command.includes("\\"),
    timeout: 300_000,
  });
  return {
    command: [command, ...commandArguments].join(" "),
    status: done.status,
    output: done.stdout ?? "",
    errors: done.error ? String(done.error) : done.stderr,
  };
}

/** Runs a copy of an app's bundle in a place without any node_modules. */
export function runElsewhere(
  app: string,
  bundle: string,
  settings: Record<string, string> = {},
  [runtime, ...flags]: readonly string[] = [process.execPath],
): Result {
  const folder = makeFolder("elsewhere");
  const copy = join(folder, basename(bundle));
  cpSync(bundle, copy);
  const modules = join(app, "node_modules");
  renameSync(modules, `${modules}-hidden`);
  try {
    return run(folder, runtime!, [...flags, copy], settings);
  } finally {
    renameSync(`${modules}-hidden`, modules);
  }
}

/** Runs a program of one of the checkout's own packages. */
export function runTool(name: string, commandArguments: string[], folder = root): Result {
  const home = join(root, "node_modules", name);
  const [program] = Object.values<string>(readManifest(home).bin);
  return run(folder, process.execPath, [join(home, program!), ...commandArguments]);
}

export function runNpm(folder: string, ...commandArguments: string[]): Result {
  return run(folder, "npm", commandArguments);
}

/** Returns the output of a run that must succeed. */
export function expectSuccess(result: Result): string {
  if (result.status === 0) return result.output;
  throw new Error(`${result.command} ended with ${result.status}\n${result.output}\n${result.errors}`);
}

/** A typical app. Every test that trains runs this script. */
export const trainScript = readFileSync(join(root, "__test__", "runtimes", "train.mjs"), "utf8");

export function train(app: string, settings: Record<string, string> = {}): Result {
  writeFileSync(join(app, "train.mjs"), trainScript);
  return run(app, process.execPath, ["train.mjs"], settings);
}

export interface Trained {
  kernel: { name: string; reason: string };
  loss: number[];
  lossInOneGo: number[];
  prediction: number[];
  /** The predictions of the model read from its bytes, and from a file, or why there is no file. */
  fromBytes: number[];
  fromFile: number[] | string;
  /** Whether a log of two epochs was written, or why not. */
  logged: string;
}

export function readTrained(result: Result): Trained {
  return JSON.parse(expectSuccess(result).trim().split("\n").at(-1)!);
}

/**
 * Expects the loss to have fallen, off the event loop and synchronously alike, and the model to predict a
 * number for a row, which is the same after loading from bytes.
 */
export function expectTrained({ loss, lossInOneGo, prediction, fromBytes }: Trained): void {
  expect(loss.at(-1)).toBeLessThan(loss[0]! / 2);
  expect(lossInOneGo).toEqual(loss);
  expect(prediction).toEqual([expect.closeTo(1, 0)]);
  expect(fromBytes).toEqual(prediction);
}

export function readManifest(folder: string) {
  return JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
}

// Not in `makeFolder`, because a running test must not register hooks.
const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

function makeFolder(name: string): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), `myelin-${name}-`)));
  folders.push(folder);
  return folder;
}

// The app must not get variables that vitest and the caller set for this process.
function bareEnvironment() {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(MYELIN_|VITEST|NODE_ENV$|NODE_OPTIONS$)/.test(name)),
  );
}
