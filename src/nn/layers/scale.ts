/** scale: yᵢ = wᵢ xᵢ */
import { entry } from "../../options.ts";
import { affineWeight, type Layer, learningRateFactor } from "./layer.ts";

/**
 * Multiplies each feature by a trained factor of its own: yᵢ = wᵢ xᵢ. w starts as ones, so the layer at first
 * changes nothing. There is no bias. With the gradient g of y, the gradient of xᵢ is wᵢ gᵢ, and that of wᵢ is the
 * sum of gᵢ xᵢ over the rows of the batch.
 *
 * As the first layer it weighs the columns of x: those that help get a larger factor. (The scaling layer of
 * RealMLP; Holzmüller, Grinsztajn and Steinwart, "Better by Default", 2024.)
 *
 * Options: `learningRateFactor` (1, at least 0), by which the optimizer's learning rate is multiplied for w: these
 * few factors often bear a higher rate than the weights. Parameters: `weight` w, [inputs].
 *
 * @example
 * ```ts
 * const layers = [scale({ learningRateFactor: 6 }), dense(64), relu(), dense(1)];
 * ```
 */
export const scale = entry(
  "scale",
  { learningRateFactor: learningRateFactor() },
  ({ learningRateFactor }): Layer => ({
    outputs: (inputs) => inputs,
    parameters: (inputs) => [affineWeight(inputs)],
    program: () => [{ type: "scale", learningRateFactor }],
    operations: () => [{ kind: "affine", bias: false, learningRateFactor }],
  }),
);
