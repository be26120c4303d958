// Who learns the tables, and how each is started: in its own process, on one thread.
import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));

const environments = ["bin/python", "Scripts/python.exe"].map((file) => path(`.venv/${file}`));
/** The Python of the bench's environment, if it is there. */
export const python = environments.find((file) => existsSync(file)) ?? "python3";

/** Whether Python finds modules, which it does not load: that takes seconds. */
const FINDS = "import importlib.util, sys; sys.exit(not all(map(importlib.util.find_spec, sys.argv[1:])))";

const peer = (name, modules, rest = {}) => ({
  name,
  isThere: () => spawnSync(python, ["-c", FINDS, ...modules], { stdio: "ignore" }).status === 0,
  missing: "not installed (bench/tables/README.md)",
  command: (file, seed, threads) => [python, path("peers.py"), file, String(seed), name, String(threads)],
  ...rest,
});

const myelin = (quality) => ({
  name: `Myelin ${quality}`,
  isThere: () => existsSync(path("../../dist/table/index.js")),
  missing: "not built (npm run build)",
  command: (file, seed) => [process.execPath, path("myelin.js"), file, String(seed), quality],
});

/**
 * @typedef {object} Learner
 * @property {string} name
 * @property {boolean} [isBoosted] whether it is one of the four that the errors are relative to
 * @property {() => boolean} isThere
 * @property {string} missing what to say if it is not
 * @property {(file: string, seed: number, threads: number) => string[]} command
 */

/** @type {Learner[]} */
export const learners = [
  peer("LightGBM", ["lightgbm", "sklearn"], { isBoosted: true }),
  peer("XGBoost", ["xgboost", "sklearn"], { isBoosted: true }),
  peer("CatBoost", ["catboost"], { isBoosted: true }),
  peer("HistGradientBoosting", ["sklearn"], { isBoosted: true }),
  peer("linear", ["sklearn"]),
  peer("LightGBM bagged", ["lightgbm", "sklearn"]),
  myelin("fast"),
  myelin("balanced"),
  myelin("best"),
];

/** Whose CPU time the others' is relative to. */
export const TIMED = "CatBoost";
/** Whose error no learner's should be above. */
export const LINEAR = "linear";

/** What a learner's process prints about a table and a seed: predictions, seconds, version, honest scores. */
export function run({ name, command }, file, seed, threads = 1) {
  const [program, ...options] = command(file, seed, threads);
  const environment = { MYELIN_THREADS: String(threads), OMP_NUM_THREADS: String(threads) };
  const child = spawn(program, options, { env: { ...process.env, ...environment } });
  let [output, complaint] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text) => {
    output += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text) => {
    complaint += text;
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => {
      if (code === 0)
        return resolve(JSON.parse(output.slice(output.lastIndexOf("\n", output.length - 2) + 1)));
      reject(new Error(`${name} ended with ${code}: ${complaint.trim().slice(-2000) || "no word"}`));
    });
  });
}
