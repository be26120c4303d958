/**
 * Layers with learning rates of their own, and weight decay that spares biases, are PyTorch's parameter groups: each
 * has the optimizer's rule with its own `lr` and `weight_decay`.
 */
import { describe, expect, test } from "vitest";
import { type Architecture, configure } from "../src/formats/configuration.ts";
import { layers } from "../src/nn/layers.ts";
import type { Optimizer } from "../src/nn/optimizers.ts";
import * as optimizers from "../src/nn/optimizers.ts";
import { shapes, toProgram } from "../src/nn/program.ts";
import { namedParameters } from "../src/nn/weights.ts";
import { type Complete, create, type Table } from "../src/options.ts";
import { expectNear, kernels } from "./kernels.ts";
import { dataset, nameOf, networkOf, rowsFor, runOf, standard, stateOf } from "./programs.ts";

const table = optimizers as Table<Optimizer>;

/** Every kind of parameters; the layers differ in their factors, of which some are 1 and one is 0. */
const list = [
  { type: "embedding", column: 2, categories: 5, units: 3, learningRateFactor: 0.25 },
  { type: "scale", learningRateFactor: 6 },
  { type: "dense", units: 9, activation: "tanh" },
  { type: "layerNorm", learningRateFactor: 0.5 },
  { type: "dense", units: 9, activation: "silu", learningRateFactor: 0 },
  { type: "batchNorm", learningRateFactor: 2 },
  { type: "residual", layers: [{ type: "dense", units: 9, learningRateFactor: 3 }, "tanh"] },
  { type: "dense", units: 2, learningRateFactor: 0.1 },
];

/** The factors of the layers by the beginning of their parameters' names. */
const factors: Record<string, number> = {
  "0": 0.25,
  "1": 6,
  "2": 1,
  "3": 0.5,
  "4": 0,
  "5": 2,
  "6": 3,
  "7": 0.1,
};

const LEARNING_RATE = 0.01;

const cases = Object.values(table).flatMap((entry) =>
  [true, false].map((decayBiases) => {
    const { learningRate: _, ...rule } = standard("optimizer", table, entry);
    const optimizer = { ...rule, weightDecay: 0.1, decayBiases } as Complete;
    return [nameOf(optimizer), optimizer] as const;
  }),
);

describe.each(kernels.map((kernel) => [kernel.name, kernel] as const))("on the %s kernel", (_, kernel) => {
  test.each(cases)("%s", (_name, optimizer) => {
    const { configuration, program, groups } = groupsOf(optimizer);
    expect(groups.some(({ isMatrix }) => isMatrix) && groups.some(({ isMatrix }) => !isMatrix)).toBe(true);
    const rows = rowsFor(program, 24, 1);
    const data = dataset(kernel, program, rows);
    const [trained, reference] = [networkOf(kernel, program), networkOf(kernel, program)];
    const rules = groups.map(({ isMatrix }) => {
      const decays = isMatrix || optimizer.decayBiases === true;
      const given = { ...configuration.optimizer, ...(decays ? {} : { weightDecay: 0 }) };
      return create("optimizer", table, given as Complete);
    });
    const slots = rules.map((rule, at) =>
      Array.from({ length: rule.slots }, () => new Float32Array(groups[at].length)),
    );
    for (let step = 1; step <= 4; step++) {
      // The gradients of the reference, each array updated by the rule with the options of its group.
      const parameters = reference.read("parameters");
      const { values } = reference.gradients(data);
      for (const [at, { start, length, factor, isMeasured }] of groups.entries()) {
        if (isMeasured) continue;
        const [weight, gradient] = [parameters, values].map((all) => all.subarray(start, start + length));
        const now = { learningRate: LEARNING_RATE * factor, step };
        rules[at].step(weight, gradient, slots[at], now);
      }
      reference.write("parameters", parameters);
    }
    trained.train(data, runOf(24, { batchSize: 24, learningRates: new Float64Array(4).fill(LEARNING_RATE) }));
    const [actual, expected] = [trained, reference].map((network) => network.read("parameters"));
    for (const { name, start, length, factor, isMeasured } of groups) {
      if (isMeasured) continue;
      const cut = (all: Float32Array) => all.subarray(start, start + length);
      expectNear(cut(actual), cut(expected), 1e-4);
      const before = cut(networkOf(kernel, program).read("parameters"));
      if (factor === 0) expect(cut(actual), name).toEqual(before);
      else expect(cut(actual), name).not.toEqual(before);
    }
  });
});

/** The program with this optimizer, and its arrays of parameters, each a group of its own. */
function groupsOf(optimizer: Complete) {
  const configuration = configure({
    inputs: 4,
    layers: list,
    loss: "meanSquaredError",
    optimizer: { ...optimizer, learningRate: LEARNING_RATE },
  } as unknown as Architecture);
  const groups = namedParameters(shapes(configuration)).map(({ name, shape, start }) => ({
    name,
    start,
    length: shape.reduce((product, length) => product * length, 1),
    isMatrix: shape.length === 2,
    isMeasured: name.includes("running"),
    factor: factors[name.split(".")[0]],
  }));
  return { configuration, program: toProgram(configuration), groups };
}

test("every layer with trained parameters has a factor", () => {
  const without = Object.values(layers).filter((entry) => {
    const layer = create("layer", layers, standard("layer", layers, entry));
    return layer.parameters(3).length > 0 && !("learningRateFactor" in entry.options);
  });
  expect(without.map(({ type }) => type)).toEqual([]);
});

test.each(kernels.map((kernel) => [kernel.name, kernel] as const))(
  "where nothing decays, biases that do not decay change no bit on the %s kernel",
  (_, kernel) => {
    const [spared, all] = [false, true].map((decayBiases) => {
      const { program } = groupsOf({ type: "adam", decayBiases });
      const network = networkOf(kernel, program);
      network.train(dataset(kernel, program, rowsFor(program, 20)), runOf(20));
      return stateOf(network);
    });
    expect(spared).toEqual(all);
  },
);
