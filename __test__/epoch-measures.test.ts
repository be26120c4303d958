/** The measures that kernels compute at the end of each epoch have the bits of their TypeScript definition. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type Callback,
  callbacks,
  dense,
  Model,
  type ModelOptions,
  metrics,
  relu,
  sgd,
  trainMany,
  xor,
} from "../src/index.ts";
import type { Progress, Run } from "../src/kernel/kernel.ts";
import { createMeasure, measures } from "../src/nn/measures.ts";
import type { Program } from "../src/nn/program.ts";
import type { Complete } from "../src/options.ts";
import { freshPaths } from "./folders.ts";
import { kernelNames, kernels } from "./kernels.ts";
import {
  dataset,
  lossOf,
  networkOf,
  outputsOf,
  programOf,
  type Rows,
  rowsFor,
  runOf,
  values,
} from "./programs.ts";
import { failureOf } from "./samples.ts";

const freshPath = freshPaths("epoch-measures", "training.safetensors");

/** Thresholds that 32 bits have, and others between two of their numbers. */
const columns = [0.5, 0, -0.25, 0.1, 1e-50, -1e-50, 3.4e38].map((threshold) => ({
  type: "columnAccuracy",
  threshold,
  middle: 0.5,
}));

/** Every entry of the table, with its options. */
const configurations: readonly Complete[] = Object.keys(measures).flatMap((type): Complete[] =>
  type === "columnAccuracy" ? columns : [{ type }],
);

/** Returns the measures that a loss's targets allow. */
function measuresFor(program: Program): readonly Complete[] {
  const isLabel = lossOf(program).targets < outputsOf(program);
  const ofLabels = (type: string) => type === "labelAccuracy";
  return configurations.filter(
    ({ type }) => ofLabels(type) === isLabel || (outputsOf(program) === 1 && !isLabel),
  );
}

/** Returns the values of the definition for the predictions of each epoch. */
function defined(program: Program, predictions: Float32Array, { y, rows }: Rows): number[] {
  const outputs = outputsOf(program);
  const epochs = Array.from({ length: predictions.length / (rows * outputs) }, (_, epoch) =>
    predictions.subarray(epoch * rows * outputs, (epoch + 1) * rows * outputs),
  );
  return epochs.flatMap((ofEpoch) =>
    program.measures.map((configuration) => createMeasure(configuration).value(ofEpoch, y, rows, outputs)),
  );
}

const hidden = { type: "dense", units: 16 };

/** Networks that take steps in different ways, each with one, three or more outputs. */
const architectures: readonly (readonly [string, readonly (Complete | string)[], (Complete | string)?])[] = [
  ["a hidden layer of relu", [hidden, "relu"]],
  ["a hidden layer of relu and adam", [hidden, "relu"], "adam"],
  ["a hidden layer of tanh", [hidden, "tanh"]],
  ["two hidden layers", [hidden, "silu", hidden, "relu"]],
  ["a wide layer", [{ type: "dense", units: 100 }, "tanh"]],
  ["statistics of the batch", [hidden, "batchNorm", "relu"]],
];

/** Losses with their last layers: plain values, yes or no, shares and labels. */
const ends: readonly (readonly [loss: Complete | string, last: string])[] = [
  ["meanSquaredError", "linear"],
  ["binaryCrossentropy", "sigmoid"],
  ["categoricalCrossentropy", "softmax"],
  ["sparseCategoricalCrossentropy", "softmax"],
];

const programs = architectures.flatMap(([name, layers, optimizer]) =>
  ends.flatMap(([loss, last]) =>
    [1, 3, 17]
      .filter((units) => units > 1 || last !== "softmax")
      .map((units): [string, Program] => {
        const all = [...layers, { type: "dense", units }, last];
        const program = programOf({ inputs: 3, layers: all, loss, ...(optimizer && { optimizer }) });
        return [`${name}, ${loss} of ${units}`, { ...program, measures: measuresFor(program) }];
      }),
  ),
);

/** Returns the networks' results without what differs between two runs. */
const timeless = ({ seconds: _, ...progress }: Progress) => progress;

