/** Every gradient equals finite differences: of each entry of the tables alone, and of whole programs. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { asSingles, difference, gradientByDifferences } from "../src/insight/differences.ts";
import type { Activation } from "../src/nn/activations.ts";
import * as activations from "../src/nn/activations.ts";
import type { Loss } from "../src/nn/losses.ts";
import * as losses from "../src/nn/losses.ts";
import { create, type Table } from "../src/options.ts";
import { expectNear, kernels } from "./kernels.ts";
import {
  anyProgram,
  dataset,
  draws,
  nameOf,
  networkOf,
  outputsOf,
  parametersFor,
  rowsFor,
  tablePrograms,
  targetsFor,
  values,
  variants,
} from "./programs.ts";

/**
 * Returns whether the differences on both sides of x agree. At a kink they do not, and there is no
 * derivative.
 */
function isSmooth(f: (x: number) => number, x: number): boolean {
  const step = 1e-5;
  const [left, right] = [f(x) - f(x - step), f(x + step) - f(x)];
  return Math.abs(right - left) < 1e-3 * step;
}

/**
 * Points from -10 to 10, denser around 0. None is as near to a round number as the step of a difference,
 * because functions or their derivatives may have kinks there.
 */
const points = Array.from({ length: 101 }, (_, index) => ((index - 50.5) / 16) ** 3 / 3);

const activationTable = activations as Table<Activation>;
const activationCases = Object.values(activationTable)
  .flatMap((entry) => variants("activation", activationTable, entry))
  .map((configuration) => [nameOf(configuration), configuration] as const);

describe("the derivative of each activation equals the difference of its value", () => {
  test.each(activationCases)("%s", (_, configuration) => {
    const activation = create("activation", activationTable, configuration);
    const value = (x: number) => {
      const values = asSingles([x]);
      activation.value(values, values, 1);
      return values[0];
    };
    const derivative = (x: number) => {
      const result = asSingles([0]);
      activation.gradient(asSingles([x]), asSingles([value(x)]), asSingles([1]), result, 1);
      return result[0];
    };
    const smooth = points.filter((x) => isSmooth(value, x));
    expect(smooth.length).toBeGreaterThan(90);
    for (const x of smooth) expect(derivative(x)).toBeCloseTo(difference(value, x), 7);
  });
});

const lossTable = losses as Table<Loss>;
const lossCases = Object.values(lossTable)
  .flatMap((entry) => variants("loss", lossTable, entry))
  .map((configuration) => [nameOf(configuration), configuration] as const);

describe("the gradient of each loss equals the difference of its value", () => {
  test.each(lossCases)("%s", (_, configuration) => {
    const loss = create("loss", lossTable, configuration);
    const [rows, outputs, scale] = [4, 3, 0.25];
    const prediction = asSingles(values(5, rows * outputs, 0.05, 0.95));
    const target = asSingles(targetsFor(loss, rows, outputs, 6));
    const gradient = asSingles(new Float32Array(rows * outputs));
    for (let row = 0; row < rows; row++) {
      const start = row * outputs;
      loss.gradient(prediction, target, row, outputs, scale, gradient);
      for (let at = start; at < start + outputs; at++) {
        const valueAt = (value: number) => loss.value(prediction.with(at, value), target, row, outputs);
        expect(gradient[at]).toBeCloseTo(scale * difference(valueAt, prediction[at]), 8);
      }
    }
  });
});

describe.each(kernels.map((kernel) => [kernel.name, kernel] as const))(
  "the gradients of the %s kernel equal the differences of the 64-bit loss",
  (_, kernel) => {
    const check = (program: (typeof tablePrograms)[number][1], count: number, seed?: number) => {
      const rows = rowsFor(program, count, seed);
      const { values } = networkOf(kernel, program, seed).gradients(dataset(kernel, program, rows));
      expectNear(values, gradientByDifferences(program, parametersFor(program, seed), rows));
    };

    test.each(tablePrograms)("%s", (_name, program) => check(program, 7));

    test("for random programs", () => {
      const small = anyProgram.filter(
        (program) => parametersFor(program).length < 200 && outputsOf(program) < 9,
      );
      fc.assert(fc.property(small, fc.constantFrom(1, 2, 5, 17), fc.nat(1_000_000), check), {
        ...draws,
        numRuns: 60,
      });
    });
  },
);
