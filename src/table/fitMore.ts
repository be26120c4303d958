/** fitMore: a table model that has also learned from new rows. */

import { DataError, show } from "../errors.ts";
import type { Model } from "../model.ts";
import { checkNames, readSize, refuse } from "../options.ts";
import { earlyStopping } from "../training/callbacks/earlyStopping.ts";
import { readFitOptions } from "../training/options.ts";
import { type ModelTraining, trainTogether } from "../training/trainMany.ts";
import { outputsOf, pick, TargetPredictor } from "./answering.ts";
import { readTable, writeTable } from "./bytes.ts";
import type { TypedColumn } from "./columns.ts";
import { dealRows } from "./folds.ts";
import { collectFrame, type TableSource } from "./frame.ts";
import { baselineOf } from "./honest.ts";
import { applyTemperature, blendLoss, findTemperature, mix, scoredRows } from "./learner/blend.ts";
import { foldTemperature, repeatByClass, trainingWeights } from "./learner/classWeights.ts";
import { scaledTarget } from "./learner/encoded.ts";
import { disposeNetworks, predictEncoded, priorOf, rangeOf, type TableNetwork } from "./learner/learned.ts";
import { OutOfFold } from "./learner/outOfFold.ts";
import { calibrateQuantiles } from "./learner/quantiles.ts";
import { checkFrame, type ModelChange, recordChecker, type TrainedTarget, usedColumns } from "./parts.ts";
import { inTurns } from "./pieces.ts";
import { pinballLoss } from "./quantiles.ts";
import { RUN_OPTIONS, type RunOptions, readRunOptions } from "./runOptions.ts";
import { scoreTarget } from "./scores.ts";
import { partsOf, TableModel } from "./tableModel.ts";
import { readTargets, type Target } from "./target.ts";
import { typeFrame } from "./typedRows.ts";

/** How to learn from new rows; the seed is by default the model's. */
export interface FitMoreOptions extends RunOptions {
  /** How often to go through the new rows at most; 20 by default. */
  readonly epochs?: number | undefined;
  /** The learning rate of the first epoch, from which it falls to 0; 3e-4 by default. */
  readonly learningRate?: number | undefined;
}

const CALL = "fitMore";
const OPTIONS: readonly (keyof FitMoreOptions)[] = ["epochs", "learningRate", ...RUN_OPTIONS];

const EPOCHS = 20;
const PATIENCE = 5;
const BATCH_SIZE = 64;
const LEARNING_RATE = 3e-4;
const FOLDS = 5;
/** With fewer rows nothing can be held out that tells anything. */
const FEWEST_ROWS = 20;

/** How each network is trained. */
interface Lesson extends ReturnType<typeof readRunOptions> {
  readonly epochs: number;
  readonly learningRate: number;
}

/**
 * Makes a model that has also learned from new rows. Each network continues from its weights, on four fifths
 * of the new rows, and keeps what it learned only if it is better on the last fifth; the old rows are not
 * seen again, so what only they tell fades as far as the networks move. Where all rows fit in memory,
 * `fitTable` with all of them is better.
 *
 * What each column's values are, the encoders, the shares of the networks and a threshold stay as they are: a
 * category that the model does not know stays unknown. Temperature, quantiles, the range of the numbers and
 * the share of each class are found anew, or follow the new rows.
 *
 * `changes` of the result has the scores on the new rows before and afterwards; afterwards each row is
 * predicted by the networks that did not learn from it. The given model stays as it is.
 *
 * @example
 * ```ts
 * const model = await fitTable(rows, { target: "species" });
 * const more = await fitMore(model, otherRows);
 * more.changes.at(-1); // { call: "fitMore", before: { species: { accuracy: 0.91, … } }, after: … }
 * ```
 *
 * @throws OptionError for anything but a table model, or an unknown option; DataError for fewer than 20 rows,
 * rows without one of the model's columns, a class that the model does not have, or a cell that cannot be
 * read as its column's type. The model has not changed then.
 */
