/**
 * From what a user writes to what the kernels compute.
 *
 * A *configuration* is the user's model with every name checked and every default filled in; it is what
 * files keep. A *program* is the part of it that a step depends on: the same plain JSON for both kernels.
 */
import type { Categories } from "../data/examples.ts";
import { OptionError, ShapeError } from "../errors.ts";
import {
  type Choice,
  type Complete,
  complete,
  completeOptions,
  create,
  number,
  type OneOf,
  optionalOneOf,
  readSize,
  type Table,
} from "../options.ts";
import type { Lookup, Parameter, Penalties } from "./layers/layer.ts";
import { createLayer, type LayerChoice, layers } from "./layers.ts";
import * as losses from "./losses.ts";
import * as optimizers from "./optimizers.ts";

/** A loss as given to a model: its name, or an object with its options. */
export type LossChoice = Choice<typeof losses>;
/** An optimizer as given to a model: `sgd({ learningRate: 0.01 })`, an object like that, or its name. */
export type OptimizerChoice = Choice<typeof optimizers>;

const clipping = { norm: number({ above: 0 }), value: number({ above: 0 }) };

/**
 * Within what gradients are held before an update. `{ norm }`: where the norm of all of them together,
 * n = √Σg², is larger, g ← g · norm / (n + 1e-6). `{ value }`: each g from -value to value. As PyTorch's
 * `clip_grad_norm_` and `clip_grad_value_`.
 */
export type ClipGradients = OneOf<typeof clipping>;

/** The options of a model that an update depends on. */
const update = {
  clipGradients: optionalOneOf(clipping),
  l1: number({ default: 0, minimum: 0 }),
  l2: number({ default: 0, minimum: 0 }),
};

/** What a network is made of, and how it learns. */
export interface NetworkOptions {
  /** Values in a row of x. */
  readonly inputs: number;
  /** The layers in order; at least one. */
  readonly layers: readonly LayerChoice[];
  /** The loss that training lowers. */
  readonly loss: LossChoice;
  /** How the parameters follow their gradients. */
  readonly optimizer: OptimizerChoice;
  /**
   * Holds gradients within a norm of all together, or each within a value; null, which is the default, lets
   * them be. Layers that are not trained take no part. Penalties are in the gradient before.
   */
  readonly clipGradients?: ClipGradients | null | undefined;
  /**
   * Training lowers l1 Σ|w| over the weights of dense layers, not their biases, together with the loss; 0 by
   * default. Losses that are reported leave it out. A dense layer may have its own.
   */
  readonly l1?: number | undefined;
  /** The same for l2 Σw²; 0 by default. */
  readonly l2?: number | undefined;
}

/** Their names. */
export const NETWORK_OPTIONS: readonly (keyof NetworkOptions)[] = [
  "inputs",
  "layers",
  "loss",
  "optimizer",
  "clipGradients",
  "l1",
  "l2",
];

/** A complete optimizer. */
export interface CompleteOptimizer extends Complete {
  readonly learningRate: number;
}

/** The same with every default filled in. */
export interface NetworkConfiguration {
  readonly inputs: number;
  readonly layers: readonly Complete[];
  readonly loss: Complete;
  readonly optimizer: CompleteOptimizer;
  readonly clipGradients: ClipGradients | null;
  readonly l1: number;
  readonly l2: number;
}

/** What the kernels are told. */
export interface Program {
  readonly inputs: number;
  readonly layers: readonly Complete[];
  readonly loss: Complete;
  readonly optimizer: Complete;
  readonly clipGradients: ClipGradients | null;
}

/** A layer of a model with its sizes and parameters. */
export interface LayerShape {
  readonly type: string;
  /** Its number in the list of layers, like "2"; inside layer 2, "2.0". */
  readonly number: string;
  /** What an error calls it, like "layer 2 (dense)". */
  readonly place: string;
  readonly inputs: number;
  readonly outputs: number;
  /** Its own, without those of the layers inside. */
  readonly parameters: readonly Parameter[];
  /** The layers inside, if it is made of layers. */
  readonly layers: readonly LayerShape[] | undefined;
}

/** Checks the options of a network and fills in the defaults. */
export function configureNetwork(options: NetworkOptions): NetworkConfiguration {
  const { inputs, layers: list, loss, optimizer } = options;
  if (!Array.isArray(list) || list.length === 0) {
    throw new OptionError(
      "model: layers: expected a list of at least 1 layer, like [dense(64), relu(), dense(1)]",
    );
  }
  const size = readSize(inputs, "model: inputs");
  const checked = Array.from(list, (layer, index) => complete("layer", layers, layer, `layer ${index}`));
  return {
    inputs: size,
    layers: checked,
    loss: complete("loss", losses as Table<unknown>, loss, "loss", lastOf(checked)),
    optimizer: complete(
      "optimizer",
      optimizers as Table<unknown>,
      optimizer,
      "optimizer",
    ) as CompleteOptimizer,
    ...completeOptions(update, options, "model"),
  };
}

