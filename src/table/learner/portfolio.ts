/**
 * The learner: bags of networks over folds. The networks of the first stage learn from all columns alike;
 * those of the second from columns that are scaled by how much the first ones listen to them. All are blended
 * by their predictions of rows that they did not learn from.
 */
import type { RowSplit } from "../../data/folds.ts";
import { now } from "../../host.ts";
import type { TypedColumn } from "../columns.ts";
import { metricOf, objectiveOf } from "../metric.ts";
import { inTurns, type Pieces, pause } from "../pieces.ts";
import type { Target } from "../target.ts";
import { applyTemperature, blendLoss, findTemperature, greedyWeights, mix, scoredRows } from "./blend.ts";
import { foldTemperature, trainingWeights } from "./classWeights.ts";
import { type Encoded, encodeFold } from "./encoded.ts";
import { type Bagged, countTrials, heldOutLoss, type Search, searchBags } from "./halving.ts";
import {
  type Learned,
  learnPrior,
  orDispose,
  predictEncoded,
  priorOf,
  rangeOf,
  type TableNetwork,
  within,
} from "./learned.ts";
import { type Bag, type InputScaling, type Member, relu, type Shape } from "./members.ts";
import { OutOfFold } from "./outOfFold.ts";
import { learnQuantiles } from "./quantiles.ts";
import { type ScoreSoFar, watchNetworks } from "./scoreSoFar.ts";
import { type Sensitivity, scaleBySensitivity, sensitivities, variancesOf } from "./sensitivity.ts";
import { type Planned, type StageRows, type Trained, type TrainOptions, trainStage } from "./train.ts";

/** How far the training of a target has come. */
interface Learning {
  readonly finished: number;
  readonly total: number;
  readonly score?: ScoreSoFar | undefined;
}

/** How to learn. */
export interface LearnOptions extends Omit<TrainOptions, "onProgress" | "watch"> {
  readonly bags: readonly Bag[];
  readonly folds: readonly RowSplit[];
  readonly seed: number;
  readonly onProgress: ((progress: Learning) => void) | undefined;
  /** The weight of each row of the table. */
  readonly weights: Float64Array | undefined;
  /** Whether the threshold between two classes is tuned afterwards. */
  readonly isTuned?: boolean | undefined;
  /** What is tried beside the bags; what reaches the last round is blended with them. */
  readonly search?: Search | undefined;
  /**
   * Trains the networks further, before they are blended, until a time of the clock. It gets half of the
   * time, and what the training before has left.
   */
  readonly afterwards?:
    | ((
        trained: readonly Trained[],
        encoded: readonly Encoded[],
        target: Target,
        until: number,
      ) => Promise<unknown>)
    | undefined;
}

/** A seed for each network, so that bags of another size begin with the same networks. */
const seedOf = (seed: number, bag: number, network: number) =>
  (seed + 1_000_003 * (bag + 1) + 7919 * network) % 2 ** 53;

const networksOf = (bags: readonly Bag[]) => bags.reduce((sum, { networks }) => sum + networks, 0);

/** The networks of the portfolio and of the search. */
const countWhole = ({ bags, search }: Pick<LearnOptions, "bags" | "search">) =>
  networksOf(bags) + (search === undefined ? 0 : countTrials(search.members.length, search.networks));

/**
 * The networks that `learn` trains for a target: of the portfolio and the search, and of each quantile one
 * for each fold.
 */
export function countNetworks(
  { description }: Target,
  options: Pick<LearnOptions, "bags" | "search">,
  folds: number,
): number {
  if (folds === 0) return 0;
  const whole = countWhole(options);
  return whole + Math.min(whole, folds) * (description.quantiles?.length ?? 0);
}

