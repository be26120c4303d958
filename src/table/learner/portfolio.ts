/** The learner: bags of networks over folds, all trained in one call, then blended by their out-of-fold predictions. */
import type { RowSplit } from "../../data/folds.ts";
import type { KernelChoice } from "../../kernel/choose.ts";
import { Model } from "../../model.ts";
import { earlyStopping } from "../../training/callbacks/earlyStopping.ts";
import { readFitOptions } from "../../training/options.ts";
import { type ModelTraining, trainTogether } from "../../training/trainMany.ts";
import type { TypedColumn } from "../columns.ts";
import { Preparation } from "../preparation.ts";
import type { Target } from "../target.ts";
import { applyTemperature, blendLoss, findTemperature, greedyWeights, mix, type Scored } from "./blend.ts";
import type { Member, Shape } from "./members.ts";
import { startFromData } from "./start.ts";

/** Networks of one kind, each on a fold: network i learns from all folds but i modulo their number. */
export interface Bag {
  readonly member: Member;
  readonly networks: number;
}

/** What the networks of a fold have in common: how rows become inputs, and outputs become numbers. */
export interface Part {
  readonly preparation: Preparation;
  /** A prediction is center + scale · output; 0 and 1 for classes. */
  readonly center: number;
  readonly scale: number;
}

/** A trained network of the model. */
export interface TableNetwork {
  readonly model: Model;
  /** The number of its part. */
  readonly part: number;
  /** The number of its bag. */
  readonly bag: number;
}

/** Networks of one kind, as the trained model has them. */
export interface TrainedBag {
  readonly name: string;
  /** Its share of the prediction. */
  readonly weight: number;
  /** Its loss on rows that its networks did not learn from: mean squared error, or log loss. */
  readonly loss: number;
}

/** Everything that predicts one target. */
export interface Learned {
  readonly parts: readonly Part[];
  readonly networks: readonly TableNetwork[];
  readonly bags: readonly TrainedBag[];
  /** What is predicted without any network: the mean, or the share of each class. */
  readonly prior: readonly number[];
  /** The share of the prior in the prediction. */
  readonly priorWeight: number;
  readonly temperature: number;
  /** The smallest and the largest target: no prediction is beyond. */
  readonly range: readonly [number, number];
  /** The rows that have an out-of-fold prediction, and these predictions, [rows][outputs]. */
  readonly outOfFold: { readonly rows: Uint32Array; readonly predictions: Float64Array };
}

/** How to learn. */
export interface LearnOptions {
  readonly bags: readonly Bag[];
  readonly folds: readonly RowSplit[];
  readonly seed: number;
  readonly kernel: KernelChoice | undefined;
  readonly threads: number | undefined;
  readonly signal: AbortSignal | undefined;
  readonly seconds: number | undefined;
  readonly onProgress: ((progress: { finished: number; total: number }) => void) | undefined;
  /** The weight of each row of the table. */
  readonly weights: Float64Array | undefined;
}

/** A network that is to be trained. */
interface Planned {
  readonly model: Model;
  readonly bag: number;
  readonly fold: number;
  readonly training: ModelTraining;
}

/** The encoded rows of a fold. */
interface Encoded extends Part {
  readonly split: RowSplit;
  readonly x: Float32Array<ArrayBuffer>;
  readonly y: Float32Array<ArrayBuffer>;
  readonly weights: Float32Array<ArrayBuffer> | undefined;
  readonly heldOutX: Float32Array<ArrayBuffer>;
  readonly heldOutY: Float32Array<ArrayBuffer>;
}

function encodeFold(
  split: RowSplit,
  columns: ReadonlyMap<string, TypedColumn>,
  { description, values }: Target,
  weights: Float64Array | undefined,
): Encoded {
  const { training, heldOut } = split;
  const preparation = Preparation.fit(columns.values(), training);
  const isClassification = description.task === "classification";
  const { center, scale } = isClassification ? { center: 0, scale: 1 } : scaleOf(values, training);
  const take = (rows: Uint32Array) => Float32Array.from(rows, (row) => (values[row] - center) / scale);
  return {
    split,
    preparation,
    center,
    scale,
    x: preparation.encode(columns, training),
    y: take(training),
    weights: weights && Float32Array.from(training, (row) => weights[row]),
    heldOutX: preparation.encode(columns, heldOut),
    heldOutY: take(heldOut),
  };
}

