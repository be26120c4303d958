/**
 * Programs, data and parameters for tests, made from the tables, so new entries are included without an edit.
 * An option does not list its valid values, so values are offered to it, and those that it accepts are used.
 */
import fc from "fast-check";
import { DataError } from "../src/errors.ts";
import { type Architecture, configure } from "../src/formats/configuration.ts";
import type { Kernel, KernelData, Network, Position, Run } from "../src/kernel/kernel.ts";
import type { ModelOptions } from "../src/model.ts";
import * as initializers from "../src/nn/initializers.ts";
import { layers } from "../src/nn/layers.ts";
import type { Loss } from "../src/nn/losses.ts";
import * as losses from "../src/nn/losses.ts";
import * as optimizers from "../src/nn/optimizers.ts";
import {
  type ClipGradients,
  categoriesOf,
  countParameters,
  type LayerShape,
  type Precision,
  type Program,
  shapes,
  toProgram,
  withInside,
} from "../src/nn/program.ts";
import { type AnyEntry, type Complete, complete, create, type Option, type Table } from "../src/options.ts";
import { uniform } from "../src/random.ts";

/** How property tests draw: the same cases in every run, so that a failure can be reproduced. */
export const draws = { seed: 20_260, numRuns: 150 } as const;

/** Widths of narrow products (below 8), and at and around multiples of the 16 values of a line. */
export const widths = [1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33] as const;

const FRACTIONS = [0, 0.5, 0.9, 1, 0.01, 0.1, 2, -0.5];
const NAMES = [layers, initializers].flatMap((table) => Object.keys(table));
/** Layers inside others. `fitting` adds a layer that restores the width around them. */
const LISTS = [
  ["tanh"],
  ["silu", { type: "dense", units: 5 }],
  [
    { type: "residual", layers: ["tanh"] },
    { type: "layerNorm", epsilon: 0.5 },
    { type: "dense", units: 3 },
  ],
];

function takes(option: Option<unknown>, value: unknown, lastLayer?: string): boolean {
  try {
    option.read(value, "option", lastLayer);
    return true;
  } catch {
    return false;
  }
}

/** Returns the values that an option accepts. An option that accepts 0.5 is not a size. */
export function valuesOf(option: Option<unknown>): unknown[] {
  const numbers = takes(option, 0.5) ? FRACTIONS : widths;
  const offered = [true, false, null, ...numbers, ...NAMES, ...LISTS, ...(option.words ?? [])];
  return offered.filter((value) => takes(option, value));
}

/** Draws a complete configuration of one entry with random options. */
function configuration<Made>(
  kind: string,
  table: Table<Made>,
  entry: AnyEntry<Made>,
): fc.Arbitrary<Complete> {
  const options = Object.entries(entry.options as Record<string, Option<unknown>>);
  const values = options.map(([name, option]) => [name, fc.constantFrom(...valuesOf(option))] as const);
  return fc
    .record(Object.fromEntries(values))
    .map((given) => complete(kind, table as Table<unknown>, { type: entry.type, ...given }, kind));
}

/** Draws a complete configuration of any entry with random options. */
function anyOf<Made>(kind: string, table: Table<Made>): fc.Arbitrary<Complete> {
  return fc.oneof(...Object.values(table).map((entry) => configuration(kind, table, entry)));
}

/**
 * Returns a complete configuration with the defaults. An option without a default gets a small size or any
 * value.
 */
export function standard<Made>(kind: string, table: Table<Made>, entry: AnyEntry<Made>): Complete {
  const options = Object.entries(entry.options as Record<string, Option<unknown>>);
  const required = options
    .filter(([, option]) => "required" in option)
    .map(([name, option]) => [name, valuesOf(option).slice(0, 3).at(-1)]);
  return complete(kind, table as Table<unknown>, { type: entry.type, ...Object.fromEntries(required) }, kind);
}

/**
 * Returns every configuration of an entry with this number of values of each option, with names that differ.
 */
export function variants<Made>(
  kind: string,
  table: Table<Made>,
  entry: AnyEntry<Made>,
  most = 3,
): Complete[] {
  const options = Object.entries(entry.options as Record<string, Option<unknown>>);
  const given = options.reduce<object[]>(
    (list, [name, option]) =>
      list.flatMap((before) =>
        valuesOf(option)
          .slice(0, most)
          .map((value) => ({ ...before, [name]: value })),
      ),
    [{}],
  );
  return given.map((values) =>
    complete(kind, table as Table<unknown>, { type: entry.type, ...values }, kind),
  );
}

/** Returns a configuration as part of a test's name. */
export function nameOf({ type, ...options }: Complete): string {
  const text = Object.entries(options).map(([name, value]) => `${name} ${JSON.stringify(value)}`);
  return [type, ...text].join(", ");
}

