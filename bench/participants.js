// Who takes part, how each is started, and how many epochs make a repetition of about a second.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { article } from "./article.js";

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));
const node = (file, ...options) => [process.execPath, path(file), ...options.map(String)];

const versionIn = (manifest) => JSON.parse(readFileSync(path(manifest), "utf8")).version;

const built = () => (existsSync(path("../dist/index.js")) ? versionIn("../package.json") : undefined);

const installed = (peer) => () => {
  const manifest = `against/node_modules/${peer}/package.json`;
  return existsSync(path(manifest)) ? versionIn(manifest) : undefined;
};

const python = () => spawnSync("python3", ["--version"], { encoding: "utf8" }).stdout?.trim() || undefined;

const myelin = (kernel, method) => ({
  name: `myelin ${kernel} ${method}`,
  kernel,
  method,
  version: built,
  missing: "not built (npm run build)",
  epochs: article.epochs,
  command: node("participants/myelin.js", article.epochs, kernel, method),
});

const peer = (name, { package: dependency, epochs, file, options = [] }) => ({
  name,
  version: installed(dependency),
  missing: "not installed (npm ci --prefix bench/against)",
  epochs,
  command: node(`against/${file}`, epochs, ...options),
});

/**
 * @typedef {object} Participant
 * @property {string} name
 * @property {"native" | "typescript"} [kernel] of Myelin's own participants
 * @property {"fit" | "fitSync"} [method] of Myelin's own participants
 * @property {() => string | undefined} version undefined if it is not there
 * @property {string} missing what to say then
 * @property {number} epochs
 * @property {string[]} command
 */

/** @type {Participant[]} */
export const participants = [
  myelin("native", "fitSync"),
  myelin("native", "fit"),
  myelin("typescript", "fitSync"),
  myelin("typescript", "fit"),
  peer("convnetjs", { package: "convnetjs", epochs: 300, file: "convnetjs.js" }),
  peer("brain.js", { package: "brain.js", epochs: 300, file: "brain.js" }),
  peer("tfjs-cpu", { package: "@tensorflow/tfjs", epochs: 30, file: "tfjs.js", options: ["cpu"] }),
  peer("tfjs-wasm", {
    package: "@tensorflow/tfjs-backend-wasm",
    epochs: 30,
    file: "tfjs.js",
    options: ["wasm"],
  }),
  {
    name: "article",
    version: python,
    missing: "not installed (python3)",
    epochs: 30,
    command: ["python3", path("against/article.py"), "30"],
  },
];
