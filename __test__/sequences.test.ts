/**
 * Random sequences of calls on random models. Each result equals that of a fresh model with the same weights,
 * and both kernels agree. `MYELIN_SEQUENCES` sets the number of sequences, for longer runs, and `MYELIN_SEED`
 * their seed.
 */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DivergenceError, type Layer, type Loss, Model, type Optimizer } from "../src/index.ts";
import {
  attributions,
  checkGradients,
  diagnose,
  explain,
  importance,
  partialDependence,
} from "../src/insight/index.ts";
import { CHUNK_ROWS } from "../src/kernel/kernel.ts";
import { categoriesOf, type Program } from "../src/nn/program.ts";
import { flatten, kernelNames, PARITY } from "./kernels.ts";
import { anyProgram, draws, type Rows, rowsFor, values } from "./programs.ts";

type KernelName = (typeof kernelNames)[number];

/** One call: its name, and the rows that it receives. */
interface Call {
  readonly name: keyof typeof calls;
  readonly count: number;
  readonly seed: number;
}

type Answer = (model: Model, rows: Rows, call: Call) => unknown;

const few = ({ x, y, rows }: Rows, most: number): { x: Float32Array; y: Float32Array } => {
  const kept = Math.min(rows, most);
  return { x: x.slice(0, (x.length / rows) * kept), y: y.slice(0, (y.length / rows) * kept) };
};

/** The options of a training with at most four steps per epoch, so that rounding errors stay small. */
const training = ({ rows, weights }: Rows, { seed }: Call) => ({
  epochs: 1 + (seed % 2),
  batchSize: Math.ceil(rows / (1 + (seed % 4))),
  accumulate: 1 + (seed % 3),
  shuffle: seed % 5 > 0,
  sampleWeight: weights,
  warnings: false,
});

/**
 * Returns the options of a validation with the last rows, if there are several and they have no weights,
 * which may be 0.
 */
function validated(rows: Rows, call: Call) {
  const options = training(rows, call);
  if (rows.rows < 2 || rows.weights?.some((weight) => weight < 0.9)) return options;
  return { ...options, validationSplit: 0.5, batchSize: Math.ceil(options.batchSize / 2) };
}

const historyOf = ({ loss, validationLoss, learningRate }: NonNullable<Model["history"]>) => ({
  loss,
  validationLoss: validationLoss ?? [],
  learningRate,
});

/** The calls, each with its results as numbers. */
const calls = {
  fit: async (model, rows, call) => historyOf(await model.fit(rows, validated(rows, call))),
  fitSync: (model, rows, call) => historyOf(model.fitSync(rows, validated(rows, call))),
  async epochs(model, rows, call) {
    const { warnings: _, ...options } = training(rows, call);
    for await (const { loss } of model.epochs(rows, { ...options, epochs: 3 })) return loss;
  },
  trainOnBatch: (model, rows) => model.trainOnBatch(rows, { sampleWeight: rows.weights }),
  predict: (model, { x }) => model.predict(x),
  predictRow: (model, { x, rows }) => model.predict(Array.from(x.subarray(0, x.length / rows))),
  evaluate: (model, rows) => model.evaluate(rows),
  gradients: (model, rows) => model.gradients(rows),
  explain: (model, rows) => explain(model, few(rows, 512)).layers.map(({ output }) => output),
  checkGradients: (model, rows) => Number(checkGradients(model, few(rows, 3), { samples: 1 }).passes),
  importance: (model, rows) =>
    importance(model, few(rows, 600), { repeats: 1 }).columns.map(({ mean }) => mean),
  attributions: (model, rows, { seed }) =>
    attributions(model, few(rows, 3).x, { steps: 3, output: seed % model.outputs }),
  partialDependence: (model, rows) => partialDependence(model, few(rows, 600).x, 0, { points: 3 }).means,
  diagnose: (model, rows) => diagnose(model, few(rows, 40)).findings.length,
  getWeights: (model) => model.getWeights(),
} satisfies Record<string, Answer>;

const names = Object.keys(calls) as (keyof typeof calls)[];

const counts = fc.oneof(
  { weight: 12, arbitrary: fc.integer({ min: 1, max: 40 }) },
  { weight: 3, arbitrary: fc.constantFrom(511, 512, 513, 1025) },
  { weight: 1, arbitrary: fc.integer({ min: 514, max: 3000 }) },
);
const anyCalls: fc.Arbitrary<Call[]> = fc.array(
  fc.record({ name: fc.constantFrom(...names), count: counts, seed: fc.nat(1_000_000) }),
  { minLength: 2, maxLength: 8 },
);

/** Random options divide by a large epsilon, so half of the optimizers have their defaults. */
interface Drawn {
  readonly program: Program;
  readonly hasDefaults: boolean;
  readonly sequence: Call[];
}
const anySequence: fc.Arbitrary<Drawn> = fc.record({
  program: anyProgram,
  hasDefaults: fc.boolean(),
  sequence: anyCalls,
});

function modelOf({ program, hasDefaults }: Drawn, kernel: KernelName): Model {
  const optimizer = hasDefaults ? { type: program.optimizer.type } : program.optimizer;
  return new Model({
    inputs: program.inputs,
    layers: program.layers as readonly Layer[],
    loss: program.loss as unknown as Loss,
    optimizer: { ...optimizer, learningRate: 0.001 } as unknown as Optimizer,
    clipGradients: program.clipGradients,
    seed: 5,
    kernel,
  });
}

/**
 * Returns a new model with everything that a call depends on. JSON lacks the history, so `diagnose` gets
 * none.
 */
