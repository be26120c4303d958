/**
 * The kernels agree at the limits of 32-bit floats if the true result fits. Sums of several products are
 * excluded: the native kernel sums in 32 bits, and a partial sum may overflow.
 */
import { describe, expect, test } from "vitest";
import type { MetricEntry } from "../src/metrics/metric.ts";
import * as metrics from "../src/metrics/table.ts";
import { layers } from "../src/nn/layers.ts";
import type { Loss } from "../src/nn/losses.ts";
import * as losses from "../src/nn/losses.ts";
import type { Program } from "../src/nn/program.ts";
import { create, type Table } from "../src/options.ts";
import { besideDefinition, kernels, PARITY } from "./kernels.ts";
import {
  lossOf,
  nameOf,
  networkOf,
  outputsOf,
  parametersFor,
  programOf,
  runOf,
  standard,
  takesAfter,
  variants,
} from "./programs.ts";

/** Values at and near the limits, and some between. */
const VALUES = [0, 1e-38, 1e-19, 0.5, 1, 3, 40, 100, 1e4, 1e10, 1e19, 1e30, 1e38, 3e38];
const EXTREMES = VALUES.flatMap((value) => (value === 0 ? [0] : [value, -value]));

/** Milliseconds since 1970. Their common part is ten million times as large as their differences. */
const MOMENTS = Array.from({ length: 40 }, (_, row) => 1.7e12 + 7.3e7 * ((row * 17) % 40));

/** Expects each value to be near the true one, if that fits in 32 bits. */
function expectEach(actual: ArrayLike<number>, expected: ArrayLike<number>, what: string): void {
  for (let at = 0; at < expected.length; at++) {
    if (!Number.isFinite(expected[at])) continue;
    const bound = PARITY * Math.max(1, Math.abs(expected[at]));
    if (Math.abs(actual[at] - expected[at]) <= bound) continue;
    expect.fail(`${what}, value ${at}: ${actual[at]}, expected ${expected[at]}`);
  }
}

/**
 * Returns what compares the predictions and losses of the kernels for one program and, if the loss is finite,
 * their gradients. The networks of the program are made once, because making one costs more than a row.
 *
 * The gradients of weights show any remaining gradient of a saturated unit, because they are its products
 * with large inputs. They are not compared for several rows, whose products are added, nor for inputs of 100:
 * exp(-100) is denormal, and the native kernel rounds it to zero.
 */
function comparison(program: Program) {
  const parameters = identityIn(program);
  const networks = kernels.map((kernel) => {
    const network = kernel.network(program);
    network.write("parameters", parameters);
    return network;
  });
  const { inputs } = program;
  const outputs = lossOf(program).targets;
  return {
    compare(x: Float32Array, y: Float32Array, what: string): void {
      const rows = x.length / inputs;
      const data = { x, y, inputs, outputs, rows };
      for (const [actual, expected] of besideDefinition(networks, (network) => {
        const output = new Float32Array(rows * outputsOf(program));
        network.predict(x, output);
        return { output, loss: network.evaluate(data), ...renamed(network.gradients(data)) };
      })) {
        expectEach(actual.output, expected.output, `${what}: predictions`);
        expectEach([actual.loss, actual.batchLoss], [expected.loss, expected.batchLoss], `${what}: loss`);
        if (Number.isFinite(expected.batchLoss)) {
          const count = rows > 1 || x.some((value) => Math.abs(value) === 100) ? identitySize(program) : 0;
          expectEach(actual.values.slice(count), expected.values.slice(count), `${what}: gradients`);
        }
      }
    },
    [Symbol.dispose]() {
      for (const network of networks) network.dispose();
    },
  };
}

const renamed = ({ loss, values }: { loss: number; values: Float32Array }) => ({ batchLoss: loss, values });

/**
 * Returns the weights of a first layer that copies its inputs. The gradient of its bias is that of the next
 * layer's input.
 */
const identitySize = ({ inputs, layers }: Program) => (layers[0].type === "dense" ? inputs * inputs : 0);

function identityIn(program: Program): Float32Array {
  const parameters = parametersFor(program);
  const { inputs } = program;
  if (identitySize(program) === 0) return parameters;
  for (let at = 0; at < inputs * (inputs + 1); at++) {
    parameters[at] = at < inputs * inputs && at % (inputs + 1) === 0 ? 1 : 0;
  }
  return parameters;
}

const row = Float32Array.from(EXTREMES);

/** The layers without products and without a table. */
const simple = Object.values(layers).filter(({ type }) => !["dense", "residual", "embedding"].includes(type));

/** The mean of the predictions, so that each has the same gradient: poisson with targets of 0. */
const linear = "poisson";

