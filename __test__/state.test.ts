/** What happens between a gradient and the parameters, on both kernels. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  adam,
  dense,
  type FitOptions,
  type Layer,
  type ModelOptions,
  relu,
  sgd,
  trainMany,
} from "../src/index.ts";
import type { Run } from "../src/kernel/kernel.ts";
import { besideDefinition, expectNear, flatten, kernelNames, kernels } from "./kernels.ts";
import {
  dataset,
  draws,
  inPieces,
  networkOf,
  programOf,
  rowsFor,
  runOf,
  START,
  stateOf,
  tablePrograms,
} from "./programs.ts";
import { data, makeModel } from "./samples.ts";

describe.each(kernelNames)("on the %s kernel", (kernel) => {
  const make = (options: Partial<ModelOptions> = {}) => makeModel({ kernel, ...options });

  describe("a dense layer with trainable: false", () => {
    const layers = (...trainable: boolean[]): Layer[] => [
      dense(8, { trainable: trainable[0] }),
      relu(),
      dense(1, { trainable: trainable[1] }),
    ];
    const optimizer = sgd({ learningRate: 0.05, momentum: 0.9, weightDecay: 0.1 });
    const trained = (...trainable: boolean[]) => {
      const model = make({ layers: layers(...trainable), optimizer });
      model.fitSync(data, { epochs: 3, batchSize: 8 });
      return model;
    };
    const initial = make().getWeights();

    test("keeps its weights to the bit, with or without decay, and the other layers learn", () => {
      for (const [first, second] of [
        [false, true],
        [true, false],
      ]) {
        const [one, , two] = trained(first, second).getWeights();
        if (first) expect(one).not.toEqual(initial[0]);
        else expect(one).toEqual(initial[0]);
        if (second) expect(two).not.toEqual(initial[2]);
        else expect(two).toEqual(initial[2]);
      }
    });

    test("has gradients of zero, and does not affect other layers' gradients", () => {
      const whole = make().gradients(data).layers;
      const { layers: some } = make({ layers: layers(false, true) }).gradients(data);
      expect(flatten(some[0]).every((value) => value === 0)).toBe(true);
      expect(some[2]).toEqual(whole[2]);
      expect(make({ layers: layers(true, false) }).gradients(data).layers[0]).toEqual(whole[0]);
    });

    test("can be the only layer", () => {
      const model = trained(false, false);
      expect(model.getWeights()).toEqual(initial);
      expect(flatten(model.gradients(data).layers).every((value) => value === 0)).toBe(true);
    });
  });

  /** Returns a model after a training, and its history. */
  const trained = (options: Partial<ModelOptions>, how: FitOptions = {}) => {
    const model = make(options);
    const { loss } = model.fitSync(data, { epochs: 3, batchSize: 8, ...how });
    return { model, loss, weights: flatten(model.getWeights()) };
  };

  describe("penalties", () => {
    test.each([{ l1: 0.01 }, { l2: 0.01 }])("%j affect the weights", (penalty) => {
      const plain = trained({}).weights;
      expect(trained(penalty).weights).not.toEqual(plain);
      const layers = [dense(8, penalty), relu(), dense(1, penalty)];
      expect(trained({ layers }).weights).toEqual(trained(penalty).weights);
      const without = [dense(8, { l1: 0, l2: 0 }), relu(), dense(1, { l1: 0, l2: 0 })];
      expect(trained({ layers: without, ...penalty }).weights).toEqual(plain);
    });

    test("are not part of the reported loss, and do not apply to biases", () => {
      const [plain, penalised] = [make(), make({ l1: 10, l2: 10 })];
      expect(penalised.evaluate(data)).toEqual(plain.evaluate(data));
      const [a, b] = [plain.gradients(data), penalised.gradients(data)];
      expect(b.loss).toBe(a.loss);
      expect(b.layers[0].bias).toEqual(a.layers[0].bias);
      expect(b.layers[0].weight).not.toEqual(a.layers[0].weight);
      expect(trained({ l1: 10 }, { epochs: 1, batchSize: 50 }).loss).toEqual(
        trained({}, { epochs: 1, batchSize: 50 }).loss,
      );
    });

    test("move a weight without influence on the loss towards zero: l1 by constant steps, l2 by a share", () => {
      const still = { x: new Float32Array(2), y: new Float32Array(1), inputs: 2, outputs: 1, rows: 1 };
      const layers = [dense(1, { useBias: false })];
      const weightsAfter = (penalty: Partial<ModelOptions>) => {
        const model = make({ layers, optimizer: sgd({ learningRate: 0.5 }), ...penalty });
        model.setWeights([{ weight: [[0.5, -0.25]] }]);
        model.fitSync(still);
        return flatten(model.getWeights());
      };
      expectNear(weightsAfter({ l1: 0.1 }), [0.45, -0.2]);
      expectNear(weightsAfter({ l2: 0.1 }), [0.45, -0.225]);
      const zero = make({ layers, l1: 0.1, l2: 0.1 });
      zero.setWeights([{ weight: [[0, 0]] }]);
      expect(flatten(zero.gradients(still).layers)).toEqual([0, 0]);
    });
  });

  describe("clipGradients", () => {
    const step = (options: Partial<ModelOptions>) => {
      const model = make({ optimizer: sgd({ learningRate: 1 }), ...options });
      const before = flatten(model.getWeights());
      const gradient = flatten(model.gradients(data).layers);
      model.fitSync(data, { batchSize: 50 });
      const after = flatten(model.getWeights());
      return { gradient, taken: before.map((weight, at) => weight - after[at]) };
    };
    const norm = (values: number[]) => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));

    test("by norm scales a larger gradient as a whole, including penalties, and keeps a smaller one", () => {
      for (const more of [{}, { l2: 0.5 }, { layers: [dense(8, { trainable: false }), relu(), dense(1)] }]) {
        const { gradient, taken } = step({ ...more, clipGradients: { norm: 0.05 } });
        expect(norm(gradient)).toBeGreaterThan(0.06);
        expect(norm(taken)).toBeCloseTo(0.05, 5);
        expectNear(
          taken,
          gradient.map((value) => (value * 0.05) / norm(gradient)),
        );
        expect(step({ ...more, clipGradients: { norm: 100 } }).taken).toEqual(step(more).taken);
      }
    });

    test("by value limits each gradient", () => {
      const { gradient, taken } = step({ clipGradients: { value: 0.02 } });
      expect(gradient.some((value) => Math.abs(value) > 0.02)).toBe(true);
      expectNear(
        taken,
        gradient.map((value) => Math.max(-0.02, Math.min(0.02, value))),
      );
    });

    test("does not affect the result of `gradients`", () => {
      for (const clipGradients of [{ norm: 0.01 }, { value: 0.01 }]) {
        expect(make({ clipGradients }).gradients(data)).toEqual(make().gradients(data));
      }
    });
  });

  describe("accumulate", () => {
    test("affects the weights, and updates at the end of an epoch with the remaining steps", () => {
      const once = trained({}, { accumulate: 1 });
      expect(once.weights).toEqual(trained({}).weights);
      // 50 rows in batches of 8 are 7 steps: 3, 3 and 1.
      const some = trained({}, { accumulate: 3 });
      expect(some.weights).not.toEqual(once.weights);
      expect(some.model.toJSON().training).toEqual({ epochs: 3, steps: 9 });
      expect(trained({}, { accumulate: 7 }).weights).toEqual(trained({}, { accumulate: 1000 }).weights);
    });

    test("of n batches equals one batch n times as large", () => {
      fc.assert(
        fc.property(
          fc.integer({ min: 1, max: 5 }),
          fc.integer({ min: 2, max: 5 }),
          (batchSize, accumulate) => {
            const optimizer = adam({ learningRate: 0.01 });
            const rows = batchSize * accumulate * 2;
            const examples = { ...data, x: data.x.slice(0, 2 * rows), y: data.y.slice(0, rows), rows };
            const options = { optimizer, l2: 0.01, clipGradients: { norm: 0.1 } };
            const [small, large] = [make(options), make(options)];
            small.fitSync(examples, { epochs: 2, batchSize, accumulate });
            large.fitSync(examples, { epochs: 2, batchSize: batchSize * accumulate });
            expectNear(flatten(small.getWeights()), flatten(large.getWeights()));
            expect(small.toJSON().training).toEqual(large.toJSON().training);
          },
        ),
        { ...draws, numRuns: 20 },
      );
    });

    test("is the same in `fit`, `fitSync`, `epochs` and `trainMany`", async () => {
      const how = { epochs: 2, batchSize: 8, accumulate: 3 };
      const [inOneGo, awaited, pulled, ...many] = Array.from({ length: 5 }, () => make());
      inOneGo.fitSync(data, how);
      await awaited.fit(data, how);
      for await (const _ of pulled.epochs(data, how));
      await trainMany(many, data, how);
      for (const model of [awaited, pulled, ...many]) {
        expect(model.getWeights()).toEqual(inOneGo.getWeights());
      }
    });
  });
});

