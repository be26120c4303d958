/** The plain definition in 64 bits: a Program's loss from the entries' functions, and finite differences. */
import type { LayerOperation, TrainingRule } from "../nn/layers/layer.ts";
import { createLayer } from "../nn/layers.ts";
import type { Loss } from "../nn/losses.ts";
import * as losses from "../nn/losses.ts";
import type { Program } from "../nn/program.ts";
import { create, type Table } from "../options.ts";

/** Rows with optional weights. */
interface WeightedRows {
  readonly x: Float32Array;
  readonly y: Float32Array;
  readonly weights?: Float32Array | undefined;
  readonly rows: number;
}

/** Passes doubles to entries, which accept any floats. Differences need the precision of doubles. */
export const asSingles = (doubles: ArrayLike<number>) =>
  Float64Array.from(doubles) as unknown as Float32Array;

/** The rule of a trained parameter without penalties. */
const TRAINED: TrainingRule = { trainable: true, l1: 0, l2: 0 };

/** Reads parameters one array after another. */
class ParameterReader {
  /** The rule of each parameter that was read. */
  readonly rules: TrainingRule[] = [];
  readonly #values: Float64Array;

  constructor(values: Float64Array) {
    this.#values = values;
  }

  take(count: number, rule = TRAINED): Float64Array {
    const start = this.rules.length;
    for (let at = 0; at < count; at++) this.rules.push(rule);
    return this.#values.subarray(start, start + count);
  }
}

type Row = readonly number[];

/** Returns the mean and the variance of each column. */
function columnMoments(rows: readonly Row[]): [mean: number[], variance: number[]] {
  const columns = rows[0].map((_, at) => rows.map((row) => row[at]));
  const meanOf = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = columns.map((values) => meanOf(values.map((value) => (value - meanOf(values)) ** 2)));
  return [columns.map(meanOf), variance];
}

/** Applies an operation to rows. `forks` has the rows of the open forks. */
function apply(
  operation: LayerOperation,
  rows: Row[],
  reader: ParameterReader,
  forks: Row[][],
  inTraining: boolean,
): Row[] {
  const width = rows[0].length;
  switch (operation.kind) {
    case "elementwise":
      return rows.map((row) => {
        const values = asSingles(row);
        operation.activation.value(values, values, values.length);
        return Array.from(values);
      });
    case "row":
      return rows.map((row) => {
        const output = asSingles(row);
        operation.rows.value(asSingles(row), output, 0, width);
        return Array.from(output);
      });
    case "product": {
      const { outputs, trainable } = operation;
      const weight = Array.from({ length: outputs }, () => reader.take(width, operation));
      const bias = reader.take(operation.bias ? outputs : 0, { ...TRAINED, trainable });
      return rows.map((row) =>
        weight.map((weights, at) => row.reduce((sum, value, k) => sum + weights[k] * value, bias[at] ?? 0)),
      );
    }
    case "affine": {
      const [weight, bias] = [reader.take(width), reader.take(operation.bias ? width : 0)];
      return rows.map((row) => row.map((value, at) => weight[at] * value + (bias[at] ?? 0)));
    }
    case "standardize": {
      const [weight, bias] = [reader.take(width), reader.take(width)];
      const measured = { ...TRAINED, trainable: false };
      const running = [reader.take(width, measured), reader.take(width, measured)];
      const [mean, variance] = inTraining ? columnMoments(rows) : running;
      const scale = (value: number, at: number) =>
        (weight[at] * (value - mean[at])) / Math.sqrt(variance[at] + operation.epsilon) + bias[at];
      return rows.map((row) => row.map(scale));
    }
    case "lookup": {
      const { column, categories, units } = operation;
      const table = Array.from({ length: categories }, () => Array.from(reader.take(units)));
      return rows.map((row) => row.toSpliced(column, 1, ...table[row[column]]));
    }
    case "fork":
      forks.push(rows);
      return rows;
    case "add": {
      const before = forks.pop()!;
      return rows.map((row, index) => row.map((value, at) => value + before[index][at]));
    }
    case "noise":
      return rows;
  }
}

/** Returns the outputs for rows of x without noise; in training with the means and variances of the rows. */
function predictRows(
  program: Program,
  reader: ParameterReader,
  x: readonly Row[],
  inTraining = false,
): Row[] {
  const forks: Row[][] = [];
  const operations = program.layers.flatMap((layer) => createLayer(layer).operations());
  return operations.reduce((rows, operation) => apply(operation, rows, reader, forks, inTraining), [...x]);
}

/** Returns the output for one row of x. */
export function predictRow(program: Program, parameters: Float64Array, x: Row): Row {
  return predictRows(program, new ParameterReader(parameters), [x])[0];
}

const cut = (values: Float32Array, rows: number): Row[] => {
  const width = values.length / rows;
  return Array.from({ length: rows }, (_, row) =>
    Array.from(values.subarray(row * width, (row + 1) * width)),
  );
};

/** Returns the mean of weight · loss over all rows; in training as one batch. */
export function meanLoss(
  program: Program,
  parameters: Float64Array,
  { x, y, weights, rows }: WeightedRows,
  inTraining = false,
): number {
  const loss = create("loss", losses as Table<Loss>, program.loss);
  const predictions = predictRows(program, new ParameterReader(parameters), cut(x, rows), inTraining);
  const outputs = predictions[0].length;
  const targets = cut(y, rows);
  const lossOf = (row: number) =>
    (weights?.[row] ?? 1) * loss.value(asSingles(predictions[row]), asSingles(targets[row]), 0, outputs);
  return predictions.reduce((sum, _, row) => sum + lossOf(row), 0) / rows;
}

/** Returns (f(x + h) - f(x - h)) / 2h. The error of third order and the rounding are both below 1e-9. */
export function difference(f: (x: number) => number, x: number, step = 1e-5): number {
  return (f(x + step) - f(x - step)) / (2 * step);
}

/** Returns the training rule of each parameter. */
export function rulesOf(program: Program, parameters: Float64Array): readonly TrainingRule[] {
  const used = new ParameterReader(parameters);
  predictRows(program, used, [new Array<number>(program.inputs).fill(0)]);
  return used.rules;
}

/** Returns the mean loss of one batch with penalties, as a function of one parameter. */
export function along(
  program: Program,
  parameters: Float64Array,
  rule: TrainingRule,
  rows: WeightedRows,
  place: number,
): (value: number) => number {
  return (value) => {
    const kept = parameters[place];
    parameters[place] = value;
    const loss = meanLoss(program, parameters, rows, true);
    parameters[place] = kept;
    return loss + rule.l1 * Math.abs(value) + rule.l2 * value ** 2;
  };
}

/** Returns the gradient by central differences; 0 for parameters that are not trained. */
export function gradientByDifferences(
  program: Program,
  parameters: Float32Array,
  rows: WeightedRows,
): number[] {
  const doubles = Float64Array.from(parameters);
  const rules = rulesOf(program, doubles);
  return Array.from(doubles, (middle, at) =>
    rules[at].trainable ? difference(along(program, doubles, rules[at], rows, at), middle) : 0,
  );
}
