/**
 * Functions to look into a model: why it does not learn, what a step computes, what its predictions depend
 * on. Each takes the model first.
 */
import {
  type Examples,
  examplesAlone,
  examplesOf,
  type InForm,
  type Inputs,
  type Matrix,
} from "../data/examples.ts";
import { type Model, sessionOf } from "../model.ts";
import { readModel } from "../training/modelArgument.ts";
import type { Session } from "../training/session.ts";
import type { Diagnosis } from "../training/warnings/finding.ts";
import { type AttributionOptions, attributions as attribute } from "./attributions.ts";
import { type CheckOptions, checkGradients as check, type GradientCheck } from "./check.ts";
import {
  partialDependence as depend,
  type PartialDependence,
  type PartialDependenceOptions,
} from "./dependence.ts";
import { diagnose as findCauses } from "./diagnose.ts";
import { type Explanation, explain as explainStep } from "./explain.ts";
import { type Importance, type ImportanceOptions, importance as permute } from "./importance.ts";

export type { Cause, Diagnosis, Finding } from "../training/warnings/finding.ts";
export type { AttributionOptions } from "./attributions.ts";
export type { CheckedGradient, CheckOptions, GradientCheck } from "./check.ts";
export type { PartialDependence, PartialDependenceOptions } from "./dependence.ts";
export type { ExplainedLayer, ExplainedOperation, Explanation } from "./explain.ts";
export type { ColumnImportance, Importance, ImportanceOptions } from "./importance.ts";

function sessionFor(model: Model, call: string): Session {
  return sessionOf(readModel(model, call), call);
}

/**
 * Explains the step that training would take next on these rows: all values of the forward pass, the loss,
 * the backward pass and the update, as data and as text with formulas. The model does not change.
 *
 * The values are those of the typescript kernel, even if the model uses another one, at the optimizer's own
 * learning rate. Noise and batch normalization work as in training. At most 512 rows.
 *
 * @example
 * ```ts
 * const explanation = explain(model, [[0.2, 0.9]], [1]);
 * console.log(String(explanation)); // y₁ = W₁₁ x₁ + W₁₂ x₂ + b₁ = 0.31 · 0.2 + …
 * explanation.layers[0].output; // [rows][units]
 * ```
 */
export function explain(model: Model, data: Examples): Explanation;
export function explain(model: Model, x: Matrix, y: Matrix): Explanation;
export function explain(model: Model, ...given: unknown[]): Explanation {
  return explainStep(sessionFor(model, "explain"), examplesAlone("explain", given));
}

/**
 * Finds why the model does not learn on these data, before or after a training: what is wrong with columns,
 * labels, layers, units, gradients and the learning rate, and how to fix it. The model does not change.
 * Before a training it checks the first step; after a training, the next step and `history`.
 *
 * All rows are checked. Up to 512 evenly spaced rows go through the network on the typescript kernel, fewer
 * if it has more than 65,536 parameters. Data that training would refuse is a finding.
 *
 * @example
 * ```ts
 * const diagnosis = diagnose(model, data);
 * for (const { cause, message, fix } of diagnosis.findings) console.log(cause, message, fix);
 * console.log(String(diagnosis)); // the same as text
 * ```
 *
 * @throws StateError while a training runs or after `dispose`.
 */
export function diagnose(model: Model, data: Examples): Diagnosis;
export function diagnose(model: Model, x: Matrix, y: Matrix): Diagnosis;
export function diagnose(model: Model, ...given: unknown[]): Diagnosis {
  return findCauses(sessionFor(model, "diagnose"), examplesAlone("diagnose", given));
}

/**
 * Compares the gradients that the model's kernel computes with finite differences of the loss in 64 bits.
 * Where the loss has a kink within the step, any gradient between both slopes passes.
 *
 * @example
 * ```ts
 * const { passes, worst } = checkGradients(model, [[0.2, 0.9]], [1]);
 * ```
 */
export function checkGradients(model: Model, data: Examples, options?: CheckOptions): GradientCheck;
export function checkGradients(model: Model, x: Matrix, y: Matrix, options?: CheckOptions): GradientCheck;
export function checkGradients(model: Model, ...given: unknown[]): GradientCheck {
  const session = sessionFor(model, "checkGradients");
  const [examples, options] = examplesOf("checkGradients", given);
  return check(session, examples, (options ?? {}) as CheckOptions);
}

/**
 * Measures for each column of x how much worse the model predicts, by the loss or a metric, when the column
 * is shuffled. (Breiman, 2001; as scikit-learn's `permutation_importance`.)
 *
 * @example
 * ```ts
 * const { columns } = importance(model, data, { repeats: 10, columns: ["first", "second"] });
 * columns[0].mean;
 * ```
 */
export function importance(model: Model, data: Examples, options?: ImportanceOptions): Importance;
export function importance(model: Model, x: Matrix, y: Matrix, options?: ImportanceOptions): Importance;
export function importance(model: Model, ...given: unknown[]): Importance {
  const session = sessionFor(model, "importance");
  const [examples, options] = examplesOf("importance", given);
  return permute(session, examples, (options ?? {}) as ImportanceOptions);
}

/**
 * Returns how much each value of a row contributes to one output, compared with a baseline: (x - baseline)
 * times the mean gradient on the straight line between them, in the form of x. The sum of a row approaches
 * f(x) - f(baseline) with more steps. (Sundararajan, Taly and Yan, "Axiomatic Attribution for Deep
 * Networks", 2017.)
 *
 * @example
 * ```ts
 * attributions(model, [0.2, 0.9], { baseline: [0.5, 0.5] }); // two values
 * ```
 */
export function attributions<X extends Inputs>(
  model: Model,
  x: X,
  options: AttributionOptions = {},
): InForm<X> {
  return attribute(sessionFor(model, "attributions"), x, options) as InForm<X>;
}

/**
 * Returns the mean prediction when one column of x has the same value in all rows, for values from its 5th to
 * its 95th percentile. (Friedman, 2001; as scikit-learn's `partial_dependence`, method "brute".)
 *
 * @example
 * ```ts
 * const { grid, means } = partialDependence(model, data, 0, { points: 20 });
 * ```
 */
export function partialDependence(
  model: Model,
  x: Inputs,
  column: number | string,
  options: PartialDependenceOptions = {},
): PartialDependence {
  return depend(sessionFor(model, "partialDependence"), x, column, options);
}