/** Learns a target from typed columns. */
export async function learn(
  columns: ReadonlyMap<string, TypedColumn>,
  target: Target,
  options: LearnOptions,
): Promise<Learned> {
  const { folds, weights } = options;
  const begun = now();
  const learned = trainingWeights(target, weights);
  const all: Encoded[] = [];
  for (const split of folds) {
    options.signal?.throwIfAborted();
    all.push(await inTurns(encodeFold(split, columns, target, learned)));
  }
  const encoded = all.filter(({ preparation }) => preparation.inputs > 0);
  if (encoded.length === 0) return learnPrior(target, weights);
  const { quantiles = [] } = target.description;
  const whole = countWhole(options);
  const each = Math.min(whole, encoded.length);
  const more = each * quantiles.length;
  const { seconds, stop, onProgress, afterwards } = options;
  const left = () => seconds && Math.max(1e-3, seconds - (now() - begun) / 1000);
  const own = left();
  const until = own === undefined ? Number.POSITIVE_INFINITY : now() + (1000 * own * whole) / (whole + more);
  const share = afterwards === undefined ? 1 : 0.5;
  const { trained, bags } = await trainBags(encoded, target, {
    ...options,
    seconds: own && (share * own * whole) / (whole + more),
    onProgress: onProgress && ((learning) => onProgress({ ...learning, total: learning.total + more })),
  });
  const blended = await orDispose(trained, async () => {
    if (!stop?.aborted) await afterwards?.(trained, encoded, target, until);
    return blend(trained, encoded, target, { ...options, bags });
  });
  if (more === 0) return blended;
  return orDispose(blended.networks, () =>
    learnQuantiles(blended, encoded, target, {
      ...options,
      networks: each,
      seconds: left(),
      onProgress:
        onProgress && (({ finished }) => onProgress({ finished: whole + finished, total: whole + more })),
    }),
  );
}

/** Trains the bags of both stages, and then those of the search. Returns all bags that are left. */
async function trainBags(
  encoded: readonly Encoded[],
  target: Target,
  options: LearnOptions,
): Promise<Bagged> {
  const { bags, search, seed, seconds, stop, onProgress } = options;
  const { task, classes = [] } = target.description;
  const outputs = task === "classification" ? classes.length : 1;
  const shapeOf = (fold: number): Shape => {
    const { inputs, lookups } = encoded[fold].preparation;
    return { inputs, lookups, outputs, task };
  };
  const plan = (member: Member, bag: number, network: number): Planned => {
    return { member, bag, fold: network % encoded.length, seed: seedOf(seed, bag, network) };
  };
  const planned = bags.flatMap(({ member, networks }, bag) =>
    Array.from({ length: networks }, (_, network) => plan(member, bag, network)),
  );
  const total = countWhole(options);
  const watch = onProgress && watchNetworks(target, encoded, options);
  const begun = now();
  const isOver = () => stop?.aborted === true || (seconds !== undefined && now() - begun > 1000 * seconds);
  /** Trains some of the networks; those of a fold whose inputs are scaled alike share their rows. */
  const train = (stage: readonly Planned[], before: number, sensitivity: readonly Sensitivity[]) => {
    const left = seconds === undefined ? undefined : Math.max(1e-3, seconds - (now() - begun) / 1000);
    const tell =
      onProgress &&
      ((one: { finished: number }) =>
        onProgress({ finished: before + one.finished, total, score: watch?.score() }));
    const known = new Map<string, StageRows>();
    const rowsOf = ({ member: { inputs }, fold }: Planned): StageRows => {
      const key = `${fold} ${JSON.stringify(inputs)}`;
      const scales = () => inputs && scalesOf(encoded[fold], inputs, sensitivity[fold]);
      const rows = known.get(key) ?? { ...encoded[fold], scales: scales() };
      known.set(key, rows);
      return rows;
    };
    return trainStage(stage, rowsOf, shapeOf, { ...options, seconds: left, onProgress: tell, watch });
  };
  const isSecond = ({ member }: Planned) => member.inputs?.sensitivity !== undefined;
  const first = planned.filter((one) => !isSecond(one));
  const second = planned.filter(isSecond);
  const trained = await train(first, 0, []);
  if (second.length === 0 || isOver()) return { trained, bags };
  return orDispose(trained, async () => {
    const sensitivity: Sensitivity[] = [];
    for (const [number, fold] of encoded.entries()) {
      const own = trained.filter((one) => one.fold === number && one.member === relu);
      sensitivity.push(await inTurns(sensitivityOf(fold, own, task === "classification")));
    }
    trained.push(...(await train(second, first.length, sensitivity)));
    if (search === undefined) return { trained, bags };
    const weights = trainingWeights(target, options.weights);
    const used = (now() - begun) / 1000;
    let finished = planned.length;
    return searchBags(
      search,
      { trained, bags },
      {
        // As many as the time that is left is enough for.
        most: seconds === undefined ? undefined : (planned.length * (seconds - used)) / used,
        train: (kinds, round) => {
          const stage = kinds.map((kind) => plan(search.members[kind], bags.length + kind, round));
          finished += stage.length;
          return train(stage, finished - stage.length, sensitivity);
        },
        measure: (one) => heldOutLoss(one, encoded[one.fold], target, weights),
        isOver,
      },
    );
  });
}

