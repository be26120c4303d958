/** Networks of quantiles: one for each quantile and fold, trained with the pinball loss, then calibrated. */
import { inTurns } from "../pieces.ts";
import { calibrate, conformalShift } from "../quantiles.ts";
import type { Target } from "../target.ts";
import type { Encoded } from "./encoded.ts";
import { type Learned, orDispose, type Part, predictEncoded, priorOf, type TableNetwork } from "./learned.ts";
import { quantileOf, type Shape } from "./members.ts";
import { OutOfFold } from "./outOfFold.ts";
import { type TrainOptions, trainStage } from "./train.ts";

/** How to train networks of quantiles. */
export interface QuantileOptions extends TrainOptions {
  readonly seed: number;
  /** The networks of each quantile: the first one is validated on the first fold, and so on. */
  readonly networks: number;
  readonly weights: Float64Array | undefined;
}

/** A seed for each network, apart from those of the portfolio. */
const seedOf = (seed: number, level: number, fold: number) =>
  (seed + 500_009 * (level + 1) + 104_729 * fold + 17) % 2 ** 53;

/**
 * Adds networks of quantiles to what was learned of a target; their folds become parts of it where they are
 * not.
 */
export async function learnQuantiles(
  learned: Learned,
  encoded: readonly Encoded[],
  target: Target,
  options: QuantileOptions,
): Promise<Learned> {
  const { quantiles: levels = [] } = target.description;
  const shapeOf = (fold: number): Shape => {
    const { inputs, lookups } = encoded[fold].preparation;
    return { inputs, lookups, outputs: 1, task: "regression" };
  };
  const planned = levels.flatMap((level, bag) =>
    Array.from({ length: Math.min(options.networks, encoded.length) }, (_, fold) => {
      return { member: quantileOf(level), bag, fold, seed: seedOf(options.seed, bag, fold) };
    }),
  );
  const trained = await trainStage(planned, ({ fold }) => encoded[fold], shapeOf, options);
  return orDispose(trained, async () => {
    const parts: Part[] = learned.parts.slice();
    const partOf = (fold: number) => {
      const { preparation, center, scale } = encoded[fold];
      const found = parts.findIndex((part) => part.preparation === preparation);
      return found < 0 ? parts.push({ preparation, center, scale }) - 1 : found;
    };
    const found = levels.map(() => new OutOfFold(target.values.length, 1));
    const networks: TableNetwork[] = [];
    for (const { model, bag, fold } of trained) {
      networks.push({ model, bag, part: partOf(fold) });
      const { heldOut, split } = encoded[fold];
      const predictions = await inTurns(
        predictEncoded(model, heldOut.x, encoded[fold], learned.range, false),
      );
      found[bag].add(split.heldOut, (at) => predictions[at]);
    }
    const raw = levels.map((_, level) =>
      Float64Array.from(learned.outOfFold.rows, (row) =>
        found[level].has(row) ? found[level].of(Uint32Array.of(row))[0] : learned.prior[0],
      ),
    );
    return { ...learned, parts, ...calibrateQuantiles(learned, target, raw, networks, options.weights) };
  });
}

/** What is answered where nothing can be learned: the quantiles of the targets. */
export function priorQuantiles(learned: Learned, target: Target, weights: Float64Array | undefined): Learned {
  const { quantiles: levels = [] } = target.description;
  const prior = priorOf(target, target.rows, weights)[0];
  const raw = levels.map(() => new Float64Array(learned.outOfFold.rows.length).fill(prior));
  return { ...learned, ...calibrateQuantiles(learned, target, raw, [], weights) };
}

/** Parts that the calibration of a row's quantiles leaves out one of: the one that has the row. */
const PARTS = 5;

/** Calibrates raw predictions of rows not learned from; `raw[level][row]`. */
export function calibrateQuantiles(
  { range, outOfFold: { rows, predictions } }: Pick<Learned, "range" | "outOfFold">,
  { description, values }: Target,
  raw: readonly Float64Array[],
  networks: readonly TableNetwork[],
  weights: Float64Array | undefined,
) {
  const { quantiles: levels = [] } = description;
  const targets = Float64Array.from(rows, (row) => values[row]);
  const own = weights && Float64Array.from(rows, (row) => weights[row]);
  const beyond = range[1] - range[0];
  const shiftsOf = (isUsed: (at: number) => boolean) =>
    levels.map((level, at) => {
      const use = (list: Float64Array) => list.filter((_, row) => isUsed(row));
      return conformalShift(level, use(targets), use(raw[at]), own && use(own), beyond);
    });
  const shifts = shiftsOf(() => true);
  const width = levels.length;
  const quantiles = new Float64Array(rows.length * width);
  const parts = Math.min(PARTS, rows.length);
  for (let part = 0; part < parts; part++) {
    const others = parts < 2 ? shifts : shiftsOf((at) => at % parts !== part);
    for (let row = part; row < rows.length; row += parts) {
      const values = Float64Array.from(levels, (_, at) => raw[at][row]);
      calibrate(values, others, range);
      quantiles.set(values, row * width);
    }
  }
  return {
    quantiles: { levels, shifts, networks },
    outOfFold: { rows, predictions, quantiles: { levels, values: quantiles } },
  };
}
