/** Parameters by layer, as a user reads and writes them, and the flat array that the kernels keep. */
import { DataError, ShapeError, show } from "./errors.ts";
import type { Initializer } from "./initializers.ts";
import * as initializers from "./initializers.ts";
import type { Parameter } from "./layers/layer.ts";
import { create } from "./options.ts";
import { countParameters, countValues, type LayerShape } from "./program.ts";
import { purpose, uniform } from "./random.ts";

/** Numbers in nested lists: a bias is `number[]`, a weight `number[][]` as [outputs][inputs]. */
export type Nested = number[] | number[][];

/** The parameters of one layer by name; empty for a layer without any. */
export type LayerWeights = { [name: string]: Nested };

/** Calls `visit` with each array of parameters and its place in the flat array. */
function visit(
  layers: readonly LayerShape[],
  act: (layer: number, parameter: Parameter, start: number) => void,
): void {
  let start = 0;
  for (const [index, { parameters }] of layers.entries()) {
    for (const parameter of parameters) {
      act(index, parameter, start);
      start += countValues(parameter);
    }
  }
}

function nest(values: readonly number[], shape: readonly number[]): Nested {
  if (shape.length === 1) return values as number[];
  const [rows, columns] = shape;
  return Array.from({ length: rows }, (_, row) => values.slice(row * columns, (row + 1) * columns));
}

/** Cuts a flat array into parameters by layer. */
export function toLayers(layers: readonly LayerShape[], values: Float32Array): LayerWeights[] {
  const result: LayerWeights[] = layers.map(() => ({}));
  visit(layers, (layer, parameter, start) => {
    const part = Array.from(values.subarray(start, start + countValues(parameter)));
    result[layer][parameter.name] = nest(part, parameter.shape);
  });
  return result;
}

function checkLength(value: unknown, length: number, place: string): asserts value is ArrayLike<unknown> {
  const received =
    Array.isArray(value) || ArrayBuffer.isView(value) ? (value as unknown as unknown[]).length : undefined;
  if (received !== length) {
    throw new ShapeError(`${place}: expected an array of ${length}, received ${show(value)}`);
  }
}

function flatten(value: unknown, shape: readonly number[], place: string): ArrayLike<unknown> {
  checkLength(value, shape[0], place);
  if (shape.length === 1) return value;
  return Array.from(value).flatMap((row, index) => {
    checkLength(row, shape[1], `${place}: row ${index}`);
    return Array.from(row);
  });
}

/** Checks parameters by layer against the shapes and puts them into a flat array. */
export function fromLayers(layers: readonly LayerShape[], weights: unknown, place: string): Float32Array {
  checkLength(weights, layers.length, `${place}: one entry for each layer`);
  const values = new Float32Array(layers.reduce((sum, layer) => sum + countParameters(layer), 0));
  for (const [index, layer] of layers.entries()) {
    const here = `${place}: layer ${index} (${layer.type})`;
    const given = weights[index];
    const names = layer.parameters.map((parameter) => parameter.name);
    if (typeof given !== "object" || given === null)
      throw new ShapeError(`${here}: expected an object, received ${show(given)}`);
    for (const name of Object.keys(given)) {
      if (!names.includes(name))
        throw new ShapeError(`${here}: expected ${names.join(", ") || "no parameters"}, received ${name}`);
    }
  }
  visit(layers, (layer, { name, shape }, start) => {
    const here = `${place}: layer ${layer} (${layers[layer].type}): ${name}`;
    const flat = flatten((weights[layer] as LayerWeights)[name], shape, here);
    for (let at = 0; at < flat.length; at++) {
      const value = flat[at];
      values[start + at] = typeof value === "number" ? value : Number.NaN;
      if (!Number.isFinite(values[start + at])) {
        throw new DataError(`${here}: value ${at}: expected a finite number, received ${show(value)}`);
      }
    }
  });
  return values;
}

/** The initial parameters: each array draws from a stream of its own. */
export function initialize(layers: readonly LayerShape[], seed: number): Float32Array {
  const values = new Float32Array(layers.reduce((sum, layer) => sum + countParameters(layer), 0));
  let index = 0;
  visit(layers, (layer, parameter, start) => {
    const initializer = create("initializer", initializers, parameter.initializer) as Initializer;
    const draw = uniform(seed, { purpose: purpose.initialization, index: index++ });
    const { inputs, outputs } = layers[layer];
    const end = start + countValues(parameter);
    for (let at = start; at < end; at++) values[at] = initializer(draw, { inputs, outputs });
  });
  return values;
}
