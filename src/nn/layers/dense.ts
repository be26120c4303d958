/** dense: y = f(W x + b) */

import {
  boolean,
  type Configured,
  checkNames,
  choice,
  type Given,
  type OptionValues,
  optionalChoice,
  optionalNumber,
  size,
} from "../../options.ts";
import * as activations from "../activations.ts";
import * as initializers from "../initializers.ts";
import { type Layer, learningRateFactor } from "./layer.ts";
import { softmax } from "./softmax.ts";

const options = {
  units: size(),
  activation: optionalChoice("activation", { ...activations, softmax }),
  useBias: boolean({ default: true }),
  weightInitializer: choice("initializer", initializers, { default: "glorotUniform" }),
  biasInitializer: choice("initializer", initializers, { default: "zeros" }),
  trainable: boolean({ default: true }),
  learningRateFactor: learningRateFactor(),
  l1: optionalNumber({ minimum: 0 }),
  l2: optionalNumber({ minimum: 0 }),
};

function create({
  units,
  activation,
  useBias,
  weightInitializer,
  biasInitializer,
  trainable,
  learningRateFactor,
  l1,
  l2,
}: OptionValues<typeof options>): Layer {
  return {
    outputs: () => units,
    parameters(inputs) {
      const weight = { name: "weight", shape: [units, inputs], initializer: weightInitializer };
      const bias = { name: "bias", shape: [units], initializer: biasInitializer };
      return useBias ? [weight, bias] : [weight];
    },
    program(model = { l1: 0, l2: 0 }) {
      const penalties = { l1: l1 ?? model.l1, l2: l2 ?? model.l2 };
      const product = { type: "dense", units, useBias, trainable, learningRateFactor, ...penalties };
      return activation ? [product, activation] : [product];
    },
    operations: () => [
      {
        kind: "product",
        outputs: units,
        bias: useBias,
        trainable,
        learningRateFactor,
        l1: l1 ?? 0,
        l2: l2 ?? 0,
      },
    ],
  };
}

/** The options of a dense layer, except `units`. */
export type DenseOptions = Omit<Given<typeof options>, "units">;

/**
 * A fully connected layer: y = f(W x + b) with the activation f, if there is one. `units` is the number of
 * outputs.
 *
 * Options: `activation` (none), `useBias` (true), `weightInitializer` (`"glorotUniform"`), `biasInitializer`
 * (`"zeros"`), `trainable` (true; with false, W and b never change, and their gradients are zeros),
 * `learningRateFactor` (1, at least 0; multiplies the optimizer's learning rate for W and b; with 0 they
 * never change), `l1` and `l2` (the model's; training minimizes l1 Σ|W| + l2 ΣW² together with the loss,
 * without b).
 * Parameters: `weight` W, [units][inputs], and `bias` b, [units].
 *
 * @example
 * ```ts
 * const layers = [dense(64, { activation: "relu" }), dense(1)];
 * ```
 */
export const dense = Object.assign(
  (units: number, given: DenseOptions = {}): Configured<"dense", typeof options> => {
    const { units: _, ...others } = options;
    checkNames(given, Object.keys(others), "dense");
    return { type: "dense", units, ...given };
  },
  { type: "dense" as const, options, create },
);
