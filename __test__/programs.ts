/**
 * Programs, data and parameters to test with, made from the tables: a new entry is in all of them without
 * an edit.
 *
 * An option says nothing of its range but by reading, so values are offered to it and those are kept that
 * it takes.
 */
import fc from "fast-check";
import { DataError } from "../src/errors.ts";
import { type Architecture, configure } from "../src/formats/configuration.ts";
import type { Kernel, KernelData, Network, Position, Run } from "../src/kernel/kernel.ts";
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
  type Program,
  shapes,
  toProgram,
  withInside,
} from "../src/nn/program.ts";
import { type AnyEntry, type Complete, complete, create, type Option, type Table } from "../src/options.ts";
import { uniform } from "../src/random.ts";

/** How property tests draw: the same cases in every run, so that a failure can be looked at again. */
export const draws = { seed: 20_260, numRuns: 150 } as const;

/** Narrow products (below 8), and widths at and about the borders of a line of 16. */
export const widths = [1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33] as const;

const FRACTIONS = [0, 0.5, 0.9, 1, 0.01, 0.1, 2, -0.5];
const NAMES = [layers, initializers].flatMap((table) => Object.keys(table));
/** Layers inside others; what makes them as wide as what is around them is put behind. */
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

/** The values offered to an option that it takes. One that takes a half is no size. */
export function valuesOf(option: Option<unknown>): unknown[] {
  const numbers = takes(option, 0.5) ? FRACTIONS : widths;
  const offered = [true, false, null, ...numbers, ...NAMES, ...LISTS, ...(option.words ?? [])];
  return offered.filter((value) => takes(option, value));
}

/** A complete configuration of one entry with random options. */
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

/** A complete configuration of any entry with random options. */
function anyOf<Made>(kind: string, table: Table<Made>): fc.Arbitrary<Complete> {
  return fc.oneof(...Object.values(table).map((entry) => configuration(kind, table, entry)));
}

/** A complete configuration with the defaults, and a small size, or any value, where there is none. */
export function standard<Made>(kind: string, table: Table<Made>, entry: AnyEntry<Made>): Complete {
  const options = Object.entries(entry.options as Record<string, Option<unknown>>);
  const required = options
    .filter(([, option]) => "required" in option)
    .map(([name, option]) => [name, valuesOf(option).slice(0, 3).at(-1)]);
  return complete(kind, table as Table<unknown>, { type: entry.type, ...Object.fromEntries(required) }, kind);
}

/** Every complete configuration of an entry over so many values of each option; its names tell them apart. */
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

/** A configuration in a test's name. */
export function nameOf({ type, ...options }: Complete): string {
  const text = Object.entries(options).map(([name, value]) => `${name} ${JSON.stringify(value)}`);
  return [type, ...text].join(", ");
}

/** The Program of an architecture whose parts may come from the tables. */
export function programOf(architecture: {
  readonly inputs: number;
  readonly layers: readonly (Complete | string)[];
  readonly loss?: Complete | string;
  readonly optimizer?: Complete | string;
  readonly clipGradients?: ClipGradients | null;
  readonly l1?: number;
  readonly l2?: number;
}): Program {
  const { loss = "meanSquaredError", optimizer = "sgd" } = architecture;
  return toProgram(configure({ ...architecture, loss, optimizer } as unknown as Architecture));
}

/**
 * The layers, changed where they do not fit so many inputs: lookups stand first, each of a column of x, and
 * what is inside another layer ends as wide as it has to.
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

/** The layers, fitting so many inputs, and as many outputs. */
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

/** Each loss after each last layer that it takes; from probabilities or rates only what makes some. */
const lossPrograms: readonly (readonly [name: string, program: Program])[] = Object.values(lossTable).flatMap(
  (entry) =>
    variants("loss", lossTable, entry, 2).flatMap((loss) =>
      lastLayersFor(loss).map((last): [string, Program] => [
        `loss ${nameOf(loss)} after ${last}`,
        programOf({ inputs: 3, layers: [wide, { type: "dense", units: 3 }, last], loss }),
      ]),
    ),
);

/** Whether the loss takes predictions of this last layer: logits of one layer are probabilities to another. */
export function takesAfter(loss: Complete, last: string): boolean {
  const options = Object.entries(lossTable[loss.type].options as Record<string, Option<unknown>>);
  return options.every(([name, option]) => takes(option, loss[name], last));
}

/** The last layers that make what a loss wants, if it wants more than numbers: probabilities, or rates. */
function makersFor(loss: Complete): string[] | undefined {
  const { absorbs, meaning } = create("loss", lossTable, loss);
  if (absorbs !== undefined) return ["sigmoid", "softmax"];
  return meaning.predictions === "rates" ? ["softplus", "softmax"] : undefined;
}

