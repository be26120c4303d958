/** `model.predict`: reads rows in any form, and returns predictions in the same form. */
import { checkFiniteX, type Matrix } from "../data/examples.ts";
import { KernelError, OptionError, show, withinMemory } from "../errors.ts";
import { checkMemory } from "../memory.ts";
import type { LayerShape } from "../nn/program.ts";
import { checkNames } from "../options.ts";
import { FirstLayers } from "./firstLayers.ts";
import { readThreads } from "./options.ts";
import type { Session } from "./session.ts";

/** How to predict. */
export interface PredictOptions {
  /** The most threads of the native kernel, for many rows; by default the number of free cores. */
  readonly threads?: number | undefined;
  /**
   * The index of the layer whose outputs to return, activation included: from 0, or from -1 backward. The
   * last layer by default.
   */
  readonly layer?: number | undefined;
}

/** Checks the option `layer` and returns an index from 0. */
function readLayer(layer: unknown, layers: readonly LayerShape[]): number {
  const { length } = layers;
  if (layer === undefined) return length - 1;
  if (Number.isInteger(layer) && (layer as number) >= -length && (layer as number) < length) {
    return (layer as number) + ((layer as number) < 0 ? length : 0);
  }
  const list = layers.map(({ number, type }) => `${number} (${type})`).join(", ");
  throw new OptionError(
    `predict: layer: expected a whole number from ${-length} to ${length - 1}, received ${show(layer)}. ` +
      `Layers: ${list}`,
  );
}

/** Computes the predictions of a model. */
export class ModelPredictor {
  readonly #session: Session;
  /** One row and its prediction, which every call with a single row reuses. */
  readonly #row: { readonly x: Float32Array; readonly output: Float32Array };
  /** The networks that compute inner layers, by the index of the layer. */
  readonly #inner = new Map<number, FirstLayers>();

  constructor(session: Session) {
    const { inputs, outputs } = session;
    const row = `model: a row of ${inputs} inputs and ${outputs} outputs`;
    checkMemory((inputs + outputs) * Float32Array.BYTES_PER_ELEMENT, row);
    this.#session = session;
    this.#row = withinMemory(`${row} does not fit in memory`, () => ({
      x: new Float32Array(inputs),
      output: new Float32Array(outputs),
    }));
  }

  /** Returns a row for a row, rows for rows, and a flat array for a flat array or a dataset. */
  predict(
    x: Matrix | { readonly x: Matrix },
    options: PredictOptions | undefined,
  ): number[] | number[][] | Float32Array {
    const network = this.#session.use();
    if (options === undefined && this.#readRow(x)) {
      network.predict(this.#row.x, this.#row.output);
      return toRow(this.#row.output, 0, this.#session.outputs);
    }
    if (options !== undefined) checkNames(options, ["threads", "layer"], "predict");
    const threads = readThreads(options?.threads, "predict");
    const { layers } = this.#session;
    const layer = readLayer(options?.layer, layers);
    const { values, rows, form } = this.#session.rows("predict", x);
    let output: Float32Array;
    try {
      output =
        layer === layers.length - 1
          ? this.#session.predictions(values, threads)
          : this.#firstLayers(layer).predict(values, rows, threads);
    } catch (error) {
      // The kernel refuses a value that is not finite, and this names it.
      if (error instanceof KernelError) checkFiniteX(values, this.#session.inputs);
      throw error;
    }
    const width = layers[layer].outputs;
    if (form === "flat") return output;
    if (form === "row") return toRow(output, 0, width);
    return Array.from({ length: rows }, (_, row) => toRow(output, row * width, width));
  }

  /** Returns the network of the layers up to and including this one. */
  #firstLayers(layer: number): FirstLayers {
    const made = this.#inner.get(layer) ?? new FirstLayers(this.#session, layer + 1);
    this.#inner.set(layer, made);
    return made;
  }

  /** Frees the networks of inner layers. */
  dispose(): void {
    for (const layers of this.#inner.values()) layers.dispose();
    this.#inner.clear();
  }

  /**
   * Copies one valid row, the common case of single predictions, and returns true. Anything else takes the
   * full checks, which say what is wrong.
   */
  #readRow(x: unknown): boolean {
    const { columns, categories } = this.#session.expected;
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
 * Returns a row of a flat array as a list. This is a loop because `Array.from` walks an iterator, which is
 * many times slower for a few values.
 */
function toRow(values: Float32Array, start: number, length: number): number[] {
  const row = new Array<number>(length);
  for (let at = 0; at < length; at++) row[at] = values[start + at];
  return row;
}
