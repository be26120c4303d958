// Measures what schedules, budgets and callbacks cost a training: node bench/control.js [rounds, 15]
// Trains the article's run natively, plain and with each of them in turn. Prints the difference of the medians,
// as a share in fitSync and per epoch in fit. Then measures how long a checkpoint of a million parameters
// blocks an epoch.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { argv } from "node:process";
import { callbacks, schedules, xor } from "../dist/index.js";
import { modelOf, randomRows } from "./model.js";
import { median } from "./statistics.js";
import { figure, table } from "./table.js";
import { works } from "./works.js";

const rounds = Number(argv[2] ?? 15);
const EPOCHS = 300;
const article = works.find(({ name }) => name === "article");
const data = xor({ examples: article.rows, seed: 1 });
const validationData = xor({ examples: article.rows / 5, seed: 2 });
const patience = EPOCHS;
const reduceOnPlateau = schedules.reduceOnPlateau({ patience });

/** The options by name. With `validationData`, the plain training validates too. */
const variants = {
  plain: {},
  "early stopping": { callbacks: callbacks.earlyStopping({ patience }) },
  "a target": { budget: { targetLoss: -1 } },
  "a time": { budget: { seconds: 1000 } },
  "a schedule": { schedule: schedules.cosine({ epochs: EPOCHS }) },
  "an idle signal": { signal: new AbortController().signal },
  "a schedule that watches": { schedule: reduceOnPlateau },
  "a hook": { callbacks: { onEpochEnd() {} } },
  "early stopping by a metric": {
    callbacks: callbacks.earlyStopping({ monitor: "accuracy", patience }),
    metrics: ["accuracy"],
  },
};
const validated = {
  plain: { validationData },
  "early stopping by validation": {
    validationData,
    callbacks: callbacks.earlyStopping({ monitor: "validationLoss", patience }),
  },
};

/** Returns the median milliseconds of each variant over the rounds. The variants take turns. */
async function measure(options, call) {
  const names = Object.keys(options);
  const times = Object.fromEntries(names.map((name) => [name, []]));
  for (let round = -1; round < rounds; round++) {
    for (const name of names) {
      const { metrics, ...rest } = options[name];
      const model = modelOf(article, { kernel: "native", ...(metrics && { metrics }) });
      const start = performance.now();
      await model[call](data, { epochs: EPOCHS, batchSize: 5, ...rest });
      if (round >= 0) times[name].push(performance.now() - start);
    }
  }
  return names.map((name) => [name, median(times[name])]);
}

const lines = [];
for (const options of [variants, validated]) {
  const [inSync, inFit] = [await measure(options, "fitSync"), await measure(options, "fit")];
  for (const [index, [name, time]] of inSync.entries()) {
    const [plainSync, plainFit] = [inSync[0][1], inFit[0][1]];
    lines.push([
      name,
      `${figure((1000 * time) / EPOCHS)} µs`,
      `${(100 * (time / plainSync - 1)).toFixed(1)} %`,
      `${figure((1000 * inFit[index][1]) / EPOCHS)} µs`,
      `${figure((1000 * (inFit[index][1] - plainFit)) / EPOCHS)} µs`,
    ]);
  }
}
console.log(table([["option", "epoch, fitSync", "more", "epoch, fit", "more per epoch"], ...lines]));

const wide = { widths: [500, 1000, 498], optimizer: { type: "adam", learningRate: 1e-4 } };
const rows = randomRows([500, 498], 4096);
const folder = mkdtempSync(join(tmpdir(), "myelin-bench-"));
const held = [];
let start = 0;
const model = modelOf(wide, { kernel: "native" });
await model.fit(rows, {
  epochs: 3 * rounds,
  batchSize: 128,
  callbacks: [
    {
      onEpochEnd() {
        start = performance.now();
      },
    },
    callbacks.checkpoint({ path: join(folder, "checkpoint.safetensors") }),
    { onEpochEnd: () => void held.push(performance.now() - start) },
  ],
});
rmSync(folder, { recursive: true });
const { seconds } = model.history;
console.log(
  `\na checkpoint of ${model.parameters} parameters blocks training for ${figure(median(held))} ms, at most ${figure(Math.max(...held))} ms (${held.length} epochs of ${figure(1000 * median(seconds))} ms)`,
);
