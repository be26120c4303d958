/** scale: yᵢ = wᵢ xᵢ */
import { entry } from "../../options.ts";
import { affineWeight, type Layer, learningRateFactor } from "./layer.ts";

/**
 * Multiplies each feature by a trained factor: yᵢ = wᵢ xᵢ. w starts as ones, so an untrained layer returns
 * its input. There is no bias. With the gradient g of y, the gradient of xᵢ is wᵢ gᵢ, and the gradient of wᵢ
 * is the sum of gᵢ xᵢ over the rows of the batch.
 *
 * As the first layer, it learns how much each column of x counts. (The scaling layer of RealMLP; Holzmüller,
 * Grinsztajn and Steinwart, "Better by Default", 2024.)
 *
 * Options: `learningRateFactor` (1, at least 0), which multiplies the optimizer's learning rate for w.
 * Parameters: `weight` w, [inputs].
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