/** Returns the Program of an architecture. Its parts may be entries of the tables. */
export function programOf(architecture: {
  readonly inputs: number;
  readonly layers: readonly (Complete | string)[];
  readonly loss?: Complete | string;
  readonly optimizer?: Complete | string;
  readonly clipGradients?: ClipGradients | null;
  readonly l1?: number;
  readonly l2?: number;
  readonly precision?: Precision;
}): Program {
  const { loss = "meanSquaredError", optimizer = "sgd" } = architecture;
  return toProgram(configure({ ...architecture, loss, optimizer } as unknown as Architecture));
}

/**
 * Returns the layers, changed where they do not fit the inputs: lookups are moved to the front, each of a
 * column of x, and the layers inside another layer get a last layer that restores the width.
 */
function fitting(given: readonly (Complete | string)[], inputs: number): Complete[] {
  const all = given.map((layer) => complete("layer", layers, layer, "layer"));
  const isLookup = (layer: Complete) => "column" in layer;
  // Whether a column is one of x.
  const columns = Array.from({ length: inputs }, () => true);
  const lookups = all.filter(isLookup).flatMap((layer): Complete[] => {
    const free = columns.flatMap((isFree, column) => (isFree ? [column] : []));
    if (free.length === 0) return [];
    const column = free[(layer.column as number) % free.length];
    columns.splice(column, 1, ...Array.from({ length: layer.units as number }, () => false));
    return [{ ...layer, column }];
  });
  let width = columns.length;
  const others = all
    .filter((layer) => !isLookup(layer))
    .map((layer) => {
      const fits =
        "layers" in layer ? { ...layer, layers: ending(layer.layers as Complete[], width) } : layer;
      width = create("layer", layers, fits).outputs(width);
      return fits;
    });
  return [...lookups, ...others];
}

/** Returns layers that fit this number of inputs and have the same number of outputs. */
function ending(given: readonly Complete[], width: number): Complete[] {
  const inside = fitting(given, width);
  const outputs = inside.reduce((inputs, layer) => create("layer", layers, layer).outputs(inputs), width);
  return outputs === width
    ? inside
    : [...inside, complete("layer", layers, { type: "dense", units: width }, "layer")];
}

const wide = { type: "dense", units: 9, activation: "tanh" };
const narrow = { type: "dense", units: 2 };

const lossTable = losses as Table<Loss>;

/**
 * Every loss after every last layer that it accepts. A loss of probabilities or rates follows only layers
 * that produce them.
 */
const lossPrograms: readonly (readonly [name: string, program: Program])[] = Object.values(lossTable).flatMap(
  (entry) =>
    variants("loss", lossTable, entry, 2).flatMap((loss) =>
      lastLayersFor(loss).map((last): [string, Program] => [
        `loss ${nameOf(loss)} after ${last}`,
        programOf({ inputs: 3, layers: [wide, { type: "dense", units: 3 }, last], loss }),
      ]),
    ),
);

/** Returns whether the loss accepts this last layer. Logits of one layer are probabilities of another. */
export function takesAfter(loss: Complete, last: string): boolean {
  const options = Object.entries(lossTable[loss.type].options as Record<string, Option<unknown>>);
  return options.every(([name, option]) => takes(option, loss[name], last));
}

/**
 * Returns the last layers whose outputs a loss needs, such as probabilities or rates; undefined if any will
 * do.
 */
function makersFor(loss: Complete): string[] | undefined {
  const { absorbs, meaning } = create("loss", lossTable, loss);
  if (absorbs !== undefined) return ["sigmoid", "softmax"];
  return meaning.predictions === "rates" ? ["softplus", "softmax"] : undefined;
}

/** Returns the last layers that are tested before a loss. */
function lastLayersFor(loss: Complete): string[] {
  const candidates = makersFor(loss) ?? ["leakyRelu", "sigmoid", "softmax"];
  return candidates.filter((last) => takesAfter(loss, last));
}

/** Returns the layers, with an additional last layer if the loss does not accept their predictions. */
function layersFor(loss: Complete, given: readonly Complete[], choice: number): (Complete | string)[] {
  const last = create("layer", layers, given[given.length - 1])
    .program()
    .at(-1)!.type;
  const choices = lastLayersFor(loss);
  const fits = makersFor(loss) === undefined ? takesAfter(loss, last) : choices.includes(last);
  return fits ? [...given] : [...given, choices[choice % choices.length]];
}

/** The options for changes between a gradient and the parameters. */
const updates = [
  { clipGradients: { norm: 0.1 } },
  { clipGradients: { value: 0.02 } },
  { l1: 0.02 },
  { l2: 0.05 },
  { precision: "bfloat16" as const },
];

