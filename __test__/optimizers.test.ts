import { describe, expect, test } from "vitest";
import { type Layer, Model, type Optimizer } from "../src/index.ts";
import type { Kernel } from "../src/kernel/kernel.ts";
import * as optimizers from "../src/nn/optimizers.ts";
import type { Program } from "../src/nn/program.ts";
import type { Complete, Option, Table } from "../src/options.ts";
import { besideDefinition, expectNear, flatten, kernelNames, kernels } from "./kernels.ts";
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
  variants,
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

/** Expects the parameters and slots of the definition from all kernels. */
function expectAgreement(train: (kernel: Kernel) => ReturnType<typeof stateOf>): void {
  for (const [actual, expected] of besideDefinition(kernels, train)) {
    expectNear(actual.parameters, expected.parameters);
    expectNear(actual.slots, expected.slots);
  }
}

/** A step of a network with one parameter, which is 1, on a row whose input is 1. */
const stepFromOne =
  (program: Program, row: { y: Float32Array; weights?: Float32Array }) => (kernel: Kernel) => {
    const network = kernel.network(program);
    network.write("parameters", Float32Array.of(1));
    const rows = { x: Float32Array.of(1), ...row, inputs: 1, outputs: 1, rows: 1 };
    network.train(rows, runOf(1, { learningRates: Float64Array.of(0.01) }));
    return stateOf(network);
  };

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
        // Nesterov's momentum requires a momentum.
        const others = "momentum" in base && name !== "momentum" ? { momentum: 0.5 } : {};
        const decay = name === "decayBiases" ? { weightDecay: 0.1 } : {};
        const before: Complete = { ...base, ...others, ...decay };
        const values = valuesOf(option).filter((value) => value !== before[name]);
        expect(values, nameOf(base)).not.toEqual([]);
        for (const value of values) expect(train({ ...before, [name]: value })).not.toEqual(train(before));
      },
    );

    test("continues from its state in another network with the same bits", () => {
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

describe("the kernels agree if a decay rate is near 1", () => {
  const shares = Object.values(table).flatMap((entry) =>
    Object.entries(entry.options as Record<string, Option<unknown>>)
      .filter(([, option]) => valuesOf(option).includes(0.5) && !valuesOf(option).includes(1))
      .map(([name]) => [entry.type, name] as const),
  );

  test("for every optimizer that has one", () => {
    expect(shares.flat()).toEqual(expect.arrayContaining(["rho", "beta1", "beta2", "momentum"]));
  });

  test.each(shares)("%s's %s", (type, name) => {
    for (const share of [0.9, 0.9999, 0.999_999, 0.999_999_9]) {
      const program = programWith({ ...standard("optimizer", table, table[type]), [name]: share });
      const rows = rowsFor(program, 20);
      for (const [actual, expected] of besideDefinition(kernels, (kernel) => {
        const network = networkOf(kernel, program);
        const run = runOf(20, { learningRates: new Float64Array(4).fill(1e-5) });
        network.train(dataset(kernel, program, rows), run);
        return stateOf(network);
      })) {
        expectNear(actual.parameters, expected.parameters);
        expectNear(actual.slots, expected.slots);
      }
    }
  });
});

describe("the kernels agree if gradients are close to zero, also below the smallest normal number,", () => {
  const sizes = [0, 3e-45, 3e-42, 3e-38, 3e-36, 3e-33, 3e-31, 3e-30, 3e-29, 3e-28, 3e-25, 3e-20, 3e-15];
  const all = Object.values(table).flatMap((entry) => [
    ...variants("optimizer", table, entry, 2),
    ...("epsilon" in entry.options ? [{ ...standard("optimizer", table, entry), epsilon: 1e-12 }] : []),
  ]);
  const configurations = new Map(all.map(({ learningRate: _, ...rest }) => [JSON.stringify(rest), rest]));

  test.each(
    [...configurations.values()].map((rest) => [nameOf(rest as Complete), rest as Complete] as const),
  )("in optimizer %s", (_, optimizer) => {
    const layers = [{ type: "dense", units: 1, useBias: false }];
    const program = programOf({ inputs: sizes.length, layers, loss: "meanAbsoluteError", optimizer });
    // One row for each step, whose gradient is x or -x.
    const factors = [1, 1, -1, 0, 1, 0, 0, -1, 0.01, 0, 100, 0];
    const x = Float32Array.from(factors.flatMap((factor) => sizes.map((size) => factor * size)));
    const y = new Float32Array(factors.length).fill(1);
    const run = runOf(factors.length, {
      batchSize: 1,
      steps: factors.length,
      learningRates: new Float64Array(factors.length).fill(0.001),
    });
    expectAgreement((kernel) => {
      const network = networkOf(kernel, program);
      network.train({ x, y, inputs: sizes.length, outputs: 1, rows: factors.length }, run);
      return stateOf(network);
    });
  });
});

test.each(
  Object.values(table)
    .filter(({ options }) => "weightDecay" in options)
    .map((entry) => [entry.type, entry] as const),
)("the kernels agree where %s adds a clipped gradient and a weight decay that cancel", (_, entry) => {
  const { learningRate: _rate, ...optimizer } = standard("optimizer", table, entry);
  const program = programOf({
    inputs: 1,
    layers: ["scale"],
    optimizer: { ...optimizer, weightDecay: 0.01 } as Complete,
    clipGradients: { value: 0.01 },
  });
  expectAgreement(stepFromOne(program, { y: Float32Array.of(2) }));
});

test.each(Object.values(table).map((entry) => [entry.type, entry] as const))(
  "the kernels agree where %s adds a gradient and a penalty that cancel",
  (_, entry) => {
    const { learningRate: _rate, ...optimizer } = standard("optimizer", table, entry);
    // The gradient of the loss is minus the weight of the row; that of both penalties is 0.1 and 0.1.
    for (const [penalty, share] of [
      [{ l1: 0.1 }, 0.1],
      [{ l2: 0.05 }, 0.1],
    ] as const) {
      const program = programOf({
        inputs: 1,
        layers: [{ type: "dense", units: 1, useBias: false, ...penalty }],
        loss: "meanAbsoluteError",
        optimizer: optimizer as Complete,
      });
      const row = { y: Float32Array.of(5), weights: Float32Array.of(share) };
      expectAgreement(stepFromOne(program, row));
    }
  },
);

test("the kernels differ by at most two learning rates if a gradient is zero except for rounding", () => {
  const layers: Layer[] = [{ type: "dense", units: 8 }, { type: "batchNorm" }, { type: "dense", units: 1 }];
  const { x, y } = rowsFor(programOf({ inputs: 3, layers: ["tanh", { type: "dense", units: 1 }] }), 20);
  for (const optimizer of [optimizers.lion(), optimizers.adam()]) {
    const given = { ...optimizer, learningRate: 0.001 };
    for (const [actual, expected] of besideDefinition(kernelNames, (kernel) => {
      const options = {
        inputs: 3,
        layers,
        loss: "meanSquaredError",
        optimizer: given,
        seed: 1,
        kernel,
      } as const;
      const model = new Model(options);
      // A bias before batchNorm has no effect after it.
      for (const slope of model.gradients(x, y).layers[0].bias as number[]) {
        expect(Math.abs(slope)).toBeLessThan(1e-6);
      }
      model.trainOnBatch(x, y);
      const [{ bias, ...first }, { runningMean, ...norm }, last] = model.getWeights();
      return { bias: bias as number[], others: flatten([first, norm, last]) };
    })) {
      expectNear(actual.others, expected.others);
      expectNear(actual.bias, expected.bias, 0.002 + 1e-6);
    }
  }
});

describe.each(kernelNames)("on the %s kernel, a first step", (kernel) => {
  const gradient = 1.5; // of (w x - y)² at w = 1, x = 1, y = 0.25
  const step = (optimizer: Optimizer) => {
    const layers = [{ type: "dense", units: 1, useBias: false }] as const;
    const model = new Model({ inputs: 1, layers, loss: "meanSquaredError", optimizer, kernel });
    model.setWeights([{ weight: [[1]] }]);
    model.trainOnBatch([1], [0.25]);
    return 1 - flatten(model.getWeights())[0];
  };
  const learningRate = 1e-4;

  test.each([0.9, 0.9999, 0.999_999])("computes 1 - %d before rounding to 32 bits", (share) => {
    const { rmsprop, adam, nadam, adadelta } = optimizers;
    const near = (actual: number, expected: number) => expectNear([actual / expected], [1], 1e-3);
    near(step(rmsprop({ learningRate, rho: share })), learningRate / Math.sqrt(1 - share));
    near(step(adam({ learningRate, beta1: share, beta2: share })), learningRate);
    const first = share * (1 - 0.5 * 0.96 ** 0.004);
    const second = share * (1 - 0.5 * 0.96 ** 0.008);
    const ofMean = (second * (1 - share)) / (1 - first * second);
    near(step(nadam({ learningRate, beta1: share, beta2: share })), learningRate * (ofMean + 1));
    const squares = (1 - share) * gradient ** 2;
    near(step(adadelta({ rho: share, epsilon: 1e-8 })), Math.sqrt(1e-8 / (squares + 1e-8)) * gradient);
  });
});

describe.each(kernelNames)("on the %s kernel, lion", (kernel) => {
  /** One weight w and the loss (w x - y)², whose gradient is 2 x (w x - y), with one row per step. */
  const rows = [
    [1, 0.5],
    [-0.75, 1],
    [0.25, -2],
    [1.5, 0.25],
    [-0.5, -1],
  ];
  const settings = { learningRate: 0.125, beta1: 0.75, beta2: 0.875, weightDecay: 0.25 };

  test("takes the steps of the paper", () => {
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

  test("does not change a weight without gradient", () => {
    const optimizer = optimizers.lion({ learningRate: 0.5 });
    const layers = [{ type: "dense", units: 1, useBias: false }] as const;
    const model = new Model({ inputs: 2, layers, loss: "meanSquaredError", optimizer, kernel });
    model.setWeights([{ weight: [[0.625, 0.375]] }]);
    model.fitSync([[0, 1]], [5]);
    expect(model.getWeights()).toEqual([{ weight: [[0.625, 0.875]] }]);
  });
});
