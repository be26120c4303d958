// What watching costs a training: progress, training metrics and a validation, beside the same training
// without. node bench/overhead.js [rounds, 15] [mnist rows, 12800]
// Each is trained in turn, plain first; the figures are medians over the rounds, of which a slow training has
// as many as a minute holds, and three at least. What a validation's own forward pass takes is what the same
// rows once more add.
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

/** Rows of a tenth as many for a validation, and a metric that looks at every prediction. */
const article = works.find(({ name }) => name === "article");
const mnist = works.find(({ name }) => name === "784-512-256-10-adam");

function labelled(widths, rows) {
  const { x, y } = randomRows([widths[0], 1], rows);
  return { x, y: y.map((value) => Math.floor(value * widths.at(-1))) };
}

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
    data: labelled(mnist.widths, mnistRows),
    held: labelled(mnist.widths, Math.ceil(mnistRows / 6)),
    metrics: ["accuracy"],
    options: { epochs: 1, batchSize: 128 },
  },
];

/** A terminal that takes what is written and shows nothing. */
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

/** The rows once more behind themselves. */
function twice({ x, y, inputs, outputs }) {
  const doubled = (values) => Float32Array.from([...values, ...values]);
  return { x: doubled(x), y: doubled(y), inputs, outputs };
}

/** Medians over rounds of a training, and of the same watched in each way. */
function measure({ net, data, held, metrics, options }, kernel) {
  const make = (given) => modelOf(net, { kernel, ...given });
  const doubled = twice(held);
  const ways = {
    plain: () => make().fitSync(data, options),
    progress: () => withTerminal(() => make().fitSync(data, { ...options, verbose: true })),
    metrics: () => make({ metrics }).fitSync(data, options),
    validation: () => make().fitSync(data, { ...options, validationData: held }),
    twice: () => make().fitSync(data, { ...options, validationData: doubled }),
  };
  const times = Object.fromEntries(Object.keys(ways).map((name) => [name, []]));
  const started = performance.now();
  const mayGoOn = (round) => round < LEAST_ROUNDS || performance.now() - started < MOST_MILLISECONDS;
  for (let round = -1; round < rounds && mayGoOn(round); round++) {
    for (const [name, way] of Object.entries(ways)) {
      const time = milliseconds(way);
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
const head = ["training", "an epoch", "progress", "metrics", "validation, its pass aside", "its pass"];
console.log(table([head, ...lines]));
