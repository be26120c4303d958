/** Parameters by layer, as a user reads and writes them, and the flat array that the kernels keep. */
import { DataError, notFinite, ShapeError, show } from "../errors.ts";
import { allocate, checkLists } from "../memory.ts";
import { create } from "../options.ts";
import { purpose, uniform } from "../random.ts";
import type { Initializer } from "./initializers.ts";
import * as initializers from "./initializers.ts";
import type { Parameter } from "./layers/layer.ts";
import { countValues, type LayerShape, withInside } from "./program.ts";

/** Numbers in nested lists: `number[]` for a bias, `number[][]` as [outputs][inputs] for a weight. */
export type Nested = number[] | number[][];

/**
 * The parameters of one layer by name: empty for a layer without parameters, `{ layers: [...] }` for a
 * layer made of layers.
 */
export type LayerWeights = { [name: string]: Nested | LayerWeights[] };

/** An array of parameters, its layer, and its place in the flat array. */
interface Place {
  readonly layer: LayerShape;
  readonly parameter: Parameter;
  readonly start: number;
  readonly end: number;
}

/** Returns every array of parameters, including those of layers inside others. */
function places(layers: readonly LayerShape[]): Place[] {
  let end = 0;
  return withInside(layers).flatMap((layer) =>
    layer.parameters.map((parameter) => {
      const start = end;
      end += countValues(parameter);
      return { layer, parameter, start, end };
    }),
  );
}

const countAll = (layers: readonly LayerShape[]) => places(layers).at(-1)?.end ?? 0;

/** An array of parameters with a name that is unique in the model, and its place in the flat array. */
export interface NamedParameter {
  /** Layer and parameter, like "0.weight", or "1.layers.0.weight" for a layer inside another. */
  readonly name: string;
  readonly shape: readonly number[];
  readonly start: number;
}

/** Returns every array of parameters in the order of the flat array. */
export function namedParameters(layers: readonly LayerShape[]): NamedParameter[] {
  return places(layers).map(({ layer, parameter: { name, shape }, start }) => {
    return { name: `${layer.number.replaceAll(".", ".layers.")}.${name}`, shape, start };
  });
}

function nest(values: Float32Array, shape: readonly number[]): Nested {
  if (shape.length === 1) return Array.from(values);
  const [rows, columns] = shape;
  return Array.from({ length: rows }, (_, row) =>
    Array.from(values.subarray(row * columns, (row + 1) * columns)),
  );
}

/**
 * Returns the parameters of a flat array by layer; `measured: false` leaves out statistics like running
 * means.
 */
export function toLayers(
  layers: readonly LayerShape[],
  values: Float32Array,
  { measured = true } = {},
): LayerWeights[] {
  const rest = places(layers);
  const lists = rest.reduce((sum, { parameter: { shape } }) => sum + (shape.length > 1 ? shape[0] : 1), 0);
  checkLists(values.length, lists, `${values.length} parameters as lists`);
  const cut = (layer: LayerShape): LayerWeights => {
    const weights: LayerWeights = {};
    for (const { name, shape, isMeasured } of layer.parameters) {
      const { start, end } = rest.shift()!;
      if (measured || !isMeasured) weights[name] = nest(values.subarray(start, end), shape);
    }
    if (layer.layers !== undefined) weights.layers = layer.layers.map(cut);
    return weights;
  };
  return layers.map(cut);
}

function checkLength(value: unknown, length: number, place: string): asserts value is ArrayLike<unknown> {
  const received =
    Array.isArray(value) || ArrayBuffer.isView(value) ? (value as unknown as unknown[]).length : undefined;
  if (received !== length) {
    const what = value === undefined ? "nothing" : show(value);
    throw new ShapeError(`${place}: expected an array of ${length}, received ${what}`);
  }
}

