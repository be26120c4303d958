/** Adam and its variants: optimizers with running means of the gradients and of their squares. */
import { boolean, entry, epsilon, number, type OptionValues } from "../../options.ts";
import { decayBiases, learningRate, type Optimizer, share, sharesOf, weightDecay } from "./optimizer.ts";

const options = (decay: number) => ({
  learningRate: learningRate(0.001),
  beta1: share(0.9),
  beta2: share(0.999),
  epsilon: epsilon(1e-8),
  weightDecay: weightDecay(decay),
  decayBiases,
  amsgrad: boolean({ default: false }),
});

/** Returns Adam with a weight decay that is part of the gradient, or `decoupled` from it. */
function rule(settings: OptionValues<ReturnType<typeof options>>, decoupled: boolean): Optimizer {
  const { beta1, beta2, epsilon, weightDecay, amsgrad } = settings;
  return {
    slots: amsgrad ? 3 : 2,
    step(weight, gradient, [first, second, largest], { learningRate, step }) {
      // With c = √(1 - β₂ᵗ), m / (√v / c + ε) equals c m / (√v + c ε), which takes one division less.
      const correction = Math.sqrt(1 - beta2 ** step);
      const rate = (learningRate * correction) / (1 - beta1 ** step);
      const offset = epsilon * correction;
      const share1 = 1 - beta1;
      const [kept2, share2] = sharesOf(beta2);
      const [added, taken] = decoupled ? [0, learningRate * weightDecay] : [weightDecay, 0];
      for (let at = 0; at < weight.length; at++) {
        const decayed = gradient[at] + added * weight[at];
        first[at] += share1 * (decayed - first[at]);
        second[at] = kept2 * second[at] + share2 * decayed * decayed;
        let moment = second[at];
        if (largest !== undefined) {
          moment = Math.max(largest[at], moment);
          largest[at] = moment;
        }
        weight[at] -= taken * weight[at] + (rate * first[at]) / (Math.sqrt(moment) + offset);
      }
    },
  };
}

/**
 * Adam (Kingma and Ba, 2015), as PyTorch defines it. With λ = weightDecay and t the step, from 1:
 * g ← g + λ w; m ← β₁ m + (1 - β₁) g; v ← β₂ v + (1 - β₂) g²;
 * w ← w - η / (1 - β₁ᵗ) · m / (√v / √(1 - β₂ᵗ) + ε). With `amsgrad`, the largest v so far replaces v.
 *
 * Options: `learningRate` η (0.001), `beta1` (0.9), `beta2` (0.999), `epsilon` ε (1e-8), `weightDecay` (0),
 * `decayBiases` (true), `amsgrad` (false; Reddi et al., 2018).
 *
 * @example
 * ```ts
 * new Model({ inputs: 2, layers: [dense(1)], loss: "meanSquaredError", optimizer: adam({ learningRate: 0.01
 * }) });
 * ```
 */
export const adam = entry("adam", options(0), (settings) => rule(settings, false));

/**
 * Adam with decoupled weight decay (Loshchilov and Hutter, 2019), as PyTorch defines it. Each step begins
 * with w ← w - η λ w, where λ = weightDecay, and does not change the gradient. The rest is {@link adam}.
 *
 * Options: `learningRate` η (0.001), `beta1` (0.9), `beta2` (0.999), `epsilon` (1e-8), `weightDecay` (0.01),
 * `decayBiases` (true), `amsgrad` (false).
 *
 * @example
 * ```ts
 * new Model({ inputs: 2, layers: [dense(1)], loss: "meanSquaredError", optimizer: adamW({ weightDecay: 0.1
 * }) });
 * ```
 */
export const adamW = entry("adamW", options(0.01), (settings) => rule(settings, true));

/** Returns a function that computes f(1) f(2) … f(count), continuing from its previous product. */
function runningProduct(factor: (index: number) => number): (count: number) => number {
  let done = 0;
  // In an array, which is changed in place: V8 would allocate each new value of a captured variable.
  const product = new Float64Array([1]);
  return (count) => {
    if (count < done) {
      done = 0;
      product[0] = 1;
    }
    while (done < count && product[0] > 0) product[0] *= factor(++done);
    return product[0];
  };
}