function copyOf(model: Model, { name, seed }: Call, kernel = model.kernel.name): Model {
  return seed % 2 === 0 || name === "diagnose"
    ? Model.fromBytes(model.toBytes({ optimizerState: true, history: true }), { kernel })
    : Model.fromJSON(JSON.stringify(model), { kernel });
}

const stateOf = (model: Model) => model.toBytes({ optimizerState: true, history: false });

/** Returns the results of a call, or its error, and the weights after it. */
async function outcomeOf(model: Model, rows: Rows, call: Call): Promise<(number | string)[][]> {
  let answer: (number | string)[];
  try {
    answer = flatten(await calls[call.name](model, rows, call));
  } catch (error) {
    if (!(error instanceof DivergenceError)) throw error;
    answer = ["DivergenceError"];
  }
  return [answer, flatten(model.getWeights())];
}

const largest = (list: readonly (number | string)[]) =>
  list.reduce<number>((most, value) => Math.max(most, Math.abs(Number(value))), 1);

/** Returns the distance of results, each list in units of its largest value, or of 1. */
function distanceOf(left: readonly (number | string)[][], right: readonly (number | string)[][]): number {
  let most = 0;
  for (const [index, list] of right.entries()) {
    expect(left[index].length).toBe(list.length);
    const unit = largest(list);
    for (const [at, expected] of list.entries()) {
      const actual = left[index][at];
      if (Object.is(actual, expected)) continue;
      const distance = Math.abs(Number(actual) - Number(expected)) / unit;
      most = Math.max(most, Number.isNaN(distance) ? Number.POSITIVE_INFINITY : distance);
    }
  }
  return most;
}

/** Returns values changed by about as much as rounding changes them. */
function moved(given: Float32Array, seed: number): Float32Array {
  const draw = values(seed, given.length);
  return given.map((value, at) => value * (1 + draw[at] * 2 ** -21));
}

/** Returns the rows, changed likewise except for columns of category numbers. */
function movedInputs({ x, rows }: Rows, program: Program, seed: number): Float32Array {
  const [result, width] = [moved(x, seed), x.length / rows];
  for (const { column } of categoriesOf(program)) {
    for (let at = column; at < x.length; at += width) result[at] = x[at];
  }
  return result;
}

/** Returns the model with weights that differ by rounding. */
function neighborOf(model: Model, call: Call, kernel: KernelName, seed: number): Model {
  const copy = copyOf(model, call, kernel);
  let at = 0;
  const drawn = moved(Float32Array.from(flatten(copy.getWeights())), seed);
  const shift = (value: unknown): unknown => {
    if (typeof value === "number") return drawn[at++];
    if (Array.isArray(value)) return value.map(shift);
    return Object.fromEntries(Object.entries(value as object).map(([name, inner]) => [name, shift(inner)]));
  };
  copy.setWeights(shift(copy.getWeights()) as ReturnType<Model["getWeights"]>);
  return copy;
}

/**
 * Returns the distance that rounding explains: of each kernel to itself with weights, rows and sample weights
 * that differ by rounding. Different sample weights disturb sums that cancel.
 */
async function conditionOf(model: Model, program: Program, rows: Rows, call: Call): Promise<number> {
  let most = 0;
  for (const kernel of kernelNames) {
    const plain = await outcomeOf(copyOf(model, call, kernel), rows, call);
    for (const seed of [1, 2, 3, 4]) {
      const weights = moved(rows.weights ?? new Float32Array(rows.rows).fill(1), seed + 4);
      const near = { ...rows, x: movedInputs(rows, program, seed), weights };
      const outcome = await outcomeOf(neighborOf(model, call, kernel, seed), near, call);
      most = Math.max(most, distanceOf(outcome, plain));
    }
  }
  return most;
}

/**
 * The largest relative error of an addition in 32 bits. Additions of equal values all have errors in the same
 * direction.
 */
const CHAIN = 2 ** -24;

const runs = Number(process.env.MYELIN_SEQUENCES ?? 30);
const seed = Number(process.env.MYELIN_SEED ?? draws.seed);
const longest = 600_000 + runs * 1000;

describe("in any sequence of calls", () => {
  test.each(kernelNames)(
    "each result on the %s kernel is that of a fresh model with the same weights",
    async (kernel) => {
      const property = fc.asyncProperty(anySequence, async (drawn) => {
        const model = modelOf(drawn, kernel);
        for (const call of drawn.sequence) {
          const rows = rowsFor(drawn.program, call.count, call.seed);
          const fresh = copyOf(model, call);
          expect(await outcomeOf(model, rows, call)).toEqual(await outcomeOf(fresh, rows, call));
          expect(stateOf(model)).toEqual(stateOf(fresh));
        }
      });
      await fc.assert(property, { seed, numRuns: runs });
    },
    longest,
  );

  test(
    "the kernels differ by no more than rounding explains",
    async () => {
      const property = fc.asyncProperty(anySequence, async (drawn) => {
        const model = modelOf(drawn, "native");
        for (const call of drawn.sequence) {
          const rows = rowsFor(drawn.program, call.count, call.seed);
          const other = copyOf(model, call, "typescript");
          const before = copyOf(model, { ...call, seed: 0 });
          const outcomes = [await outcomeOf(model, rows, call), await outcomeOf(other, rows, call)];
          const distance = distanceOf(outcomes[0], outcomes[1]);
          if (distance <= PARITY) continue;
          const condition = await conditionOf(before, drawn.program, rows, call);
          expect(distance).toBeLessThanOrEqual(
            PARITY + CHAIN * Math.min(call.count, CHUNK_ROWS) + 10 * condition,
          );
        }
      });
      await fc.assert(property, { seed, numRuns: runs });
    },
    longest,
  );
});
