/** The likely causes of a divergence, from data, weights and learning rate alone: nothing is computed. */
import { brief, readColumns } from "../data/columns.ts";
import type { Dataset, ExpectedInputs } from "../data/examples.ts";
import type { Configuration } from "../formats/configuration.ts";
import type { Network } from "../kernel/kernel.ts";
import type { Problem } from "../metrics/metric.ts";
import { countValues, type LayerShape } from "../nn/program.ts";
import { namedParameters } from "../nn/weights.ts";
import { alike, type Finding, inWords } from "./warnings/finding.ts";
import type { Profile } from "./warnings/profile.ts";
import { lowerRate } from "./warnings/rate.ts";
import { isScalable, scaleFindings, scalingOf } from "./warnings/scale.ts";

/** Describes a divergence in messages of errors. */
export const DIVERGED = "the loss, a gradient or a weight is no longer a finite number";

/** What the advice needs of a model. */
export interface AdvisedModel {
  readonly configuration: Configuration;
  readonly layers: readonly LayerShape[];
  readonly expected: ExpectedInputs;
  readonly problem: Problem;
  use(): Network;
}

/** The rows of a training, and their numbers in the caller's dataset, unless those are 0, 1, 2, … */
interface NumberedRows {
  readonly data: Dataset;
  readonly rowNumbers?: Uint32Array | undefined;
  /** The columns when the training began: the caller may have changed the data since. */
  readonly profile?: Pick<Profile, "x" | "y"> | undefined;
}

/** A weight above this has grown far: initial weights are below 1 or little above. */
const LARGE_WEIGHT = 100;

/** Finds columns of x or y that are not scaled. */
function findScaleProblems(
  { configuration, expected, problem }: AdvisedModel,
  { data: { x, y, rows, inputs, outputs }, rowNumbers, profile }: NumberedRows,
): Finding[] {
  if (profile !== undefined) return scaleFindings(profile, scalingOf(configuration));
  // The caller has transferred the memory away.
  if (x.length === 0 || y.length === 0) return [];
  const isCategory = (at: number) => expected.categories.some(({ column }) => column === at);
  const ofX = readColumns(x, rows, inputs, rowNumbers).filter(({ column }) => !isCategory(column));
  const ofY = isScalable(problem) ? readColumns(y, rows, outputs, rowNumbers) : [];
  return scaleFindings({ x: ofX, y: ofY }, scalingOf(configuration));
}

/** Names the layer with the largest weight, if that weight has grown far. */
function describeLargestWeight(model: AdvisedModel): string[] {
  const parameters = model.use().read("parameters");
  let most = LARGE_WEIGHT;
  let grown: string | undefined;
  for (const { name, shape, start } of namedParameters(model.layers)) {
    for (let at = start; at < start + countValues({ shape }); at++) {
      if (!(Math.abs(parameters[at]) > most)) continue;
      most = Math.abs(parameters[at]);
      grown = name;
    }
  }
  if (grown === undefined) return [];
  const [layer, ...rest] = grown.split(".");
  const { place } = model.layers[Number(layer)];
  return [`${place} has grown furthest, ${rest.join(".")} up to ${brief(most)}`];
}

/** Where unscaled data explains a divergence, only a rate this many times the advised one is called high. */
const FAR = 100;

/** The advice names no rate below this share of the optimizer's default. */
const LEAST = 1e-2;

/** Says what to do about the learning rate. */
function adviseOnRate({ configuration }: AdvisedModel, rate: number, isUnscaled: boolean): string {
  const lower = lowerRate(configuration, rate);
  if (isUnscaled && rate <= FAR * lower) return `leave the learning rate, ${rate}, as it is until then`;
  if (lower >= LEAST * lowerRate(configuration, Number.POSITIVE_INFINITY)) {
    return `the learning rate ${rate} may be too high: try ${brief(lower)}`;
  }
  return `the learning rate ${rate} is low already: try smaller initial weights, or clipGradients: { norm: 1 }`;
}

/** Returns the likely causes of a divergence at this learning rate, and what to change. */
export function divergenceAdvice(model: AdvisedModel, rows: NumberedRows, rate: number): string {
  const causes = alike(findScaleProblems(model, rows));
  return [
    ...causes.map((findings) => inWords(findings, ": ")),
    adviseOnRate(model, rate, causes.length > 0),
    ...describeLargestWeight(model),
  ].join("; ");
}