export async function fitMore<Reply>(
  model: TableModel<Reply>,
  rows: TableSource,
  options: FitMoreOptions = {},
): Promise<TableModel<Reply>> {
  const old = partsOf(model, CALL);
  checkNames(options, OPTIONS, CALL);
  const { learningRate = LEARNING_RATE } = options;
  if (!(typeof learningRate === "number" && learningRate > 0 && learningRate <= 1))
    throw refuse(`${CALL}: learningRate`, "a number above 0 and at most 1", learningRate);
  const lesson: Lesson = {
    ...{ epochs: readSize(options.epochs ?? EPOCHS, `${CALL}: epochs`), learningRate },
    ...readRunOptions(CALL, options, () => old.seed),
  };
  const frame = await collectFrame(rows, CALL, { signal: lesson.signal });
  const used = usedColumns(old, old.targets);
  checkFrame(recordChecker(old), frame, CALL);
  for (const { name } of [...used, ...model.targets]) {
    if (!frame.cells.has(name))
      throw new DataError(
        `${CALL}: expected the columns of the model, received none named ${show(name)}. Fix: give records with all of its columns, missing values as null`,
      );
  }
  const columns = typeFrame(used, frame, CALL);
  const targets = old.targets.map(({ description }): Target => {
    const values = readNew(description, frame.cells.get(description.name) as ArrayLike<unknown>);
    const known = Uint32Array.from(values.keys()).filter((row) => !Number.isNaN(values[row]));
    if (known.length >= FEWEST_ROWS) return { description, rows: known, values };
    throw new DataError(
      `${CALL}: target ${show(description.name)}: expected at least ${FEWEST_ROWS} rows with a value, received ${known.length}`,
    );
  });
  const parts = readTable(
    writeTable(old, CALL),
    CALL,
    options.kernel === undefined ? {} : { kernel: options.kernel },
  );
  try {
    const learned: Continued[] = [];
    for (const [at, target] of targets.entries()) {
      const before = new TargetPredictor(old.targets[at], used).rows(columns, target.rows);
      learned.push(await continueTarget(parts.targets[at], target, columns, before, old.rows, lesson));
    }
    const by = (read: (one: Continued) => TrainedTarget["scores"]) =>
      Object.fromEntries(targets.map(({ description }, at) => [description.name, read(learned[at])]));
    const change: ModelChange = {
      ...{ call: CALL, rows: frame.rows, scoredRows: Math.min(...learned.map((one) => one.scoredRows)) },
      ...{ before: by(({ before }) => before), after: by(({ target }) => target.scores) },
    };
    return new TableModel<Reply>({
      ...parts,
      targets: learned.map(({ target }) => target),
      rows: parts.rows + frame.rows,
      changes: [...(parts.changes ?? []), change],
    });
  } catch (error) {
    for (const { learned } of parts.targets) disposeNetworks(learned);
    throw error;
  }
}

/** Reads targets; a class that the model does not have is refused, with the reason. */
function readNew(description: Target["description"], cells: ArrayLike<unknown>): Float64Array {
  try {
    return readTargets(description, cells, CALL);
  } catch (error) {
    if (!(error instanceof DataError) || description.classes === undefined) throw error;
    throw new DataError(
      `${error.message}. The networks have one output for each class that they were trained for. Fix: leave out such rows, or call fitTable with all rows`,
    );
  }
}

/** A target that has learned more. */
interface Continued {
  readonly target: TrainedTarget;
  readonly before: TrainedTarget["scores"];
  readonly scoredRows: number;
}

/** A network with the rows of its fold. */
interface Pupil {
  readonly network: TableNetwork;
  readonly fold: number;
  readonly training: { readonly x: Float32Array<ArrayBuffer>; readonly y: Float32Array<ArrayBuffer> };
  readonly heldOut: { readonly x: Float32Array<ArrayBuffer>; readonly y: Float32Array<ArrayBuffer> };
  /** The weights before, as the model had them. */
  readonly weights: ReturnType<Model["getWeights"]>;
}