/** What comes last: the last layer's name, or that of its activation. */
function lastOf(layers: readonly Complete[]): string {
  const parts = createLayer(layers[layers.length - 1]).program();
  return parts[parts.length - 1].type;
}

/** The most parameters that a model may have: what an index into a typed array can name. */
const MOST_PARAMETERS = 2 ** 32;

/** The sizes and parameters of each layer as written. */
export function shapes({ inputs, layers }: Pick<NetworkConfiguration, "inputs" | "layers">): LayerShape[] {
  const all = shapesOf(layers, inputs);
  let total = 0;
  for (const shape of withInside(all)) {
    total += shape.parameters.reduce((sum, parameter) => sum + countValues(parameter), 0);
    if (total > MOST_PARAMETERS) {
      throw new ShapeError(
        `${shape.place}: ${shape.inputs} inputs and ${shape.outputs} outputs take more than ${MOST_PARAMETERS} parameters`,
      );
    }
  }
  categoriesOf({ inputs, layers });
  return all;
}

function shapesOf(layers: readonly Complete[], inputs: number, numbers = "", places = ""): LayerShape[] {
  let width = inputs;
  return layers.map((configuration, index) => {
    const number = `${numbers}${index}`;
    const place = `${places}layer ${index} (${configuration.type})`;
    const layer = createLayer(configuration);
    const inside = layer.layers && shapesOf(layer.layers, width, `${number}.`, `${place}: `);
    layer.check?.(width, place, inside?.at(-1)?.outputs ?? width);
    const shape = {
      type: configuration.type,
      number,
      place,
      inputs: width,
      outputs: layer.outputs(width),
      parameters: layer.parameters(width),
      layers: inside,
    };
    width = shape.outputs;
    return shape;
  });
}

/** Layers in order, each before those inside it. */
export function withInside(layers: readonly LayerShape[]): LayerShape[] {
  return layers.flatMap((layer) => [layer, ...withInside(layer.layers ?? [])]);
}

/** Whether all rows of a batch go through the layers together, since figures are taken over them. */
export function takesWholeBatches({ layers }: Pick<NetworkConfiguration, "layers">): boolean {
  const operations = layers.flatMap((layer) => createLayer(layer).operations());
  return operations.some(({ kind }) => kind === "standardize");
}

/** The columns of x that hold the numbers of categories. */
export function categoriesOf({
  inputs,
  layers,
}: Pick<NetworkConfiguration, "inputs" | "layers">): Categories[] {
  const lookups: Lookup[] = [];
  const found: Categories[] = [];
  let width = inputs;
  for (const [index, configuration] of layers.entries()) {
    const place = `layer ${index} (${configuration.type})`;
    const layer = createLayer(configuration);
    const [operation] = layer.operations().filter(({ kind }) => kind === "lookup");
    if (operation?.kind === "lookup") {
      if (lookups.length < index || layer.layers !== undefined) {
        throw new ShapeError(`${place}: categories are looked up before all other layers`);
      }
      const column = sourceOf(operation.column, lookups);
      if (column === undefined) {
        throw new ShapeError(`${place}: column ${operation.column} of ${width} was made by a layer before`);
      }
      found.push({ column, count: operation.categories });
      lookups.push(operation);
    }
    width = layer.outputs(width);
  }
  return found;
}

/** The column of x that is this one behind some lookups; undefined if one of them has made it. */
function sourceOf(column: number, lookups: readonly Lookup[]): number | undefined {
  let source = column;
  for (const { column: replaced, units } of lookups.toReversed()) {
    if (source >= replaced && source < replaced + units) return undefined;
    if (source >= replaced) source += 1 - units;
  }
  return source;
}

/** The number of values in an array of parameters. */
export function countValues({ shape }: Pick<Parameter, "shape">): number {
  return shape.reduce((product, length) => product * length, 1);
}

/** The number of parameters of a layer, those of the layers inside included. */
export function countParameters(layer: LayerShape): number {
  const all = withInside([layer]).flatMap(({ parameters }) => parameters);
  return all.reduce((sum, parameter) => sum + countValues(parameter), 0);
}

/** Values of state that the optimizer has for each parameter. */
export function countSlots({ optimizer }: NetworkConfiguration): number {
  return (create("optimizer", optimizers, optimizer) as optimizers.Optimizer).slots;
}

/** What a configuration's loss computes. */
export function createLoss({ loss }: NetworkConfiguration): losses.Loss {
  return create("loss", losses as Table<losses.Loss>, loss);
}

/** The Program of a configuration. */
export function toProgram(configuration: NetworkConfiguration): Program {
  const { inputs, layers, loss, optimizer, clipGradients, l1, l2 } = configuration;
  const { learningRate: _rate, ...rule } = optimizer;
  const penalties: Penalties = { l1, l2 };
  return {
    inputs,
    layers: layers.flatMap((layer) => createLayer(layer).program(penalties)),
    loss,
    optimizer: rule as Complete,
    clipGradients,
  };
}