/** The mean and the standard deviation of the target on some rows; 1 where it does not vary. */
function scaleOf(values: Float64Array, rows: Uint32Array): { center: number; scale: number } {
  let sum = 0;
  for (const row of rows) sum += values[row];
  const center = sum / rows.length;
  let squares = 0;
  for (const row of rows) squares += (values[row] - center) ** 2;
  const deviation = Math.sqrt(squares / rows.length);
  return { center, scale: deviation > 0 ? deviation : 1 };
}

/** A seed for each network, so that bags of another size begin with the same networks. */
const seedOf = (seed: number, bag: number, network: number) =>
  (seed + 1_000_003 * (bag + 1) + 7919 * network) % 2 ** 53;

function plan(
  encoded: readonly Encoded[],
  shapeOf: (fold: number) => Shape,
  options: LearnOptions,
): Planned[] {
  const { bags, seed, kernel } = options;
  const examples = encoded.map(({ x, y, heldOutX, heldOutY }) => ({
    training: { x, y },
    validation: { x: heldOutX, y: heldOutY },
  }));
  return bags.flatMap(({ member, networks }, bag) =>
    Array.from({ length: networks }, (_, network) => {
      const fold = network % encoded.length;
      const shape = shapeOf(fold);
      const { x, y, weights } = encoded[fold];
      const model = new Model({
        ...member.architecture(shape),
        seed: seedOf(seed, bag, network),
        ...(kernel && { kernel }),
      });
      if (member.startFromData) startFromData(model, x);
      const { epochs, batchSize, patience, rate } = member.fit(shape, y.length);
      const fit = readFitOptions("fitTable", {
        epochs,
        batchSize,
        validationData: examples[fold].validation,
        callbacks: earlyStopping({ monitor: "validationLoss", patience }),
        warnings: false,
        ...(rate && { schedule: (epoch: number) => rate((epoch + 0.5) / epochs) }),
        ...(weights && { sampleWeight: weights }),
      });
      return { model, bag, fold, training: { model, examples: examples[fold].training, options: fit } };
    }),
  );
}

/** The networks' predictions of encoded rows in the target's unit, [rows][outputs]. */
export function predictEncoded(
  model: Model,
  x: Float32Array<ArrayBuffer>,
  { center, scale }: Pick<Part, "center" | "scale">,
  [low, high]: readonly [number, number],
  isClassification: boolean,
): Float64Array {
  const outputs = model.predict(x);
  if (isClassification) return Float64Array.from(outputs);
  return Float64Array.from(outputs, (value) => Math.min(high, Math.max(low, center + scale * value)));
}

/** The share of each class, or the mean, of the targets of some rows, by weight. */
function priorOf(
  { description, values }: Target,
  rows: Uint32Array,
  weights: Float64Array | undefined,
): number[] {
  const { task, classes = [] } = description;
  const sums = new Array<number>(task === "classification" ? classes.length : 1).fill(0);
  let total = 0;
  for (const row of rows) {
    const weight = weights === undefined ? 1 : weights[row];
    total += weight;
    if (task === "classification") sums[values[row]] += weight;
    else sums[0] += weight * values[row];
  }
  return sums.map((sum) => sum / total);
}

const rangeOf = ({ rows, values }: Target): readonly [number, number] => {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const row of rows) {
    low = Math.min(low, values[row]);
    high = Math.max(high, values[row]);
  }
  return [low, high];
};

/** What a target is answered with where nothing can be learned: the mean, or the share of each class. */
export function learnPrior(target: Target, weights: Float64Array | undefined): Learned {
  const prior = priorOf(target, target.rows, weights);
  const predictions = Float64Array.from(
    { length: target.rows.length * prior.length },
    (_, at) => prior[at % prior.length],
  );
  return {
    parts: [],
    networks: [],
    bags: [],
    prior,
    priorWeight: 1,
    temperature: 1,
    range: rangeOf(target),
    outOfFold: { rows: target.rows, predictions },
  };
}