describe("the kernels agree at extreme inputs", () => {
  test.each(
    simple.flatMap((entry) => variants("layer", layers, entry, 3)).map((layer) => [nameOf(layer), layer]),
  )("through the layer %s, value by value", (name, layer) => {
    const layers = [{ type: "dense", units: 1 }, layer as never];
    using program = comparison(programOf({ inputs: 1, layers, loss: linear }));
    for (const value of EXTREMES) {
      program.compare(Float32Array.of(value), new Float32Array(1), `${name} of ${value}`);
    }
  });

  // The gradient of a factor of `scale` is a sum of products over the rows, like that of a dense layer's weight.
  const withoutProducts = simple.filter(({ type }) => type !== "scale");

  test.each(withoutProducts.map((entry) => [entry.type, standard("layer", layers, entry)] as const))(
    "through the layer %s, over rows and batches of them",
    (name, layer) => {
      const tables: [string, number, number[]][] = [
        ["all at once", EXTREMES.length, EXTREMES.map((value) => (value < 0 ? 0.7 * value : value))],
        ["opposites", 3, VALUES.flatMap((value) => [value, -value, 0])],
        ["one of each", 1, EXTREMES],
        ["large ones", 2, [3e38, 3e38, -3e38, 3e38, 3e38, -3e38]],
        ["equal ones", 4, VALUES.flatMap((value) => [value, value, value, value])],
        ["moments in a column", 1, MOMENTS],
        ["moments in a row", 40, MOMENTS],
        ["moments and others", 2, MOMENTS.flatMap((moment, at) => [moment, at])],
      ];
      for (const [what, inputs, values] of tables) {
        const first = { type: "dense", units: inputs };
        using program = comparison(programOf({ inputs, layers: [first, layer], loss: linear }));
        const y = new Float32Array(values.length);
        program.compare(Float32Array.from(values), y, `${name} of ${what}`);
      }
    },
  );

  test("in the running statistics of batchNorm after a batch", () => {
    const program = programOf({ inputs: 2, layers: [{ type: "batchNorm" }] });
    const x = Float32Array.from(MOMENTS.flatMap((moment, at) => [moment, (at - 20) * 1e17]));
    const y = new Float32Array(80);
    for (const [actual, expected] of besideDefinition(kernels, (kernel) => {
      const network = networkOf(kernel, program);
      const run = runOf(40, { batchSize: 40, steps: 1, learningRates: Float64Array.of(0) });
      network.train({ x, y, inputs: 2, outputs: 2, rows: 40 }, run);
      const parameters = network.read("parameters");
      network.dispose();
      return parameters;
    })) {
      expectEach(actual, expected, "running statistics");
      expect(expected[6]).toBeGreaterThan(1e16);
    }
  });

  const lossTable = losses as Table<Loss>;
  const all = Object.values(lossTable).flatMap((entry) => variants("loss", lossTable, entry, 3));

  test.each(all.filter((loss) => takesAfter(loss, "dense")).map((loss) => [nameOf(loss), loss] as const))(
    "in the loss %s",
    (name, loss) => {
      const { meaning } = create("loss", lossTable, loss);
      const outputs = meaning.targets === "shares" || meaning.targets === "labels" ? 3 : 1;
      const program = programOf({ inputs: outputs, layers: [{ type: "dense", units: outputs }], loss });
      const { loss: made, targets } = lossOf(program);
      const candidates =
        targets === 3
          ? [
              [1, 0, 0],
              [0.5, 0.25, 0.25],
            ]
          : [...EXTREMES, 2].map((value) => [value]);
      const fitting = candidates.filter((target) => {
        try {
          made.check?.(Float32Array.from(target), 0, outputs);
          return true;
        } catch {
          return false;
        }
      });
      expect(fitting.length).toBeGreaterThan(0);
      using compared = comparison(program);
      for (const value of EXTREMES) {
        for (const other of outputs === 3 ? EXTREMES : [0]) {
          const x = Float32Array.from(outputs === 3 ? [value, other, 1] : [value]);
          for (const y of fitting) compared.compare(x, Float32Array.from(y), `${name} of ${x}, ${y}`);
        }
      }
    },
  );

  test("in a mean over outputs whose sum is too large", () => {
    const program = programOf({
      inputs: 3,
      layers: [{ type: "dense", units: 3 }],
      loss: "meanAbsoluteError",
    });
    using compared = comparison(program);
    compared.compare(Float32Array.of(3e38, -3e38, 2e38), new Float32Array(3), "mean");
  });
});

test("a metric of extreme predictions is a number", () => {
  const kinds = ["values", "probabilities", "signs", "labels"] as const;
  for (const entry of Object.values(metrics as Table<MetricEntry>)) {
    for (const targets of kinds) {
      for (const predictions of ["estimates", "logits", "scores"] as const) {
        const make = create(
          "metric",
          metrics as Table<MetricEntry>,
          standard("metric", metrics as Table<MetricEntry>, entry),
        );
        try {
          const outputs = targets === "labels" ? 3 : 1;
          const created = make({ targets, predictions, outputs });
          const rows = row.length;
          const given = Float32Array.from({ length: rows * outputs }, (_, at) => row[(at * 5) % rows]);
          const y = Float32Array.from({ length: rows }, (_, at) =>
            targets === "signs" ? 2 * (at % 2) - 1 : at % (outputs === 3 ? 3 : 2),
          );
          created.check?.(y, rows);
          expect(created.value(given, y, rows), `${entry.type} ${targets} ${predictions}`).not.toBeNaN();
        } catch (error) {
          if (!/^metric .*: expected/.test((error as Error).message)) throw error;
        }
      }
    }
  }
});
