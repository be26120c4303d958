// Measures each activation, loss and optimizer beside its simplest sibling, and layers that keep the width:
// node bench/entries.js [--kernel native] [--rounds 40] [--seconds 0.01] [--only losses] [--json]
// Trains 784-128-10 with batch 32 on one thread. An entry and its sibling train in short turns, and the best
// turns count. The entries come from the addon's tables, so new ones are measured too.
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import * as myelin from "../dist/index.js";
import { hostTarget } from "../scripts/toolchain.js";
import { choose } from "./choice.js";
import { randomRows } from "./model.js";
import { entryTable } from "./report.js";

const WIDTHS = [784, 128, 10];
const [ROWS, BATCH] = [256, 32];
/** Small enough that no training diverges, with any loss and optimizer. */
const RATE = 1e-6;
/** Values to try for an option that is off or missing by default. Each option accepts some of them. */
const OFFERED = [true, false, 0.5, "tanh"];

const { adam, dense, relu } = myelin;

const network = (between, others) => ({
  inputs: WIDTHS[0],
  layers: [dense(WIDTHS[1]), ...between, dense(WIDTHS[2])],
  loss: "meanSquaredError",
  optimizer: adam({ learningRate: RATE }),
  seed: 1,
  ...others,
});

/** For each kind, the simplest entry, and the network with another one. Layers are compared with no layer. */
const kinds = {
  activations: { sibling: "relu", networkOf: (activation) => network([activation]) },
  losses: { sibling: "meanSquaredError", networkOf: (loss) => network([relu()], { loss }) },
  optimizers: {
    sibling: "adam",
    networkOf: (optimizer) => network([relu()], { optimizer: { ...optimizer, learningRate: RATE } }),
  },
  layers: { sibling: undefined, networkOf: (layer) => network(layer ? [relu(), layer] : [relu()]) },
};

/** Returns rows with targets of every kind: any values, values that sum to 1, classes, signs. */
function examples() {
  const { x, y } = randomRows(WIDTHS, ROWS);
  const outputs = WIDTHS[2];
  const sum = (row) => y.subarray(row * outputs, (row + 1) * outputs).reduce((all, value) => all + value, 0);
  const shares = y.map((value, at) => value / sum(Math.floor(at / outputs)));
  const classes = Float32Array.from({ length: ROWS }, (_, row) => row % outputs);
  return [y, shares, classes, y.map((value) => (value < 0.5 ? -1 : 1))].map((targets) => ({ x, y: targets }));
}

const kindsOfTargets = examples();

/** Returns a function that trains a network for some epochs, on the first examples that its loss accepts. */
function trainer(configuration, kernel) {
  const model = new myelin.Model({ ...configuration, kernel });
  const settings = { batchSize: BATCH, threads: 1, shuffle: false };
  for (const data of kindsOfTargets) {
    try {
      model.fitSync(data, settings);
      return (epochs) => model.fitSync(data, { ...settings, epochs });
    } catch (error) {
      if (!(error instanceof myelin.DataError || error instanceof myelin.ShapeError)) throw error;
    }
  }
  throw new Error(`no known targets fit ${JSON.stringify(configuration.loss)}`);
}

function seconds(train, epochs) {
  const start = performance.now();
  train(epochs);
  return (performance.now() - start) / 1000;
}

/** Trains both in turn. Returns the best time of a step in µs, and its ratio to the other's best. */
function compare(configuration, sibling, { kernel, rounds, seconds: turn }) {
  const [own, other] = [trainer(configuration, kernel), trainer(sibling, kernel)];
  const epochs = Math.max(1, Math.round((turn * 2) / seconds(own, 2)));
  const best = [Infinity, Infinity];
  for (let round = 0; round < rounds; round++) {
    best[0] = Math.min(best[0], seconds(own, epochs));
    best[1] = Math.min(best[1], seconds(other, epochs));
  }
  return { ratio: best[0] / best[1], microseconds: (best[0] / ((epochs * ROWS) / BATCH)) * 1e6 };
}

function takes(option, value) {
  try {
    option.read(value, "option");
    return true;
  } catch {
    return false;
  }
}

/**
 * Returns an entry with its defaults, then with each option that is off by default, then with all of those
 * options.
 */
function variants({ type, options }) {
  const given = (isAsked, values) =>
    Object.entries(options)
      .filter(([name, option]) => name !== "learningRate" && isAsked(option))
      .map(([name, option]) => [
        name,
        values.find((value) => value !== option.default && takes(option, value)),
      ]);
  const required = given((option) => "required" in option, [0.5]);
  if (required.some(([, value]) => value === undefined)) return []; // a size or layers, so the width may change
  const standard = { type, ...Object.fromEntries(required) };
  const isSwitch = (option) => !("required" in option) && [true, false, 0, "none"].includes(option.default);
  const asked = given(isSwitch, OFFERED).filter(([, value]) => value !== undefined);
  const sets = asked.length > 1 ? [...asked.map((option) => [option]), asked] : [asked];
  const others = sets
    .filter((set) => set.length > 0)
    .map((set) => ({ ...standard, ...Object.fromEntries(set) }));
  return [standard, ...others];
}

function entriesOf(kind) {
  const addon = createRequire(import.meta.url)(`myelin-${hostTarget()}`);
  const tables = JSON.parse(addon.tables());
  const builders = kind === "losses" ? myelin.losses : myelin;
  // Skips Program entries that no user writes, and layers that contain others, which have no options.
  return Object.keys(tables[kind])
    .map((name) => builders[name])
    .filter((entry) => entry?.options !== undefined);
}

const nameOf = ({ type, ...options }) =>
  [type, ...Object.entries(options).map(([name, value]) => `${name} ${value}`)].join(", ");

/** Measures the entries of some kinds. The sibling of each kind comes first, compared with itself. */
function measureEntries({ only, kernel = "native", ...settings }) {
  return only.flatMap((kind) => {
    const { sibling, networkOf } = kinds[kind];
    const plain = networkOf(sibling && { type: sibling });
    const isSibling = ({ type }) => type === sibling;
    const all = entriesOf(kind).flatMap(variants);
    const ordered = [...all.filter(isSibling), ...all.filter((entry) => !isSibling(entry))];
    return ordered.map((entry) => {
      const measured = compare(networkOf(entry), plain, { kernel, ...settings });
      return { kind, name: nameOf(entry), sibling: sibling ?? "none", ...measured };
    });
  });
}

if (fileURLToPath(import.meta.url) === process.argv[1]) {
  const options = {
    kernel: { type: "string" },
    only: { type: "string" },
    rounds: { type: "string", default: "40" },
    seconds: { type: "string", default: "0.01" },
    json: { type: "boolean", default: false },
  };
  const { kernel, only, rounds, seconds, json } = parseArgs({ options }).values;
  const chosen = choose("only", only, Object.keys(kinds), (kind) => [kind]);
  const settings = { kernel, only: chosen, rounds: Number(rounds), seconds: Number(seconds) };
  const entries = measureEntries(settings);
  console.log(json ? JSON.stringify(entries) : entryTable(entries));
}