/** The last layers that a loss is tried after. */
function lastLayersFor(loss: Complete): string[] {
  const candidates = makersFor(loss) ?? ["leakyRelu", "sigmoid", "softmax"];
  return candidates.filter((last) => takesAfter(loss, last));
}

/** The layers, with one more at the end where the loss does not take what they predict. */
function layersFor(loss: Complete, given: readonly Complete[], choice: number): (Complete | string)[] {
  const last = create("layer", layers, given[given.length - 1])
    .program()
    .at(-1)!.type;
  const choices = lastLayersFor(loss);
  const fits = makersFor(loss) === undefined ? takesAfter(loss, last) : choices.includes(last);
  return fits ? [...given] : [...given, choices[choice % choices.length]];
}

/** What may happen between a gradient and the parameters. */
const updates = [
  { clipGradients: { norm: 0.1 } },
  { clipGradients: { value: 0.02 } },
  { l1: 0.02 },
  { l2: 0.05 },
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

/** Any program that the tables can make, up to four layers deep. */
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

/** Values in a row of a program's output. */
export function outputsOf(program: Program): number {
  return layersOf(program).at(-1)!.outputs;
}

/** The number of a program's parameters. */
export function parametersOf(program: Program): number {
  return layersOf(program).reduce((sum, layer) => sum + countParameters(layer), 0);
}

/**
 * A program's layers are layers as written, too, with the options that a step does not depend on left out.
 */
function layersOf({ inputs, loss, optimizer, layers }: Program) {
  return shapes(configure({ inputs, loss, optimizer, layers } as unknown as Architecture));
}

/** So many values, uniform in [low, high), that follow from a seed. */
export function values(seed: number, length: number, low = -1, high = 1): Float32Array<ArrayBuffer> {
  const draw = uniform(seed, { purpose: 99, index: length });
  return Float32Array.from({ length }, () => low + (high - low) * draw());
}

/** What a program's loss computes, and values in a row of its targets. */
export function lossOf(program: Program): { loss: Loss; targets: number } {
  const loss = create("loss", lossTable, program.loss);
  return { loss, targets: loss.targets(outputsOf(program)) };
}

/**
 * Random targets that a loss takes: values from 0 to 1, rows of them that add up to 1, the indices of
 * outputs, or signs. A loss says by its check which of them it takes.
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

/** Examples as arrays, with targets that the program's loss takes. */
export interface Rows {
  readonly x: Float32Array;
  readonly y: Float32Array;
  readonly weights?: Float32Array | undefined;
  readonly rows: number;
}

/** So many random examples for a program; those of an even seed have weights, some of them 0. */
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

/** The rows from `start` to before `end`. */
export function slice(program: Program, { x, y, weights }: Rows, start: number, end: number): Rows {
  const [inputs, outputs] = [program.inputs, lossOf(program).targets];
  return {
    x: x.slice(start * inputs, end * inputs),
    y: y.slice(start * outputs, end * outputs),
    weights: weights?.slice(start, end),
    rows: end - start,
  };
}

/** The kernel's copy of examples. */
export function dataset(kernel: Kernel, program: Program, { x, y, weights }: Rows): KernelData {
  return kernel.dataset(x, y, program.inputs, lossOf(program).targets, weights);
}

/** The arrays of parameters of a layer and of those inside it. */
const parametersIn = (layer: LayerShape) => withInside([layer]).flatMap(({ parameters }) => parameters);

/** Parameters such that values neither grow nor shrink from layer to layer, whatever their width. */
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

/** A network with such parameters; the same ones in both kernels. */
export function networkOf(kernel: Kernel, program: Program, seed?: number): Network {
  const network = kernel.network(program);
  network.write("parameters", parametersFor(program, seed));
  return network;
}

/** Where a model starts. */
export const START: Position = { epoch: 0, step: 0, steps: 0, loss: 0 };

/** A run from the start, of as many steps as the learning rates have epochs, unless told otherwise. */
export function runOf(rows: number, given: Partial<Run> = {}): Run {
  const { batchSize = 4, learningRates = new Float64Array([0.1, 0.05, 0.02]) } = given;
  const stepsPerEpoch = Math.ceil(rows / Math.min(batchSize, rows));
  const steps = stepsPerEpoch * learningRates.length;
  return { from: START, steps, batchSize, accumulate: 1, seed: 1, shuffle: false, learningRates, ...given };
}

/** Takes a run in pieces of so many steps; the losses of all epochs that ended, and the last position. */
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

/** Everything that a step changes, as one array: equal bits are equal arrays. */
export function stateOf(network: Network): { parameters: Float32Array; slots: Float32Array } {
  return { parameters: network.read("parameters"), slots: network.read("slots") };
}
