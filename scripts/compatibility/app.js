// Creates apps in folders of their own and runs programs in them.
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../..", import.meta.url));
export const work = realpathSync(mkdtempSync(join(tmpdir(), "myelin-compatibility-")));

/** Creates an app from files, given by path. Its `entry.mjs` prints the kernel of a model. */
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

/** Runs a program to its end. Rejects with its output if it fails. */
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

// Removes the variables by which a package manager that runs this script would affect the child processes.
function surroundings(environment) {
  const own = Object.entries(process.env).filter(
    ([name]) => !/^(npm_|MYELIN_|NODE_OPTIONS$|CI$)/i.test(name),
  );
  return { ...Object.fromEntries(own), NO_COLOR: "1", ...environment };
}

/** Runs a script with Node, or with the given command, and returns the kernel in its last line of output. */
export async function kernelOf(folder, script = "entry.mjs", [command, ...flags] = [process.execPath]) {
  return lastLine((await run(folder, command, [...flags, script])).output);
}

export function lastLine(output) {
  return JSON.parse(output.trim().split("\n").at(-1));
}

/** Installs tools from npm's registry, and then the packed packages from their files. */
export async function installBeside(folder, tools, tarballs) {
  const quiet = ["--no-audit", "--no-fund", "--loglevel=error"];
  await run(folder, "npm", ["install", "--save-exact", ...quiet, ...tools]);
  await run(folder, "npm", ["install", "--offline", "--ignore-scripts", ...quiet, ...tarballs]);
}

export function freePort() {
  const server = createServer();
  return new Promise((done) =>
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => done(String(port)));
    }),
  );
}