const program = programOf({
  inputs: 3,
  layers: [
    { type: "dense", units: 9, activation: "tanh" },
    { type: "dense", units: 2 },
  ],
  optimizer: "adam",
});

describe.each(kernels.map((kernel) => [kernel.name, kernel] as const))(
  "a run of the %s kernel",
  (_, kernel) => {
    const rows = rowsFor(program, 22);
    const data = dataset(kernel, program, rows);
    const run = (given: Partial<Run> = {}) => runOf(22, { shuffle: true, accumulate: 4, ...given });

    test("that stopped between two updates continues exactly, and `gradients` keeps the accumulated sum", () => {
      const whole = networkOf(kernel, program);
      const { losses, position } = whole.train(data, run());
      // 6 steps per epoch: updates after 4 and after 2.
      expect(position).toMatchObject({ epoch: 3, steps: 6 });
      for (let first = 0; first <= 18; first++) {
        const pieces = networkOf(kernel, program);
        const start = inPieces(pieces, data, run(), [first]);
        pieces.gradients(data);
        const rates = run().learningRates.slice(start.position.epoch);
        const rest = run({ from: start.position, learningRates: rates });
        const end = inPieces(pieces, data, rest, [18 - first]);
        expect([...start.losses, ...end.losses]).toEqual(Array.from(losses));
        expect(end.position).toEqual(position);
        expect(stateOf(pieces)).toEqual(stateOf(whole));
      }
    });

    test("that diverges also restores the accumulated gradient that it started with", () => {
      const [diverging, expected] = [networkOf(kernel, program), networkOf(kernel, program)];
      const [{ position: from }] = [diverging, expected].map((network) =>
        network.train(data, run({ steps: 2 })),
      );
      const huge = new Float64Array([1e300, 1e300]);
      const { position, diverged } = diverging.train(data, run({ from, steps: 8, learningRates: huge }));
      expect(diverged).toBeTruthy();
      expect(position).toEqual(from);
      for (const network of [diverging, expected]) network.train(data, run({ from, steps: 4 }));
      expect(stateOf(diverging)).toEqual(stateOf(expected));
    });

    test("diverges in the step in which the norm of a gradient is not finite, without an update", () => {
      const single = programOf({
        inputs: 1,
        layers: [{ type: "dense", units: 1, useBias: false }],
        clipGradients: { norm: 1 },
      });
      const network = kernel.network(single);
      network.write("parameters", Float32Array.of(0.1));
      // Losses of 1e38, gradients of 2e39.
      const large = kernel.dataset(new Float32Array(4).fill(1e20), new Float32Array(4), 1, 1);
      const progress = network.train(large, runOf(4, { batchSize: 2 }));
      expect(progress.diverged).toEqual({ epoch: 0, step: 0 });
      expect(progress.position).toEqual(START);
      expect(network.read("parameters")).toEqual(Float32Array.of(0.1));
    });
  },
);

test.each(tablePrograms)("both kernels agree after steps of several batches: %s", (_, program) => {
  const rows = rowsFor(program, 22);
  for (const [actual, expected] of besideDefinition(kernels, (kernel) => {
    const network = networkOf(kernel, program);
    const run = runOf(22, { accumulate: 3, learningRates: new Float64Array([0.05]) });
    network.train(dataset(kernel, program, rows), run);
    return stateOf(network);
  })) {
    expectNear(actual.parameters, expected.parameters);
    expectNear(actual.slots, expected.slots);
  }
});