describe.each(kernels)("on the $name kernel", (kernel) => {
  const train = (program: Program, rows: Rows, validation: Rows, given: Partial<Run>) => {
    const run = runOf(rows.rows, { validation: dataset(kernel, program, validation), ...given });
    return networkOf(kernel, program).train(dataset(kernel, program, rows), run);
  };

  test.each(programs)("of the predictions of training and of the validation, for %s", (_name, program) => {
    const cases = fc.record({
      rows: fc.integer({ min: 1, max: 70 }),
      held: fc.integer({ min: 1, max: 30 }),
      batchSize: fc.constantFrom(1, 4, 5, 7, 32, 100),
      shuffle: fc.boolean(),
      accumulate: fc.constantFrom(1, 1, 2),
      threads: fc.constantFrom(1, 2),
      seed: fc.nat(99),
    });
    fc.assert(
      fc.property(cases, ({ rows: count, held, seed, ...given }) => {
        const [rows, validation] = [rowsFor(program, count, seed), rowsFor(program, held, seed + 2)];
        const learningRates = new Float64Array([0.01, 0.02]);
        const run = { learningRates, seed, ...given };
        const kept = train(program, rows, validation, { ...run, predictions: true });
        expect(Array.from(kept.measures!)).toEqual(defined(program, kept.predictions!, rows));
        expect(Array.from(kept.validationMeasures!)).toEqual(
          defined(program, kept.validationPredictions!, validation),
        );
        const { predictions, validationPredictions, ...others } = timeless(kept);
        const {
          predictions: _none,
          validationPredictions: _nor,
          ...without
        } = timeless(train(program, rows, validation, run));
        expect(without).toEqual(others);
        const plain = train({ ...program, measures: [] }, rows, validation, run);
        expect(plain.losses).toEqual(kept.losses);
      }),
      { numRuns: kernel.name === "typescript" ? 1 : 4, seed: 1 },
    );
  });

  /** Returns a network whose output is `scale` times its input, with a learning rate of 0. */
  const scaled = (width: number, scale: number, rows: Rows) => {
    const layers = [{ type: "dense", units: width, useBias: false }];
    const plain = programOf({ inputs: width, layers });
    const program = { ...plain, measures: measuresFor(plain) };
    const network = kernel.network(program);
    const weights = new Float32Array(width * width);
    for (let at = 0; at < width; at++) weights[at * width + at] = scale;
    // The last output of several is the difference of two inputs.
    if (width > 1) weights.set([-scale], width * width - 2);
    network.write("parameters", weights);
    const learningRates = new Float64Array(1);
    const validation = dataset(kernel, program, rows);
    const data = dataset(kernel, program, {
      x: new Float32Array(width),
      y: new Float32Array(width),
      rows: 1,
    });
    const run = runOf(1, { learningRates, validation, predictions: true });
    return { program, progress: network.train(data, run) };
  };

  test.each([1, 2, 3])("of values at a threshold, with %i outputs", (width) => {
    const around = columns.flatMap(({ threshold }) => {
      const nearest = Math.fround(threshold);
      const bits = new Int32Array(Float32Array.of(nearest, nearest).buffer);
      bits[0]++;
      bits[1]--;
      return [nearest, -nearest, ...new Float32Array(bits.buffer)].filter(Number.isFinite);
    });
    const length = around.length * width;
    const x = Float32Array.from({ length }, (_, at) => around[at % around.length]);
    const rows = { x, y: values(1, length, 0, 1), rows: around.length };
    const { program, progress } = scaled(width, 1, rows);
    const expected = defined(program, progress.validationPredictions!, rows);
    expect(Array.from(progress.validationMeasures!)).toEqual(expected);
  });

  test.each([1, 2, 3, 8])("of predictions that are infinite or not a number, with %i outputs", (width) => {
    for (const count of [1, 7, 8, 40]) {
      const length = count * width;
      const x = values(2, length).map((value, at) => (at % 5 === 0 ? 3e38 * Math.sign(value) : value));
      const rows = { x, y: values(3, length, 0, 1), rows: count };
      const { program, progress } = scaled(width, 10, rows);
      const predictions = progress.validationPredictions!;
      expect(predictions.every(Number.isFinite)).toBe(false);
      expect(Array.from(progress.validationMeasures!)).toEqual(defined(program, predictions, rows));
    }
  });

  test("of the rows that a run has taken, and zeros before them", () => {
    const [, program] = programs[0];
    const rows = rowsFor(program, 22);
    const data = dataset(kernel, program, rows);
    const network = networkOf(kernel, program);
    const { position } = network.train(data, runOf(22, { steps: 2 }));
    const later = network.train(data, runOf(22, { from: position, steps: 4, predictions: true }));
    expect(later.predictions!.subarray(0, 8)).toEqual(new Float32Array(8));
    expect(Array.from(later.measures!)).toEqual(defined(program, later.predictions!, rows));
  });

  test("in a run that is stopped, for each epoch that ended", async () => {
    const [, program] = programs[0];
    const rows = rowsFor(program, 500);
    const data = dataset(kernel, program, rows);
    const network = networkOf(kernel, program);
    const learningRates = new Float64Array(10_000).fill(0.01);
    const training = network.start(data, runOf(500, { learningRates }));
    setTimeout(() => network.stop(), 20);
    const { losses, measures, position } = await training;
    expect(losses.length).toBe(position.epoch);
    const run = runOf(500, { learningRates: learningRates.slice(0, losses.length) });
    const again = losses.length > 0 ? networkOf(kernel, program).train(data, run).measures : measures;
    expect(measures ?? new Float64Array()).toEqual(again ?? new Float64Array());
  });

  test("refuses to watch a measure that the program does not have", () => {
    if (kernel.name === "typescript") return;
    const [, program] = programs[0];
    const earlyStopping = {
      validation: false,
      measure: program.measures.length,
      largerIsBetter: true,
      minDelta: 0,
      patience: 1,
      best: 0,
      waited: 0,
    };
    const data = dataset(kernel, program, rowsFor(program, 5));
    const run = runOf(5, { earlyStopping });
    expect(() => networkOf(kernel, program).train(data, run)).toThrow(
      `run: earlyStopping: the program has ${program.measures.length} measures`,
    );
  });
});