/**
 * Adam with Nesterov's momentum (Dozat, 2016), as PyTorch defines it. With λ = weightDecay, ψ = momentumDecay
 * and t the step, from 1: g ← g + λ w; μₜ = β₁ (1 - 0.96^(t ψ) / 2); m and v as in {@link adam};
 * w ← w - η (μₜ₊₁ m / (1 - μ₁ ⋯ μₜ₊₁) + (1 - μₜ) g / (1 - μ₁ ⋯ μₜ)) / (√v / √(1 - β₂ᵗ) + ε)
 *
 * Options: `learningRate` η (0.002), `beta1` (0.9), `beta2` (0.999), `epsilon` ε (1e-8), `weightDecay` (0),
 * `decayBiases` (true), `momentumDecay` (0.004).
 *
 * @example
 * ```ts
 * new Model({ inputs: 2, layers: [dense(1)], loss: "meanSquaredError", optimizer: nadam() });
 * ```
 */
export const nadam = entry(
  "nadam",
  {
    learningRate: learningRate(0.002),
    beta1: share(0.9),
    beta2: share(0.999),
    epsilon: epsilon(1e-8),
    weightDecay: weightDecay(0),
    decayBiases,
    momentumDecay: number({ default: 0.004, minimum: 0 }),
  },
  ({ beta1, beta2, epsilon, weightDecay, momentumDecay }): Optimizer => {
    const momentum = (step: number) => beta1 * (1 - 0.5 * 0.96 ** (step * momentumDecay));
    const product = runningProduct(momentum);
    return {
      slots: 2,
      step(weight, gradient, [first, second], { learningRate, step }) {
        const correction = Math.sqrt(1 - beta2 ** step);
        const next = momentum(step + 1);
        const soFar = product(step);
        const rate1 = (learningRate * correction * next) / (1 - soFar * next);
        const rate = (learningRate * correction * (1 - momentum(step))) / (1 - soFar);
        const offset = epsilon * correction;
        const share1 = 1 - beta1;
        const [kept2, share2] = sharesOf(beta2);
        for (let at = 0; at < weight.length; at++) {
          const decayed = gradient[at] + weightDecay * weight[at];
          first[at] += share1 * (decayed - first[at]);
          second[at] = kept2 * second[at] + share2 * decayed * decayed;
          weight[at] -= (rate1 * first[at] + rate * decayed) / (Math.sqrt(second[at]) + offset);
        }
      },
    };
  },
);

/**
 * Adam with a decaying maximum of |g| in place of the mean of g² (Kingma and Ba, 2015), as PyTorch defines
 * it. With λ = weightDecay and t the step, from 1: g ← g + λ w; m ← β₁ m + (1 - β₁) g;
 * u ← max(β₂ u, |g| + ε); w ← w - η / (1 - β₁ᵗ) · m / u
 *
 * Options: `learningRate` η (0.002), `beta1` (0.9), `beta2` (0.999), `epsilon` ε (1e-8), `weightDecay` (0),
 * `decayBiases` (true).
 *
 * @example
 * ```ts
 * new Model({ inputs: 2, layers: [dense(1)], loss: "meanSquaredError", optimizer: adamax() });
 * ```
 */
export const adamax = entry(
  "adamax",
  {
    learningRate: learningRate(0.002),
    beta1: share(0.9),
    beta2: share(0.999),
    epsilon: epsilon(1e-8),
    weightDecay: weightDecay(0),
    decayBiases,
  },
  ({ beta1, beta2, epsilon, weightDecay }): Optimizer => ({
    slots: 2,
    step(weight, gradient, [first, largest], { learningRate, step }) {
      const rate = learningRate / (1 - beta1 ** step);
      const share = 1 - beta1;
      const [kept2] = sharesOf(beta2);
      for (let at = 0; at < weight.length; at++) {
        const decayed = gradient[at] + weightDecay * weight[at];
        first[at] += share * (decayed - first[at]);
        largest[at] = Math.max(kept2 * largest[at], Math.abs(decayed) + epsilon);
        weight[at] -= (rate * first[at]) / largest[at];
      }
    },
  }),
);
