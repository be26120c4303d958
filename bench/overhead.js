// Measures what progress, training metrics and validation cost, compared with the same training without them:
// node bench/overhead.js [rounds, 15] [mnist rows, 12800]
// The variants train in turn, plain first. The figures are medians over the rounds. A slow training has as many
// rounds as fit into a minute, but at least three. The cost of a validation's own forward pass is measured by
// validating on twice the rows.
import { argv } from "node:process";
import { xor } from "../dist/index.js";
import { modelOf, randomRows } from "./model.js";
import { median } from "./statistics.js";
import { figure, table } from "./table.js";
import { works } from "./works.js";

const rounds = Number(argv[2] ?? 15);
const mnistRows = Number(argv[3] ?? 12_800);
const MOST_MILLISECONDS = 60_000;
const LEAST_ROUNDS = 3;

const article = works.find(({ name }) => name === "article");
const mnist = works.find(({ name }) => name === "784-512-256-10-adam");

function labeled(widths, rows) {
  const { x, y } = randomRows([widths[0], 1], rows);
  return { x, y: y.map((value) => Math.floor(value * widths.at(-1))) };
}

/** `held` is the validation data, a fifth or a sixth of the rows. The metrics read every prediction. */
const subjects = [
  {
    name: "article, 1000 rows, batch 5",
    net: article,
    data: xor({ examples: article.rows, seed: 1 }),
    held: xor({ examples: article.rows / 5, seed: 2 }),
    metrics: ["accuracy", "meanAbsoluteError"],
    options: { epochs: 300, batchSize: 5 },
  },
  {
    name: `784-512-256-10, ${mnistRows} rows, batch 128`,
    net: { ...mnist, loss: "sparseCategoricalCrossentropy" },
    data: labeled(mnist.widths, mnistRows),
    held: labeled(mnist.widths, Math.ceil(mnistRows / 6)),
    metrics: ["accuracy"],
    options: { epochs: 1, batchSize: 128 },
  },
];

/** Runs `work` with a terminal that discards what is written. */
function withTerminal(work) {
  const { stderr } = process;
  const sink = { isTTY: true, columns: 120, write: () => true };
  Object.defineProperty(process, "stderr", { value: sink, configurable: true });
  try {
    return work();
  } finally {
    Object.defineProperty(process, "stderr", { value: stderr, configurable: true });
  }
}

function milliseconds(work) {
  const start = performance.now();
  work();
  return performance.now() - start;
}

/** Returns the rows repeated once. */
function twice({ x, y, inputs, outputs }) {
  const doubled = (values) => Float32Array.from([...values, ...values]);
  return { x: doubled(x), y: doubled(y), inputs, outputs };
}

/** Returns median times over the rounds, of the plain training and of each variant. */
function measure({ net, data, held, metrics, options }, kernel) {
  const make = (given) => modelOf(net, { kernel, ...given });
  const doubled = twice(held);
  const variants = {
    plain: () => make().fitSync(data, options),
    progress: () => withTerminal(() => make().fitSync(data, { ...options, verbose: true })),
    metrics: () => make({ metrics }).fitSync(data, options),
    validation: () => make().fitSync(data, { ...options, validationData: held }),
    twice: () => make().fitSync(data, { ...options, validationData: doubled }),
  };
  const times = Object.fromEntries(Object.keys(variants).map((name) => [name, []]));
  const started = performance.now();
  const mayContinue = (round) => round < LEAST_ROUNDS || performance.now() - started < MOST_MILLISECONDS;
  for (let round = -1; round < rounds && mayContinue(round); round++) {
    for (const [name, variant] of Object.entries(variants)) {
      const time = milliseconds(variant);
      if (round >= 0) times[name].push(time);
    }
  }
  return Object.fromEntries(Object.entries(times).map(([name, list]) => [name, median(list)]));
}

const percent = (share) => `${(100 * share).toFixed(1)} %`;

const lines = subjects.flatMap((subject) =>
  ["native", "typescript"].map((kernel) => {
    const { plain, progress, metrics, validation, twice } = measure(subject, kernel);
    const pass = twice - validation;
    return [
      `${subject.name}, ${kernel}`,
      `${figure((plain * 1000) / subject.options.epochs)} µs`,
      percent(progress / plain - 1),
      percent(metrics / plain - 1),
      percent((validation - pass) / plain - 1),
      percent(pass / plain),
    ];
  }),
);
const head = ["training", "an epoch", "progress", "metrics", "validation without its pass", "its pass"];
console.log(table([head, ...lines]));
