// The participants: which works each one takes, and how it is prepared and started.
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));

const environment = ["bin/python", "Scripts/python.exe"].map((file) => path(`against/.venv/${file}`));
/** The Python of the environment in `against`, if there is one. */
export const python = environment.find((file) => existsSync(file)) ?? "python3";

const runs = (program, ...options) => spawnSync(program, options, { stdio: "ignore" }).status === 0;
const packageIsThere = (name) => () => existsSync(path(`against/node_modules/${name}/package.json`));
/** Returns whether Python finds all of these modules. */
export const modulesAreThere =
  (...names) =>
  () =>
    runs(python, "-c", `import ${names.join(", ")}`);

const isTraining = ({ kind }) => kind === "train";
const isNamed =
  (...names) =>
  ({ name }) =>
    names.includes(name);
const isForNative = ({ judged }) => judged === undefined;

const built = { isThere: () => existsSync(path("../dist/index.js")), missing: "not built (npm run build)" };

const myelin = (kernel, rest) => ({
  ...built,
  kernel,
  name: `Myelin ${kernel}`,
  command: (folder) => [process.execPath, path("participants/myelin.js"), folder, kernel],
  ...rest,
});

const ownThreads = (threads) => (threads > 0 ? { MYELIN_THREADS: String(threads) } : {});

const npmPeer = (name, { dependency, file, options = [], ...rest }) => ({
  name,
  isThere: packageIsThere(dependency),
  missing: "not installed (npm ci --prefix bench/against)",
  cores: ["one"],
  command: (folder) => [process.execPath, path(`against/${file}`), folder, ...options],
  ...rest,
});

const pythonPeer = (name, { modules, file, options = [], ...rest }) => ({
  name,
  isThere: modulesAreThere(...modules),
  missing: "not installed (bench/against/requirements.txt)",
  cores: ["one", "all"],
  takes: (work) => isForNative(work) && ["train", "predict"].includes(work.kind),
  command: (folder, threads) => [python, path(`against/${file}`), folder, String(threads), ...options],
  ...rest,
});

/** Where the bits of the WebAssembly kernel are the native kernel's: Node 20 has no relaxed SIMD. */
const laterNode = path("../__test__/runtimes/node_modules/node-22/bin/node");

/** Returns the version of the shared library. */
const fannVersion = () => execFileSync("pkg-config", ["--modversion", "fann"], { encoding: "utf8" }).trim();

function compileFann(folder) {
  const source = path("against/fann.c");
  const version = `-DVERSION="${fannVersion()}"`;
  const flags = ["-O3", "-march=native", version, source, "-lfloatfann", "-lm", "-o", join(folder, "fann")];
  execFileSync("gcc", flags, { stdio: ["ignore", "ignore", "pipe"] });
}

/**
 * @typedef {object} Participant
 * @property {string} name
 * @property {"native" | "wasm" | "typescript"} [kernel] the kernel, for Myelin's own participants
 * @property {() => boolean} isThere
 * @property {string} missing the message if it is not installed
 * @property {("one" | "all")[]} cores the core modes in which it is measured
 * @property {(work: import("./works.js").Work) => boolean} takes whether it takes part in a work
 * @property {(folder: string) => void} [prepare] runs once per work, with its folder
 * @property {(folder: string, threads: number) => string[]} command threads is 0 for the participant's choice
 * @property {(threads: number) => Record<string, string>} [environment]
 */