/** One program for each entry of the tables of layers, losses and optimizers: 3 inputs, 2 outputs. */
export const tablePrograms: readonly (readonly [name: string, program: Program])[] = [
  ...Object.values(layers).map((entry): [string, Program] => [
    `layer ${entry.type}`,
    programOf({ inputs: 3, layers: fitting([wide, standard("layer", layers, entry), narrow], 3) }),
  ]),
  ...[0, 1, 2].map((frozen): [string, Program] => [
    `layer ${frozen} of 3 not trained`,
    programOf({
      inputs: 3,
      layers: [wide, wide, narrow].map((layer, index) => ({ ...layer, trainable: index !== frozen })),
      optimizer: { type: "sgd", momentum: 0.9, weightDecay: 0.1 },
    }),
  ]),
  ...updates.map((update): [string, Program] => [
    `update ${JSON.stringify(update)}`,
    programOf({ inputs: 3, layers: [wide, narrow], ...update, optimizer: { type: "sgd", momentum: 0.9 } }),
  ]),
  ...lossPrograms,
  ...Object.values(optimizers as Table<unknown>).flatMap((entry) =>
    variants("optimizer", optimizers as Table<unknown>, entry, 2)
      .filter(({ learningRate }) => learningRate === 0)
      .map(({ learningRate: _, ...optimizer }): [string, Program] => [
        `optimizer ${nameOf(optimizer as Complete)}`,
        programOf({ inputs: 3, layers: [wide, narrow], optimizer: optimizer as Complete }),
      ]),
  ),
];

/** Draws any program that the tables allow, up to four layers deep. */
export const anyProgram: fc.Arbitrary<Program> = fc
  .record({
    inputs: fc.constantFrom(...widths),
    layers: fc.array(anyOf("layer", layers), { minLength: 1, maxLength: 4 }),
    loss: anyOf("loss", lossTable),
    optimizer: anyOf("optimizer", optimizers as Table<unknown>),
    clipGradients: fc.constantFrom(null, null, { norm: 0.3 }, { value: 0.02 }),
    l1: fc.constantFrom(0, 0.01),
    l2: fc.constantFrom(0, 0.01),
    choice: fc.nat(),
  })
  .map(({ choice, ...parts }) =>
    programOf({
      ...parts,
      layers: layersFor(parts.loss, fitting(parts.layers, parts.inputs), choice),
    }),
  );

/** Returns the number of values in a row of a program's output. */
export function outputsOf(program: Program): number {
  return layersOf(program).at(-1)!.outputs;
}

/** Returns the number of a program's parameters. */
export function parametersOf(program: Program): number {
  return layersOf(program).reduce((sum, layer) => sum + countParameters(layer), 0);
}

/**
 * Returns a program's layers, which are valid layers of a model too, except for the options that no step
 * depends on.
 */
function layersOf({ inputs, loss, optimizer, layers }: Program) {
  return shapes(configure({ inputs, loss, optimizer, layers } as unknown as Architecture));
}

/** Returns values that are uniform in [low, high) and follow from a seed. */
export function values(seed: number, length: number, low = -1, high = 1): Float32Array<ArrayBuffer> {
  const draw = uniform(seed, { purpose: 99, index: length });
  return Float32Array.from({ length }, () => low + (high - low) * draw());
}

/** Returns a program's loss, and the number of values in a row of its targets. */
export function lossOf(program: Program): { loss: Loss; targets: number } {
  const loss = create("loss", lossTable, program.loss);
  return { loss, targets: loss.targets(outputsOf(program)) };
}

/**
 * Returns random targets that a loss accepts: values from 0 to 1, rows of them with sum 1, indices of
 * outputs, or signs. The loss's `check` decides which of these are valid.
 */
export function targetsFor(
  loss: Loss,
  rows: number,
  outputs: number,
  seed: number,
): Float32Array<ArrayBuffer> {
  const targets = loss.targets(outputs);
  const drawn = values(seed, rows * targets, 0, 1);
  const sumOf = (row: number) =>
    drawn.subarray(row * targets, (row + 1) * targets).reduce((sum, value) => sum + value, 0);
  const candidates = [
    drawn,
    drawn.map((value, at) => value / sumOf(Math.floor(at / targets))),
    drawn.map((value) => Math.floor(value * outputs)),
    drawn.map((value) => (value < 0.5 ? -1 : 1)),
  ];
  const found = candidates.find((candidate) => takesTargets(loss, candidate, rows, outputs));
  if (found === undefined) throw new Error("no targets are known here that the loss takes");
  return found;
}