/** Learns a target from typed columns. */
export async function learn(
  columns: ReadonlyMap<string, TypedColumn>,
  target: Target,
  options: LearnOptions,
): Promise<Learned> {
  const { task, classes = [] } = target.description;
  const isClassification = task === "classification";
  const outputs = isClassification ? classes.length : 1;
  const { folds, weights, signal, threads, seconds, onProgress } = options;
  const encoded = folds.map((split) => encodeFold(split, columns, target, weights));
  const usable = encoded.filter(({ preparation }) => preparation.inputs > 0);
  if (usable.length === 0) return learnPrior(target, weights);
  const shapeOf = (fold: number): Shape => {
    const { inputs, lookups } = usable[fold].preparation;
    return { inputs, lookups, outputs, task };
  };
  const planned = plan(usable, shapeOf, options);
  const together = { signal, threads, onProgress, ...(seconds !== undefined && { budget: { seconds } }) };
  let histories: Awaited<ReturnType<typeof trainTogether>>;
  try {
    histories = await trainTogether(
      "fitTable",
      planned.map(({ training }) => training),
      together,
    );
  } catch (error) {
    for (const { model } of planned) model.dispose();
    throw error;
  }
  // One that diverged in its first epoch, or that the budget did not reach, has learned nothing.
  const trained = planned.filter(
    (_, at) => histories[at].loss.length > 0 && histories[at].validationLoss?.some(Number.isFinite),
  );
  for (const { model } of planned.filter((one) => !trained.includes(one))) model.dispose();
  return blend(trained, usable, target, options, outputs);
}

/** Out-of-fold predictions: the mean over the networks that did not learn from the row. */
interface OutOfFold {
  readonly sums: Float64Array;
  readonly counts: Uint32Array;
}

function blend(
  trained: readonly Planned[],
  encoded: readonly Encoded[],
  target: Target,
  { bags, weights }: LearnOptions,
  outputs: number,
): Learned {
  const isClassification = target.description.task === "classification";
  const range = rangeOf(target);
  const size = target.values.length;
  const make = (): OutOfFold => ({ sums: new Float64Array(size * outputs), counts: new Uint32Array(size) });
  const found: OutOfFold[] = bags.map(make);
  const base = make();
  const add = ({ sums, counts }: OutOfFold, rows: Uint32Array, valueAt: (at: number) => number) => {
    for (let at = 0; at < rows.length; at++) {
      for (let output = 0; output < outputs; output++)
        sums[rows[at] * outputs + output] += valueAt(at * outputs + output);
      counts[rows[at]]++;
    }
  };
  for (const { split } of encoded) {
    const prior = priorOf(target, split.training, weights);
    add(base, split.heldOut, (at) => prior[at % outputs]);
  }
  for (const { model, bag, fold } of trained) {
    const { heldOutX, split } = encoded[fold];
    const predictions = predictEncoded(model, heldOutX, encoded[fold], range, isClassification);
    add(found[bag], split.heldOut, (at) => predictions[at]);
  }
  const alive = bags.map((_, bag) => bag).filter((bag) => trained.some((one) => one.bag === bag));
  // Rows that every bag has predicted.
  const rows = target.rows.filter(
    (row) => base.counts[row] > 0 && alive.every((bag) => found[bag].counts[row] > 0),
  );
  const scored: Scored = {
    task: target.description.task,
    outputs,
    targets: Float64Array.from(rows, (row) => target.values[row]),
    weights: weights && Float64Array.from(rows, (row) => weights[row]),
  };
  const gather = ({ sums, counts }: OutOfFold) =>
    Float64Array.from({ length: rows.length * outputs }, (_, at) => {
      const row = rows[Math.floor(at / outputs)];
      return sums[row * outputs + (at % outputs)] / counts[row];
    });
  const candidates = [...alive.map((bag) => gather(found[bag])), gather(base)];
  const shares = greedyWeights(candidates, scored);
  const predictions = mix(candidates, shares);
  const temperature = isClassification && rows.length > 0 ? findTemperature(predictions, scored) : 1;
  applyTemperature(predictions, outputs, temperature);
  const used = trained.filter(({ bag }) => shares[alive.indexOf(bag)] > 0);
  for (const { model } of trained.filter((one) => !used.includes(one))) model.dispose();
  const kept = [...new Set(used.map(({ fold }) => fold))].sort((a, b) => a - b);
  return {
    parts: kept.map((fold) => {
      const { preparation, center, scale } = encoded[fold];
      return { preparation, center, scale };
    }),
    networks: used.map(({ model, fold, bag }) => ({ model, part: kept.indexOf(fold), bag })),
    bags: bags.map(({ member }, bag) => {
      const at = alive.indexOf(bag);
      return {
        name: member.name,
        weight: at < 0 ? 0 : shares[at],
        loss: at < 0 ? Number.NaN : blendLoss(candidates[at], scored),
      };
    }),
    prior: priorOf(target, target.rows, weights),
    priorWeight: shares[alive.length],
    temperature,
    range,
    outOfFold: { rows, predictions },
  };
}
