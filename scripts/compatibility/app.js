// Apps in folders of their own, and programs that run in them.
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../..", import.meta.url));
export const work = realpathSync(mkdtempSync(join(tmpdir(), "myelin-compatibility-")));

/** Makes an app of files, which are given by path; `entry.mjs` prints the kernel of a model. */
export function makeApp(name, files = {}) {
  const folder = join(work, name);
  const manifest = JSON.stringify({ name: "app", private: true });
  const entry = readFileSync(join(root, "__test__", "bundlers", "entry.mjs"), "utf8");
  for (const [path, text] of Object.entries({ "package.json": manifest, "entry.mjs": entry, ...files })) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return folder;
}

/** Runs a program to its end; one that fails is an error with what it printed. */
export function run(folder, command, commandArguments, environment = {}) {
  const child = spawn(command, commandArguments, { cwd: folder, env: surroundings(environment) });
  let output = "";
  let errors = "";
  child.stdout.on("data", (data) => (output += data));
  child.stderr.on("data", (data) => (errors += data));
  return new Promise((done, fail) => {
    child.on("error", fail);
    child.on("close", (status) => {
      if (status === 0) return done({ output, errors });
      const line = [command, ...commandArguments].join(" ");
      fail(new Error(`${line} ended with ${status}\n${`${output}${errors}`.slice(-3000)}`));
    });
  });
}

/** Starts a server, calls `visit`, and ends the server. */
export async function serve(folder, commandArguments, environment, visit) {
  const child = spawn(process.execPath, commandArguments, {
    ...{ cwd: folder, env: surroundings(environment), stdio: "ignore" },
  });
  try {
    return await visit();
  } finally {
    child.kill();
  }
}

// A package manager that runs this script tells its children of itself.
function surroundings(environment) {
  const own = Object.entries(process.env).filter(
    ([name]) => !/^(npm_|MYELIN_|NODE_OPTIONS$|CI$)/i.test(name),
  );
  return { ...Object.fromEntries(own), NO_COLOR: "1", ...environment };
}

/** Runs a script with Node, or with what the arguments say, and gives the kernel that it prints last. */
export async function kernelOf(folder, script = "entry.mjs", [command, ...flags] = [process.execPath]) {
  return lastLine((await run(folder, command, [...flags, script])).output);
}

export function lastLine(output) {
  return JSON.parse(output.trim().split("\n").at(-1));
}

/** Installs tools from the registry that npm uses, and then the packed packages from their files. */
export async function installBeside(folder, tools, tarballs) {
  const quiet = ["--no-audit", "--no-fund", "--loglevel=error"];
  await run(folder, "npm", ["install", "--save-exact", ...quiet, ...tools]);
  await run(folder, "npm", ["install", "--offline", "--ignore-scripts", ...quiet, ...tarballs]);
}
