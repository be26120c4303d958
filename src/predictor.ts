/** Predicts, in the form in which they are asked for. */
import type { Matrix } from "./data/dataset.ts";
import { withinMemory } from "./errors.ts";
import { readThreads } from "./fit/options.ts";
import { checkMemory } from "./memory.ts";
import { checkNames } from "./options.ts";
import type { Trainee } from "./trainee.ts";

/** How to predict. */
export interface PredictOptions {
  /** The most threads of the native kernel for many rows; by default as many as there are free cores. */
  readonly threads?: number | undefined;
}

function readPredictOptions(options: PredictOptions): number | undefined {
  checkNames(options, ["threads"], "predict");
  return readThreads(options.threads, "predict");
}

/** What a model predicts with. */
export class Predictor {
  readonly #trainee: Trainee;
  /** One row and its prediction, which are used again and again. */
  readonly #row: { readonly x: Float32Array; readonly output: Float32Array };

  constructor(trainee: Trainee) {
    const { inputs, outputs } = trainee;
    const row = `model: a row of ${inputs} inputs and ${outputs} outputs`;
    checkMemory((inputs + outputs) * Float32Array.BYTES_PER_ELEMENT, row);
    this.#trainee = trainee;
    this.#row = withinMemory(`${row} does not fit in memory`, () => ({
      x: new Float32Array(inputs),
      output: new Float32Array(outputs),
    }));
  }

  /** One row gives one row, rows give rows, a flat array or a dataset gives a flat one. */
  of(
    x: Matrix | { readonly x: Matrix },
    options: PredictOptions | undefined,
  ): number[] | number[][] | Float32Array {
    const network = this.#trainee.use();
    if (options === undefined && this.#readRow(x)) {
      network.predict(this.#row.x, this.#row.output);
      return toRow(this.#row.output, 0, this.#trainee.outputs);
    }
    const threads = options === undefined ? undefined : readPredictOptions(options);
    const { values, rows, form } = this.#trainee.rows("predict", x);
    const output = this.#trainee.predictions(values, threads);
    if (form === "flat") return output;
    if (form === "row") return toRow(output, 0, this.#trainee.outputs);
    return Array.from({ length: rows }, (_, row) =>
      toRow(output, row * this.#trainee.outputs, this.#trainee.outputs),
    );
  }

  /**
   * Copies a list that is a row as it should be, which most are that are predicted one at a time. All else
   * takes the long way, which says what is wrong.
   */
  #readRow(x: unknown): boolean {
    const { columns, categories } = this.#trainee.expected;
    if (!Array.isArray(x) || x.length !== columns || categories.length > 0) return false;
    const row = this.#row.x;
    for (let at = 0; at < row.length; at++) {
      const value: unknown = x[at];
      if (typeof value !== "number") return false;
      row[at] = value;
      if (!Number.isFinite(row[at])) return false;
    }
    return true;
  }
}

/**
 * A row of a flat array as a list. A loop: `Array.from` walks an iterator, many times slower for a few
 * values.
 */
function toRow(values: Float32Array, start: number, length: number): number[] {
  const row = new Array<number>(length);
  for (let at = 0; at < length; at++) row[at] = values[start + at];
  return row;
}
