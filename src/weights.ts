/** Parameters by layer, as a user reads and writes them, and the flat array that the kernels keep. */
import { notFinite, ShapeError, show } from "./errors.ts";
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

/** An array of parameters with a name of its own in the whole model, and its place in the flat array. */
export interface NamedParameter {
  /** Layer and parameter, "0.weight". */
  readonly name: string;
  readonly shape: readonly number[];
  readonly start: number;
}

/** Every array of parameters in the order of the flat array. */
export function namedParameters(layers: readonly LayerShape[]): NamedParameter[] {
  const named: NamedParameter[] = [];
  visit(layers, (layer, { name, shape }, start) => named.push({ name: `${layer}.${name}`, shape, start }));
  return named;
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
    const what = value === undefined ? "nothing" : show(value);
    throw new ShapeError(`${place}: expected an array of ${length}, received ${what}`);
  }
}

/** The rows of one array of parameters, checked against its shape; a bias is one row. */
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

/** Checks that a layer's entry is an object with no other names than its parameters'. */
function checkEntry(given: unknown, { parameters }: LayerShape, place: string): void {
  if (typeof given !== "object" || given === null || Array.isArray(given)) {
    throw new ShapeError(`${place}: expected an object, received ${show(given)}`);
  }
  const names = parameters.map((parameter) => parameter.name);
  const other = Object.keys(given).find((name) => !names.includes(name));
  if (other !== undefined) {
    throw new ShapeError(
      `${place}: expected ${names.join(", ") || "no parameters"}, received ${show(other)}`,
    );
  }
}

/** Checks parameters by layer against the shapes and puts them into a flat array. */
export function fromLayers(layers: readonly LayerShape[], weights: unknown, place: string): Float32Array {
  checkLength(weights, layers.length, `${place}: one entry for each layer`);
  const here = (index: number) => `${place}: layer ${index} (${layers[index].type})`;
  for (const [index, layer] of layers.entries()) checkEntry(weights[index], layer, here(index));
  // Every shape is checked before memory is taken: sizes that come with a file may be anything.
  const arrays: (readonly ArrayLike<unknown>[])[] = [];
  visit(layers, (layer, { name, shape }) => {
    arrays.push(readRows((weights[layer] as LayerWeights)[name], shape, `${here(layer)}: ${name}`));
  });
  const values = new Float32Array(layers.reduce((sum, layer) => sum + countParameters(layer), 0));
  visit(layers, (layer, { name, shape }, start) => {
    const columns = shape[shape.length - 1];
    for (const [row, source] of arrays.shift()!.entries()) {
      const target = values.subarray(start + row * columns, start + (row + 1) * columns);
      copyNumbers(source, target, (at) => {
        const index = shape.length === 1 ? `value ${at}` : `row ${row}, column ${at}`;
        return `${here(layer)}: ${name}: ${index}`;
      });
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
    const columns = parameter.shape[parameter.shape.length - 1];
    const part = values.subarray(start, start + countValues(parameter));
    initializer(part, draw, { inputs, outputs, columns });
  });
  return values;
}
