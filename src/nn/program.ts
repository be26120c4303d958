/**
 * From the options of a model to what the kernels compute.
 *
 * A *configuration* is the user's model with every name checked and every default filled in; files keep it. A
 * *program* is the part of it that a run depends on: plain JSON, the same for all kernels.
 */
import type { Categories } from "../data/examples.ts";
import { OptionError, ShapeError, show } from "../errors.ts";
import {
  type Choice,
  type Complete,
  complete,
  completeOptions,
  create,
  number,
  type OneOf,
  oneOf,
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
 * How gradients are clipped before an update. `{ norm }`: if the norm of all gradients together, n = √Σg², is
 * larger, g ← g · norm / (n + 1e-6). `{ value }`: each g is clipped to [-value, value]. As PyTorch's
 * `clip_grad_norm_` and `clip_grad_value_`.
 */
export type ClipGradients = OneOf<typeof clipping>;

/**
 * The precision of the factors of matrix products in training: 32-bit floats, or bfloat16, which has the same
 * range and 8 bits of mantissa.
 */
export type Precision = (typeof PRECISIONS)[number];

const PRECISIONS = ["float32", "bfloat16"] as const;

/** The options of a model that an update depends on. */
const update = {
  clipGradients: optionalOneOf(clipping),
  l1: number({ default: 0, minimum: 0 }),
  l2: number({ default: 0, minimum: 0 }),
  precision: oneOf(PRECISIONS, { default: "float32" }),
};

/** The options of a network: its layers, and how it learns. */
export interface NetworkOptions {
  /** The number of values in a row of x. */
  readonly inputs: number;
  /** The layers in order; at least one. */
  readonly layers: readonly LayerChoice[];
  /** The loss that training minimizes. */
  readonly loss: LossChoice;
  /** The rule that updates the parameters from their gradients. */
  readonly optimizer: OptimizerChoice;
  /**
   * Clips gradients before an update, by the norm of all together or each by value. By default, or with null,
   * there is no clipping. The gradients include penalties. Layers with `trainable: false` are left out.
   */
  readonly clipGradients?: ClipGradients | null | undefined;
  /**
   * The factor of the penalty l1 Σ|w|, which training minimizes together with the loss; 0 by default. The sum
   * is over the weights of dense layers, not their biases. Reported losses leave the penalty out. A dense
   * layer may have its own factor.
   */
  readonly l1?: number | undefined;
  /** The factor of the penalty l2 Σw², with the same rules; 0 by default. */
  readonly l2?: number | undefined;
  /**
   * `"bfloat16"` trains wide layers 1.4 to 1.7 times as fast on CPUs with AVX512-BF16 (AMD from Zen 4, Intel
   * Xeon from Sapphire Rapids). Other CPUs give the same results, and are not faster. By default `"float32"`.
   *
   * With `"bfloat16"`, the steps of a training round both factors of each matrix product of a layer with at
   * least 8 outputs: to the nearest value with 8 bits, halves to the even one, magnitudes below 2^-56 to 0.
   * This holds for the outputs and for the gradients of inputs and weights. Sums, biases, activations,
   * losses, embeddings, the optimizer and the weights themselves stay 32-bit floats. So do predictions,
   * validation, `evaluate`, `gradients` and `explain`.
   */
  readonly precision?: Precision | undefined;
}

/** The names of the options of a network. */
export const NETWORK_OPTIONS: readonly (keyof NetworkOptions)[] = [
  "inputs",
  "layers",
  "loss",
  "optimizer",
  "clipGradients",
  "l1",
  "l2",
  "precision",
];

/** An optimizer with every default filled in. */
export interface CompleteOptimizer extends Complete {
  readonly learningRate: number;
}

/** The options of a network with every default filled in. */
export interface NetworkConfiguration {
  readonly inputs: number;
  readonly layers: readonly Complete[];
  readonly loss: Complete;
  readonly optimizer: CompleteOptimizer;
  readonly clipGradients: ClipGradients | null;
  readonly l1: number;
  readonly l2: number;
  readonly precision: Precision;
}

/** What the kernels receive. */
export interface Program {
  readonly inputs: number;
  readonly layers: readonly Complete[];
  readonly loss: Complete;
  readonly optimizer: Complete;
  readonly clipGradients: ClipGradients | null;
  /** The precision of the factors of products with at least 8 outputs, in training steps. */
  readonly precision: Precision;
  /** What a run computes at the end of each epoch, besides the loss: entries of `measures.ts`. */
  readonly measures: readonly Complete[];
}

/** A layer of a model with its sizes and parameters. */
export interface LayerShape {
  readonly type: string;
  /** Its number in the list of layers, like "2"; inside layer 2, "2.0". */
  readonly number: string;
  /** Its name in errors, like "layer 2 (dense)". */
  readonly place: string;
  readonly inputs: number;
  readonly outputs: number;
  /** Its own parameters, without those of the layers inside. */
  readonly parameters: readonly Parameter[];
  /** The layers inside, if it is made of layers. */
  readonly layers: readonly LayerShape[] | undefined;
}

/** Checks the options of a network and fills in the defaults. */
export function configureNetwork(options: NetworkOptions): NetworkConfiguration {
  const { inputs, layers: list, loss, optimizer } = options;
  if (!Array.isArray(list) || list.length === 0) {
    throw new OptionError(
      "model: layers: expected a list of at least 1 layer, like [dense(64), relu(), dense(1)], " +
        `received ${show(list)}`,
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

/** Returns the name of the last layer, or of its activation if it has one. */
function lastOf(layers: readonly Complete[]): string {
  const parts = createLayer(layers[layers.length - 1]).program();
  return parts[parts.length - 1].type;
}

/** The largest number of parameters of a model: the number of indices of a typed array. */
const MOST_PARAMETERS = 2 ** 32;

/**
 * Returns the sizes and parameters of each layer, or throws a {@link ShapeError} if layers do not fit
 * together.
 */
export function shapes({ inputs, layers }: Pick<NetworkConfiguration, "inputs" | "layers">): LayerShape[] {
  const all = shapesOf(layers, inputs);
  let total = 0;
  for (const shape of withInside(all)) {
    total += shape.parameters.reduce((sum, parameter) => sum + countValues(parameter), 0);
    if (total > MOST_PARAMETERS) {
      throw new ShapeError(
        `${shape.place}: ${shape.inputs} inputs and ${shape.outputs} outputs take more than ` +
          `${MOST_PARAMETERS} parameters`,
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

/** Returns the layers in order, each followed by those inside it. */
export function withInside(layers: readonly LayerShape[]): LayerShape[] {
  return layers.flatMap((layer) => [layer, ...withInside(layer.layers ?? [])]);
}

/**
 * Returns whether a layer computes statistics over the batch, so that all its rows must be in memory
 * together.
 */
export function takesWholeBatches({ layers }: Pick<NetworkConfiguration, "layers">): boolean {
  const operations = layers.flatMap((layer) => createLayer(layer).operations());
  return operations.some(({ kind }) => kind === "standardize");
}

/** Returns the columns of x that hold category numbers. */
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
        throw new ShapeError(`${place}: expected embeddings before all other layers`);
      }
      const column = sourceOf(operation.column, lookups);
      if (column === undefined) {
        throw new ShapeError(
          `${place}: expected a column of x, received column ${operation.column} of ${width}, ` +
            "an output of an earlier layer",
        );
      }
      found.push({ column, count: operation.categories });
      lookups.push(operation);
    }
    width = layer.outputs(width);
  }
  return found;
}

/** Returns the column of x at this position after some lookups; undefined if it is the output of a lookup. */
function sourceOf(column: number, lookups: readonly Lookup[]): number | undefined {
  let source = column;
  for (const { column: replaced, units } of lookups.toReversed()) {
    if (source >= replaced && source < replaced + units) return undefined;
    if (source >= replaced) source += 1 - units;
  }
  return source;
}

/** Returns the number of values in an array of parameters. */
export function countValues({ shape }: Pick<Parameter, "shape">): number {
  return shape.reduce((product, length) => product * length, 1);
}

/** Returns the number of parameters of a layer, including those of the layers inside. */
export function countParameters(layer: LayerShape): number {
  const all = withInside([layer]).flatMap(({ parameters }) => parameters);
  return all.reduce((sum, parameter) => sum + countValues(parameter), 0);
}

/** Returns the number of state values that the optimizer keeps for each parameter. */
export function countSlots({ optimizer }: NetworkConfiguration): number {
  return (create("optimizer", optimizers, optimizer) as optimizers.Optimizer).slots;
}

/** Returns the loss of a configuration. */
export function createLoss({ loss }: NetworkConfiguration): losses.Loss {
  return create("loss", losses as Table<losses.Loss>, loss);
}

/** Returns the program of a configuration, with measures for its runs. */
export function toProgram(configuration: NetworkConfiguration, measures: readonly Complete[] = []): Program {
  const { inputs, layers, loss, optimizer, clipGradients, l1, l2, precision } = configuration;
  const { learningRate: _rate, ...rule } = optimizer;
  const penalties: Penalties = { l1, l2 };
  return {
    inputs,
    layers: layers.flatMap((layer) => createLayer(layer).program(penalties)),
    loss,
    optimizer: rule as Complete,
    clipGradients,
    precision,
    measures,
  };
}