describe.each(kernelNames)("a training on the %s kernel", (kernel) => {
  const data = xor({ examples: 53, seed: 3 });
  const held = xor({ examples: 17, seed: 4 });
  const make = (options: Partial<ModelOptions> = {}) =>
    new Model({
      inputs: 2,
      layers: [dense(16), relu(), dense(1)],
      loss: "meanSquaredError",
      optimizer: sgd({ learningRate: 0.05 }),
      metrics: ["accuracy", metrics.rocAuc(), "meanAbsoluteError", "r2", "rootMeanSquaredError"],
      seed: 3,
      kernel,
      ...options,
    });

  test("has the metrics that `evaluate` computes, beside those that no kernel computes", () => {
    const model = make();
    const training = { batchSize: 53, shuffle: false, validationData: held };
    const { loss: _, ...before } = model.evaluate(data);
    const history = model.fitSync(data, training) as unknown as Record<string, number[]>;
    const after = model.evaluate(held);
    for (const [name, value] of Object.entries(before))
      expect([name, history[name]]).toEqual([name, [value]]);
    expect(history.validationLoss).toEqual([after.loss]);
    expect(history.validationAccuracy).toEqual([after.accuracy]);
    expect(history.validationRocAuc).toEqual([after.rocAuc]);
    expect(history.validationMeanAbsoluteError).toEqual([after.meanAbsoluteError]);
    expect(history.validationR2).toEqual([after.r2]);
    expect(history.validationRootMeanSquaredError).toEqual([after.rootMeanSquaredError]);
  });

  test("has the same history in one call, epoch by epoch, off the event loop and in `trainMany`", async () => {
    const options = { epochs: 5, batchSize: 5, validationData: held };
    const expected = make();
    const { seconds: _, ...whole } = expected.fitSync(data, options);
    const stepwise = make();
    for await (const _epoch of stepwise.epochs(data, options)) {
      // The loop's body decides nothing.
    }
    const off = make();
    await off.fit(data, options);
    const many = make();
    await trainMany([many, make({ seed: 4 })], data, options);
    for (const model of [stepwise, off, many]) {
      const { seconds: _seconds, ...history } = model.history!;
      expect(history).toEqual(whole);
      expect(model.toJSON()).toEqual(expected.toJSON());
    }
  });

  test("does not depend on weights of the rows", () => {
    const weighted = make({ optimizer: sgd({ learningRate: 0 }) });
    const sampleWeight = values(7, data.rows, 0, 2);
    const { loss: _, ...expected } = weighted.evaluate(data);
    const history = weighted.fitSync(data, { batchSize: 5, sampleWeight }) as unknown as Record<
      string,
      number[]
    >;
    for (const [name, [value]] of Object.entries(history)) {
      if (name in expected) expect([name, value]).toEqual([name, (expected as Record<string, number>)[name]]);
    }
  });

  test("has the metrics of one update", () => {
    const model = make();
    const { loss: _, ...expected } = model.evaluate(data);
    expect(model.trainOnBatch(data.x, data.y)).toMatchObject(expected);
  });

  test.each(["accuracy", "validationMeanAbsoluteError"] as const)(
    "that resumes with early stopping on %s equals one that was not interrupted",
    async (monitor) => {
      const stop = () => callbacks.earlyStopping({ monitor, patience: 4, minDelta: 0.01 });
      const options = { epochs: 60, batchSize: 5, validationData: held };
      const whole = make();
      const expected = await whole.fit(data, { ...options, callbacks: [stop()] });
      expect(expected.ended).toBe("patience");
      const checkpoint = callbacks.checkpoint({ path: freshPath(), every: 3, resume: true });
      const crash: Callback = {
        onEpochEnd({ epoch }) {
          if (epoch === 4) throw new Error("crash");
        },
      };
      await failureOf(() => make().fit(data, { ...options, callbacks: [stop(), checkpoint, crash] }));
      const resumed = make();
      const history = await resumed.fit(data, { ...options, callbacks: [stop(), checkpoint] });
      expect(history[monitor]).toEqual(expected[monitor]);
      expect([history.bestEpoch, history.ended]).toEqual([expected.bestEpoch, "patience"]);
      expect(resumed.toJSON()).toEqual(whole.toJSON());
    },
  );
});