/** The factors of a fold's inputs for a kind of networks. */
function scalesOf(
  { preparation }: Encoded,
  { piecewiseLinear = 1, sensitivity: power, gain = 1 }: InputScaling,
  sensitivity: Sensitivity | undefined,
): Float32Array<ArrayBuffer> {
  const { inputs, groups, encoders } = preparation;
  const scales = new Float32Array(inputs).fill(1);
  for (const { type, at, width } of encoders) {
    if (type === "lookup") continue;
    scales.fill(gain * (type === "piecewiseLinear" ? piecewiseLinear : 1), at, at + width);
  }
  if (power !== undefined && sensitivity !== undefined)
    scaleBySensitivity(scales, groups, sensitivity, power);
  return scales;
}

/** The mean sensitivity of a fold's networks to each column. */
function* sensitivityOf(
  { preparation, training }: Encoded,
  networks: readonly Trained[],
  isClassification: boolean,
): Pieces<Sensitivity> {
  const { groups, inputs } = preparation;
  const sum = new Float64Array(groups.length);
  for (const { model } of networks) {
    const found = yield* sensitivities(model, training.x, groups, isClassification);
    const mean = found.reduce((a, b) => a + b, 0) / groups.length;
    // Each network counts alike, however far apart its outputs are.
    if (mean > 0) for (const [at, value] of found.entries()) sum[at] += value / mean;
  }
  return { ofColumns: sum, variances: yield* variancesOf(training.x, inputs) };
}

/** Blends the bags by their predictions of rows that they did not learn from. */
async function blend(
  trained: readonly Trained[],
  encoded: readonly Encoded[],
  target: Target,
  { bags, weights, isTuned = false }: LearnOptions,
): Promise<Learned> {
  const { task, classes = [], classWeights, metric } = target.description;
  const isClassification = task === "classification";
  const outputs = isClassification ? classes.length : 1;
  const range = rangeOf(target);
  const size = target.values.length;
  const learned = trainingWeights(target, weights);
  const found = bags.map(() => new OutOfFold(size, outputs));
  const base = new OutOfFold(size, outputs);
  for (const { split } of encoded) {
    await pause();
    const prior = priorOf(target, split.training, weights);
    base.add(split.heldOut, (at) => prior[at % outputs]);
  }
  const networks: (Trained & TableNetwork)[] = [];
  for (const one of trained) {
    const { heldOut, split } = encoded[one.fold];
    const predict = () =>
      inTurns(predictEncoded(one.model, heldOut.x, encoded[one.fold], range, isClassification));
    if (isClassification) {
      const temperature = await inTurns(
        findTemperature(await predict(), scoredRows(target, split.heldOut, learned)),
      );
      foldTemperature(one.model, temperature, classWeights);
    }
    const predictions = await predict();
    found[one.bag].add(split.heldOut, (at) => predictions[at]);
    networks.push({ ...one, part: one.fold });
  }
  const alive = bags.map((_, bag) => bag).filter((bag) => trained.some((one) => one.bag === bag));
  // Rows that every bag has predicted.
  const rows = target.rows.filter((row) => base.has(row) && alive.every((bag) => found[bag].has(row)));
  const plain = scoredRows(target, rows, weights);
  const objective = objectiveOf(target.description, isTuned, plain.targets, plain.weights);
  const scored = { ...plain, objective };
  const candidates = [...alive.map((bag) => found[bag].of(rows)), base.of(rows)];
  const shares = await inTurns(greedyWeights(candidates, scored));
  const mixed = mix(candidates, shares);
  // The shares add up to 1 but for their last bits.
  const predictions = isClassification ? mixed : mixed.map((value) => within(range, value));
  const temperature = isClassification ? await inTurns(findTemperature(predictions, scored)) : 1;
  applyTemperature(predictions, outputs, temperature);
  const isSmaller = metric !== undefined && metricOf(metric, target.description).smallerIsBetter;
  const scoreOf = (value: number) =>
    value === Number.POSITIVE_INFINITY ? Number.NaN : isSmaller ? value : -value;
  const used = networks.filter(({ bag }) => shares[alive.indexOf(bag)] > 0);
  for (const one of networks) if (!used.includes(one)) one.model.dispose();
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
        ...(objective && metric && { score: at < 0 ? Number.NaN : scoreOf(objective(candidates[at])) }),
      };
    }),
    prior: priorOf(target, target.rows, weights),
    priorWeight: shares[alive.length],
    temperature,
    range,
    outOfFold: { rows, predictions },
  };
}
