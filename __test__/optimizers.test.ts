import { describe, expect, test } from "vitest";
import { Model } from "../src/index.ts";
import * as optimizers from "../src/optimizers.ts";
import type { Complete, Option, Table } from "../src/options.ts";
import { expectNear, flatten, kernelNames, kernels } from "./kernels.ts";
import {
  dataset,
  inPieces,
  nameOf,
  networkOf,
  programOf,
  rowsFor,
  runOf,
  START,
  standard,
  stateOf,
  valuesOf,
} from "./programs.ts";

const table = optimizers as Table<unknown>;

const programWith = ({ learningRate: _, ...optimizer }: Complete) =>
  programOf({
    inputs: 3,
    layers: [
      { type: "dense", units: 9, activation: "tanh" },
      { type: "dense", units: 2 },
    ],
    optimizer: optimizer as Complete,
  });

describe.each(kernels.map((kernel) => [kernel.name, kernel] as const))("on the %s kernel", (_, kernel) => {
  describe.each(Object.keys(table))("%s", (type) => {
    const entry = table[type];
    const base = standard("optimizer", table, entry);
    const train = (configuration: Complete) => {
      const program = programWith(configuration);
      const network = networkOf(kernel, program);
      network.train(dataset(kernel, program, rowsFor(program, 20)), runOf(20));
      return stateOf(network).parameters;
    };
    const options = Object.entries(entry.options as Record<string, Option<unknown>>);

    test.each(options.filter(([name]) => name !== "learningRate"))(
      "depends on its option %s",
      (name, option) => {
        // Nesterov's momentum needs one.
        const others = "momentum" in base && name !== "momentum" ? { momentum: 0.5 } : {};
        const before: Complete = { ...base, ...others };
        const values = valuesOf(option).filter((value) => value !== before[name]);
        expect(values, nameOf(base)).not.toEqual([]);
        for (const value of values) expect(train({ ...before, [name]: value })).not.toEqual(train(before));
      },
    );

    test("goes on from its state in another network as if it had never stopped", () => {
      const program = programWith(base);
      const data = dataset(kernel, program, rowsFor(program, 20));
      const learningRates = new Float64Array(60).fill(0.01);
      const run = runOf(20, { batchSize: 1, learningRates });
      const whole = networkOf(kernel, program);
      whole.train(data, run);
      const [begun, other] = [networkOf(kernel, program), kernel.network(program)];
      const first = inPieces(begun, data, run, [777]);
      other.write("parameters", begun.read("parameters"));
      other.write("slots", begun.read("slots"));
      const rest = learningRates.slice(first.position.epoch - START.epoch);
      inPieces(other, data, { ...run, from: first.position, learningRates: rest }, [run.steps - 777]);
      expect(stateOf(other)).toEqual(stateOf(whole));
    });
  });
});

describe.each(kernelNames)("on the %s kernel, lion", (kernel) => {
  /** One weight w and the loss (w x - y)², whose gradient is 2 x (w x - y); one row a step. */
  const rows = [
    [1, 0.5],
    [-0.75, 1],
    [0.25, -2],
    [1.5, 0.25],
    [-0.5, -1],
  ];
  const settings = { learningRate: 0.125, beta1: 0.75, beta2: 0.875, weightDecay: 0.25 };

  test("takes the paper's steps", () => {
    const model = new Model({
      inputs: 1,
      layers: [{ type: "dense", units: 1, useBias: false }],
      loss: "meanSquaredError",
      optimizer: optimizers.lion(settings),
      kernel,
    });
    model.setWeights([{ weight: [[0.625]] }]);
    const [x, y] = [0, 1].map((column) => rows.map((row) => [row[column]]));
    const { learningRate, beta1, beta2, weightDecay } = settings;
    let [w, m] = [0.625, 0];
    const signs: number[] = [];
    for (let epoch = 1; epoch <= 4; epoch++) {
      model.fitSync(x, y, { batchSize: 1, shuffle: false });
      for (const [input, target] of rows) {
        const g = 2 * input * (w * input - target);
        signs.push(Math.sign(beta1 * m + (1 - beta1) * g));
        w -= learningRate * (signs[signs.length - 1] + weightDecay * w);
        m = beta2 * m + (1 - beta2) * g;
      }
      expectNear(flatten(model.getWeights()), [w], 1e-6);
    }
    expect(new Set(signs)).toEqual(new Set([1, -1]));
  });

  test("leaves a weight alone that has no gradient", () => {
    const optimizer = optimizers.lion({ learningRate: 0.5 });
    const layers = [{ type: "dense", units: 1, useBias: false }] as const;
    const model = new Model({ inputs: 2, layers, loss: "meanSquaredError", optimizer, kernel });
    model.setWeights([{ weight: [[0.625, 0.375]] }]);
    model.fitSync([[0, 1]], [5]);
    expect(model.getWeights()).toEqual([{ weight: [[0.625, 0.875]] }]);
  });
});