/** Returns the rows of one array of parameters, checked against its shape; a bias is one row. */
function readRows(value: unknown, shape: readonly number[], place: string): readonly ArrayLike<unknown>[] {
  checkLength(value, shape[0], place);
  if (shape.length === 1) return [value];
  return Array.from(value, (row, index) => {
    checkLength(row, shape[1], `${place}: row ${index}`);
    return row;
  });
}

function copyNumbers(source: ArrayLike<unknown>, target: Float32Array, place: (at: number) => string): void {
  for (let at = 0; at < target.length; at++) {
    const value = source[at];
    target[at] = typeof value === "number" ? value : Number.NaN;
    if (!Number.isFinite(target[at])) throw notFinite(place(at), value);
  }
}

/** Checks that a layer's entry is an object with no names other than those of its parameters. */
function checkEntry(given: unknown, { parameters, layers }: LayerShape, place: string): void {
  if (typeof given !== "object" || given === null || Array.isArray(given)) {
    throw new ShapeError(`${place}: expected an object, received ${show(given)}`);
  }
  const names = parameters.map((parameter) => parameter.name);
  if (layers !== undefined) names.push("layers");
  const other = Object.keys(given).find((name) => !names.includes(name));
  if (other !== undefined) {
    throw new ShapeError(
      `${place}: expected ${names.join(", ") || "no parameters"}, received ${show(other)}`,
    );
  }
}

/** Returns the checked entries of layers, each followed by those inside it. */
function entriesOf(layers: readonly LayerShape[], weights: unknown, place: string, call: string): object[] {
  checkLength(weights, layers.length, `${place}: one entry for each layer`);
  return layers.flatMap((layer, index) => {
    const [entry, here] = [weights[index], `${call}: ${layer.place}`];
    checkEntry(entry, layer, here);
    const inside = layer.layers && entriesOf(layer.layers, (entry as LayerWeights).layers, here, call);
    return [entry as object, ...(inside ?? [])];
  });
}

/** Returns parameters given by layer as a flat array, checked against the shapes. */
export function fromLayers(layers: readonly LayerShape[], weights: unknown, call: string): Float32Array {
  const entries = new Map<LayerShape, object>();
  const all = withInside(layers);
  for (const [index, entry] of entriesOf(layers, weights, call, call).entries())
    entries.set(all[index], entry);
  // Every shape is checked before memory is allocated: a file may contain any sizes.
  const arrays = places(layers).map(({ layer, parameter, start }) => {
    const { name, shape, minimum } = parameter;
    const place = `${call}: ${layer.place}: ${name}`;
    const rows = readRows((entries.get(layer) as LayerWeights)[name], shape, place);
    return { rows, shape, minimum, start, place };
  });
  const values = allocate(countAll(layers), `${call}: the parameters`);
  for (const { rows, shape, minimum = Number.NEGATIVE_INFINITY, start, place } of arrays) {
    const columns = shape[shape.length - 1];
    for (const [row, source] of rows.entries()) {
      const target = values.subarray(start + row * columns, start + (row + 1) * columns);
      copyNumbers(source, target, (at) => {
        const index = shape.length === 1 ? `value ${at}` : `row ${row}, column ${at}`;
        return `${place}: ${index}`;
      });
      const low = target.findIndex((value) => value < minimum);
      if (low >= 0) {
        throw new DataError(`${place}: value ${low}: expected at least ${minimum}, received ${target[low]}`);
      }
    }
  }
  return values;
}

/**
 * Returns the initial parameters, written into `values`, which holds zeros. Each array has its own random
 * stream.
 */
export function initialize(
  layers: readonly LayerShape[],
  seed: number,
  values: Float32Array = new Float32Array(countAll(layers)),
): Float32Array {
  for (const [index, { layer, parameter, start, end }] of places(layers).entries()) {
    const initializer = create("initializer", initializers, parameter.initializer) as Initializer;
    const draw = uniform(seed, { purpose: purpose.initialization, index });
    const columns = parameter.shape[parameter.shape.length - 1];
    initializer(values.subarray(start, end), draw, { inputs: layer.inputs, outputs: layer.outputs, columns });
  }
  return values;
}