/** @type {Participant[]} */
export const participants = [
  myelin("native", { cores: ["one", "all"], takes: isForNative, environment: ownThreads }),
  myelin("native", {
    name: "one net",
    cores: ["one"],
    takes: ({ kind }) => kind === "trainMany",
    command: (folder) => [process.execPath, path("participants/myelin.js"), folder, "native", "one net"],
    environment: ownThreads,
  }),
  myelin("typescript", {
    cores: ["one"],
    // A step of the widest net would take half a minute.
    takes: ({ kind, widths }) => ["train", "predict"].includes(kind) && widths[0] < 2048,
  }),
  myelin("wasm", {
    isThere: () => built.isThere() && existsSync(laterNode),
    missing: "no build, or no Node 22 (npm ci --prefix __test__/runtimes)",
    cores: ["one"],
    takes: ({ kind, widths }) => ["train", "predict"].includes(kind) && widths[0] < 2048,
    command: (folder) => [laterNode, path("participants/myelin.js"), folder, "wasm"],
  }),
  pythonPeer("PyTorch", { modules: ["torch", "numpy"], file: "pytorch.py", options: ["eager"] }),
  pythonPeer("torch.compile", { modules: ["torch", "numpy"], file: "pytorch.py", options: ["compile"] }),
  pythonPeer("JAX", { modules: ["jax", "numpy"], file: "jax_scan.py" }),
  npmPeer("onnxruntime", {
    dependency: "onnxruntime-node",
    isThere: () => packageIsThere("onnxruntime-node")() && modulesAreThere("onnx", "numpy")(),
    missing: "not installed (npm ci --prefix bench/against, and requirements.txt for onnx)",
    file: "onnxruntime.js",
    cores: ["one", "all"],
    takes: ({ kind }) => kind === "predict",
    prepare: (folder) => execFileSync(python, [path("against/make_onnx.py"), folder], { stdio: "pipe" }),
    command: (folder, threads) => [process.execPath, path("against/onnxruntime.js"), folder, String(threads)],
  }),
  npmPeer("TensorFlow.js cpu", {
    dependency: "@tensorflow/tfjs",
    file: "tfjs.js",
    options: ["cpu"],
    takes: isNamed("article", "typescript-article", "typescript-784-128-10"),
  }),
  npmPeer("TensorFlow.js wasm", {
    dependency: "@tensorflow/tfjs-backend-wasm",
    file: "tfjs.js",
    options: ["wasm"],
    takes: isNamed(
      ...["article", "16-64-64-4", "784-128-10", "784-512-256-10-sgd"],
      ...["typescript-article", "typescript-784-128-10"],
    ),
  }),
  npmPeer("ConvNetJS", {
    dependency: "convnetjs",
    file: "convnetjs.js",
    takes: isNamed("article", "typescript-article"),
  }),
  npmPeer("brain.js", {
    dependency: "brain.js",
    file: "brain.js",
    takes: isNamed("article", "typescript-article"),
  }),
  {
    name: "FANN",
    isThere: () => runs("gcc", "--version") && runs("pkg-config", "--exists", "fann"),
    missing: "not installed (gcc, pkg-config and libfann-dev)",
    cores: ["one"],
    takes: (work) => isTraining(work) && isForNative(work) && work.optimizer.type === "sgd" && !work.shuffle,
    prepare: compileFann,
    command: (folder) => [join(folder, "fann"), folder],
  },
  {
    name: "the article's Python",
    isThere: () => runs("python3", "--version"),
    missing: "not installed (python3)",
    cores: ["one"],
    takes: isNamed("article", "typescript-article"),
    command: (folder) => ["python3", path("against/article.py"), folder],
  },
];

/**
 * The participants on MNIST. The command receives the data's folder, a seed, and the numbers of epochs and
 * threads.
 */
export const mnistParticipants = [
  ...[
    { name: "Myelin", precision: "float32" },
    { name: "Myelin in bfloat16", precision: "bfloat16" },
  ].map(({ name, precision }) => ({
    ...built,
    name,
    command: (...given) => [
      process.execPath,
      path("participants/mnist.js"),
      ...given.slice(0, 3).map(String),
      precision,
    ],
    environment: ownThreads,
  })),
  {
    name: "PyTorch",
    isThere: modulesAreThere("torch", "numpy"),
    missing: "not installed (bench/against/requirements.txt)",
    command: (...given) => [python, path("against/mnist.py"), ...given.map(String)],
  },
];

/** Returns the names that select a participant in `--only`: its own name, or that of Myelin's kernel. */
export const answersTo = ({ name, kernel }) => [name, kernel].filter(Boolean);