/** Trains the networks of a target further, and scores it on the new rows. */
async function continueTarget(
  { description, learned, baseline, scores }: TrainedTarget,
  target: Target,
  columns: ReadonlyMap<string, TypedColumn>,
  before: ReturnType<TargetPredictor["rows"]>,
  oldRows: number,
  lesson: Lesson,
): Promise<Continued> {
  const { values, rows } = target;
  const { classWeights, quantiles: levels } = description;
  const isClassification = description.task === "classification";
  const outputs = outputsOf(description);
  const { networks, quantiles } = learned;
  const all = [...networks, ...(quantiles?.networks ?? [])];
  const folds = dealRows(target, { folds: FOLDS, seed: lesson.seed }, CALL);
  const low = rangeOf(target);
  const range = [Math.min(learned.range[0], low[0]), Math.max(learned.range[1], low[1])] as const;
  const weights = trainingWeights(target, undefined);
  // Networks of one part share their fold, so that a bag of five predicts every row.
  const pupils = all.map((network): Pupil => {
    const fold = network.part % folds.length;
    const { preparation, center, scale } = learned.parts[network.part];
    const encode = (taken: Uint32Array) => ({
      x: preparation.encode(columns, taken),
      y: Float32Array.from(taken, (row) => scaledTarget(values[row], center, scale)),
    });
    const { training, heldOut } = folds[fold];
    return {
      ...{ network, fold, training: encode(training), heldOut: encode(heldOut) },
      weights: network.model.getWeights(),
    };
  });
  const take = (taken: Uint32Array, by: Float64Array | undefined) =>
    scoredRows({ description, values }, taken, by);
  // They learn where classes count as their weights say, and answer in the table's probabilities again
  // afterwards.
  const inverse = classWeights?.map((weight) => 1 / weight);
  if (isClassification && inverse !== undefined)
    for (const { model } of networks) foldTemperature(model, 1, inverse);
  const trainings = pupils.map(({ network, fold, training, heldOut }): ModelTraining => {
    const { epochs, learningRate } = lesson;
    const isWeighted = classWeights !== undefined && isClassification;
    const options = readFitOptions(CALL, {
      ...{ epochs, batchSize: BATCH_SIZE, warnings: false },
      validationData: isWeighted ? repeatByClass(heldOut, classWeights) : heldOut,
      callbacks: earlyStopping({ monitor: "validationLoss", patience: PATIENCE }),
      schedule: (epoch: number) => learningRate * (1 - epoch / epochs),
      ...(weights && { sampleWeight: Float32Array.from(folds[fold].training, (row) => weights[row]) }),
    });
    return { model: network.model, examples: training, options };
  });
  if (trainings.length > 0) {
    const { signal, threads } = lesson;
    await trainTogether(CALL, trainings, { signal, threads, onProgress: undefined });
  }
  const found = learned.bags.map(() => new OutOfFold(values.length, outputs));
  const foundQuantiles = (levels ?? []).map(() => new OutOfFold(values.length, 1));
  for (const [at, { network, fold, heldOut, weights: own }] of pupils.entries()) {
    const { model, part, bag } = network;
    const held = folds[fold].heldOut;
    const isLevel = at >= networks.length;
    const predict = () =>
      inTurns(predictEncoded(model, heldOut.x, learned.parts[part], range, isClassification && !isLevel));
    if (isClassification) {
      const found = await inTurns(findTemperature(await predict(), take(held, weights)));
      foldTemperature(model, found, classWeights);
    }
    const scored = take(held, undefined);
    const lossOf = (predictions: Float64Array) =>
      isLevel
        ? pinballLoss(scored.targets, { levels: [levels?.[bag] ?? 0.5], values: predictions })
        : blendLoss(predictions, scored);
    let predictions = await predict();
    const after = lossOf(predictions);
    const moved = model.getWeights();
    model.setWeights(own);
    const unchanged = await predict();
    if (after < lossOf(unchanged)) model.setWeights(moved);
    else predictions = unchanged;
    (isLevel ? foundQuantiles : found)[bag].add(held, (place) => predictions[place]);
  }
  const isUsed = learned.bags.map(({ weight }, bag) => weight > 0 && networks.some((one) => one.bag === bag));
  const kept = rows.filter((row) => found.every((bag, at) => !isUsed[at] || bag.has(row)));
  const scored = take(kept, undefined);
  const prior = new Float64Array(kept.length * outputs);
  for (let at = 0; at < prior.length; at++) prior[at] = learned.prior[at % outputs];
  const candidates = [...found.filter((_, bag) => isUsed[bag]).map((bag) => bag.of(kept)), prior];
  const shares = [
    ...learned.bags.filter((_, bag) => isUsed[bag]).map(({ weight }) => weight),
    learned.priorWeight,
  ];
  const predictions = mix(candidates, shares);
  const temperature = isClassification ? await inTurns(findTemperature(predictions, scored)) : 1;
  applyTemperature(predictions, outputs, temperature);
  const newPrior = priorOf(target, rows, undefined);
  const share = rows.length / (rows.length + oldRows);
  const next = {
    ...{ ...learned, range, temperature },
    prior: learned.prior.map((value, at) => (1 - share) * value + share * newPrior[at]),
    outOfFold: { rows: kept, predictions },
  };
  const raw = foundQuantiles.map((level) =>
    Float64Array.from(kept, (row) => (level.has(row) ? level.of(Uint32Array.of(row))[0] : learned.prior[0])),
  );
  const { outOfFold, ...complete } =
    quantiles === undefined
      ? next
      : { ...next, ...calibrateQuantiles(next, target, raw, quantiles.networks, undefined) };
  const beside = (values: Float64Array | undefined) => levels && values && { quantiles: { levels, values } };
  const places = placesOf(kept, rows);
  const quantilesAfter = "quantiles" in outOfFold ? outOfFold.quantiles?.values : undefined;
  return {
    target: {
      ...{ description, learned: complete },
      baseline: kept.length === 0 ? baseline : baselineOf(description, scored.targets, complete.prior),
      scores:
        kept.length === 0
          ? scores
          : scoreTarget(description, scored.targets, predictions, beside(quantilesAfter)),
    },
    before: scoreTarget(
      description,
      scored.targets,
      pick(before.values, places, outputs),
      beside(before.quantiles && pick(before.quantiles, places, levels?.length ?? 0)),
    ),
    scoredRows: kept.length,
  };
}

/** Where some of the rows are among all of them; both ascending. */
function placesOf(some: Uint32Array, all: Uint32Array): Uint32Array {
  const place = new Map(Array.from(all, (row, at) => [row, at]));
  return some.map((row) => place.get(row) as number);
}
