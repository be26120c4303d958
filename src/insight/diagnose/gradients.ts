/** Gradients that vanish or explode in the backward pass. */
import { brief } from "../../data/columns.ts";
import type { LayerShape } from "../../nn/program.ts";
import type { Finding } from "../../training/warnings/finding.ts";
import { placeOf, type Step } from "../../training/warnings/step.ts";

/** Gradients of a weighted sum may be this many times smaller or larger than those of the last one. */
const GRADIENT_RATIO = 1000;

/** Returns the root mean square, √(Σv² / n). */
function sizeOf(values: Float32Array): number {
  let sum = 0;
  for (const value of values) sum += value * value;
  return Math.sqrt(sum / values.length);
}

/**
 * Compares the gradients of all weighted sums with those of the last one. With `isKnown` another finding
 * already explains vanishing gradients.
 */
export function gradientFindings(step: Step, layers: readonly LayerShape[], isKnown: boolean): Finding[] {
  const { plan, names, workspace } = step;
  const sums = plan.operations.flatMap(({ kind }, at) => (kind === "product" ? [at] : []));
  const sizes = sums.map((at) => sizeOf(workspace.gradients[at].values));
  const last = sizes[sizes.length - 1];
  if (sums.length < 2 || !(last > 0)) return [];
  const ratios = sizes.map((size) => size / last);
  const listed = () => sums.map((at, index) => `layer ${names[at].layer} ${brief(sizes[index])}`).join(", ");
  const least = ratios.indexOf(Math.min(...ratios));
  const most = ratios.indexOf(Math.max(...ratios));
  const finding = (cause: Finding["cause"], index: number, words: string, fix: string): Finding => {
    const place = placeOf({ names, layers }, sums[index]);
    return { cause, layer: names[sums[index]].layer, message: `${place}: ${words}: ${listed()}`, fix };
  };
  const size = "root mean square of ∂E/∂y";
  return [
    ...(ratios[least] * GRADIENT_RATIO < 1 && !isKnown
      ? [
          finding(
            "vanishingGradients",
            least,
            `gradients vanish in the backward pass, to ${brief(ratios[least])} times those at the last dense layer (${size})`,
            "use relu() or another activation whose slope stays near 1, layerNorm() or batchNorm() between the layers, residual([…]) blocks, or fewer layers",
          ),
        ]
      : []),
    ...(ratios[most] > GRADIENT_RATIO
      ? [
          finding(
            "explodingGradients",
            most,
            `gradients explode in the backward pass, to ${brief(ratios[most])} times those at the last dense layer (${size})`,
            "use the initializers heNormal or glorotUniform, layerNorm() between the layers, and clipGradients: { norm: 1 }",
          ),
        ]
      : []),
  ];
}
