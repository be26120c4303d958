/** Table models whose networks have given weights, so that what they compute is known. */
import { dense, Model, softmax, tanh } from "../../src/index.ts";
import { Preparation } from "../../src/table/preparation.ts";
import { TableModel } from "../../src/table/tableModel.ts";

/** The weights of a dense layer: [outputs][inputs] and [outputs]. */
export interface LayerWeights {
  readonly weight: readonly (readonly number[])[];
  readonly bias: readonly number[];
}

/** The names of the columns of a handmade model. */
export const columnNames = (count: number) => Array.from({ length: count }, (_, at) => `column ${at}`);

/** Rows of numbers as records. */
export const records = (rows: readonly (readonly number[])[]) =>
  rows.map((row) => Object.fromEntries(row.map((value, at) => [`column ${at}`, value])));

/**
 * A table model of numbers that are not scaled: dense layers with tanh between them, and softmax at the end where
 * there are classes. The target is called "answer".
 */
export function handmade(
  layers: readonly LayerWeights[],
  classes?: readonly string[],
  background?: readonly (readonly number[])[],
): TableModel {
  const inputs = layers[0].weight[0].length;
  const outputs = layers.at(-1)!.weight.length;
  const names = columnNames(inputs);
  const isClass = classes !== undefined;
  const network = new Model({
    inputs,
    layers: [
      ...layers.flatMap(({ weight }, at) => [...(at > 0 ? [tanh()] : []), dense(weight.length)]),
      ...(isClass ? [softmax()] : []),
    ],
    loss: isClass ? "sparseCategoricalCrossentropy" : "meanSquaredError",
    optimizer: "adam",
  });
  const weights = layers.flatMap((layer, at) => [...(at > 0 ? [{}] : []), layer]);
  network.setWeights([...weights, ...(isClass ? [{}] : [])] as never);
  const preparation = new Preparation(
    names.map((column) => ({ column, encoder: { type: "identity", fill: 0 } })),
  );
  return new TableModel({
    columns: names.map((name) => ({ name, type: "number", missing: 0, distinct: 100, range: [-3, 3] })),
    targets: [
      {
        description: {
          name: "answer",
          task: isClass ? "classification" : "regression",
          ...(classes && { classes }),
          reason: "of a test",
        },
        scores: {},
        baseline: {},
        learned: {
          parts: [{ preparation, center: 0, scale: 1 }],
          networks: [{ model: network, part: 0, bag: 0 }],
          bags: [{ name: "handmade", weight: 1, loss: 0 }],
          prior: new Array<number>(outputs).fill(0),
          priorWeight: 0,
          temperature: 1,
          range: [-1e9, 1e9],
        },
      },
    ],
    seed: 1,
    rows: 100,
    notes: [],
    ...(background && {
      background: {
        rows: background.length,
        columns: names.map((name, at) => ({ name, values: background.map((row) => row[at]) })),
      },
    }),
  });
}