function takesTargets(loss: Loss, candidate: Float32Array, rows: number, outputs: number): boolean {
  try {
    for (let row = 0; row < rows; row++) loss.check?.(candidate, row, outputs);
    return true;
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    return false;
  }
}

/** Examples as arrays, with targets that the program's loss accepts. */
export interface Rows {
  readonly x: Float32Array;
  readonly y: Float32Array;
  readonly weights?: Float32Array | undefined;
  readonly rows: number;
}

/** Returns random examples for a program. Those of an even seed have weights, some of which are 0. */
export function rowsFor(program: Program, rows: number, seed = 1): Rows {
  const x = values(seed, rows * program.inputs);
  for (const { column, count } of categoriesOf(program)) {
    for (let at = column; at < x.length; at += program.inputs) x[at] = Math.floor(((x[at] + 1) / 2) * count);
  }
  const y = targetsFor(lossOf(program).loss, rows, outputsOf(program), seed + 1);
  const weights = values(seed + 2, rows, -0.5, 2).map((weight) => Math.max(0, weight));
  return {
    x,
    y,
    rows,
    weights: seed % 2 === 0 && weights.some((weight) => weight > 0) ? weights : undefined,
  };
}

/** Returns the rows from `start` to before `end`. */
export function slice(program: Program, { x, y, weights }: Rows, start: number, end: number): Rows {
  const [inputs, outputs] = [program.inputs, lossOf(program).targets];
  return {
    x: x.slice(start * inputs, end * inputs),
    y: y.slice(start * outputs, end * outputs),
    weights: weights?.slice(start, end),
    rows: end - start,
  };
}

/** Returns the kernel's copy of examples. */
export function dataset(kernel: Kernel, program: Program, { x, y, weights }: Rows): KernelData {
  return kernel.dataset(x, y, program.inputs, lossOf(program).targets, weights);
}

/** Returns the parameter arrays of a layer and of the layers inside it. */
const parametersIn = (layer: LayerShape) => withInside([layer]).flatMap(({ parameters }) => parameters);

/** Returns parameters with which values neither grow nor shrink from layer to layer, for any width. */
export function parametersFor(program: Program, seed = 3): Float32Array<ArrayBuffer> {
  let start = 0;
  const all = values(seed, parametersOf(program));
  for (const layer of layersOf(program)) {
    const end = start + countParameters(layer);
    for (let at = start; at < end; at++) all[at] *= Math.sqrt(3 / (layer.inputs + 1));
    for (const { minimum = Number.NEGATIVE_INFINITY, shape } of parametersIn(layer)) {
      const next = start + shape.reduce((product, length) => product * length, 1);
      for (let at = start; at < next; at++) if (all[at] < minimum) all[at] = minimum - all[at];
      start = next;
    }
  }
  return all;
}

/** Returns a Program as the options of a model: what a kernel measures follows from the metrics. */
export function optionsOf({ measures: _, ...options }: Program, others: object): ModelOptions {
  return { ...options, ...others } as unknown as ModelOptions;
}

/** Returns a network with such parameters, which are the same in both kernels. */
export function networkOf(kernel: Kernel, program: Program, seed?: number): Network {
  const network = kernel.network(program);
  network.write("parameters", parametersFor(program, seed));
  return network;
}

/** The position of a new model. */
export const START: Position = { epoch: 0, step: 0, steps: 0, loss: 0 };

/** Returns a run from the start, by default with one step for each epoch of the learning rates. */
export function runOf(rows: number, given: Partial<Run> = {}): Run {
  const { batchSize = 4, learningRates = new Float64Array([0.1, 0.05, 0.02]) } = given;
  const stepsPerEpoch = Math.ceil(rows / Math.min(batchSize, rows));
  const steps = stepsPerEpoch * learningRates.length;
  return { from: START, steps, batchSize, accumulate: 1, seed: 1, shuffle: false, learningRates, ...given };
}

/**
 * Trains a run in pieces of these numbers of steps. Returns the losses of all complete epochs, and the last
 * position.
 */
export function inPieces(network: Network, data: KernelData, run: Run, pieces: readonly number[]) {
  const losses: number[] = [];
  let from = run.from;
  for (const steps of pieces) {
    const learningRates = run.learningRates.slice(from.epoch - run.from.epoch);
    const progress = network.train(data, { ...run, from, steps, learningRates });
    losses.push(...progress.losses);
    from = progress.position;
  }
  return { losses, position: from };
}

/** Returns everything that a step changes. Equal bits are equal arrays. */
export function stateOf(network: Network): { parameters: Float32Array; slots: Float32Array } {
  return { parameters: network.read("parameters"), slots: network.read("slots") };
}
