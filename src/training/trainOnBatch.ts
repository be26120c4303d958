/** trainOnBatch: one update from the given rows, for online learning */
import type { Examples } from "../data/examples.ts";
import { DivergenceError } from "../errors.ts";
import type { Progress } from "../kernel/kernel.ts";
import { learningRate } from "../nn/optimizers/optimizer.ts";
import { checkNames } from "../options.ts";
import { DIVERGED, divergenceAdvice } from "./advice.ts";
import { needPredictions, valuesOf } from "./metrics.ts";
import { type FitOptions, readFitOptions } from "./options.ts";
import type { Evaluation, Session } from "./session.ts";
import { startOfNextEpoch } from "./trainableModel.ts";
import { warnOfSingleRows } from "./warnings/before.ts";

/** The options of one update. */
export interface TrainOnBatchOptions extends Pick<FitOptions, "sampleWeight" | "classWeight"> {
  /** The learning rate of this update, at least 0; by default the optimizer's. */
  readonly learningRate?: number | undefined;
}

const CALL = "trainOnBatch";
const NAMES: readonly (keyof TrainOnBatchOptions)[] = ["sampleWeight", "classWeight", "learningRate"];
const WITHOUT_WEIGHTS = readFitOptions(CALL, { warnings: false });

/** Returns the loss and the metrics of the predictions before the update. */
function evaluationOf({ metrics }: Session, targets: Float32Array, rows: number, done: Progress): Evaluation {
  const { losses, measures, predictions } = done;
  const measured = { measures: measures ?? undefined, predictions: predictions ?? undefined, targets, rows };
  const values = valuesOf(metrics, measured);
  const result: { loss: number; [name: string]: number } = { loss: losses[0] };
  for (const [index, { name }] of metrics.entries()) result[name] = values[index];
  return result;
}

/**
 * Takes one update from all rows as one batch: see `Model.trainOnBatch`. To the kernel this is an epoch of
 * one step, so that the parameters at its end are published, or restored after a divergence. The model's
 * epochs do not count it: the order of rows in the next training does not change.
 */
export function trainOnBatch(session: Session, examples: Examples, given?: TrainOnBatchOptions): Evaluation {
  const network = session.useAlone(CALL);
  let [options, rate] = [WITHOUT_WEIGHTS, session.configuration.optimizer.learningRate];
  if (given !== undefined) {
    checkNames(given, NAMES, CALL);
    const { sampleWeight, classWeight } = given;
    options = { ...WITHOUT_WEIGHTS, sampleWeight, classWeight };
    rate = learningRate(rate).read(given.learningRate ?? rate, `${CALL}: learningRate`);
  }
  const { data, weights } = session.readTraining(CALL, examples, options);
  session.checkRows(CALL, data.rows, true);
  if (data.rows === 1 && session.position.steps === 0) {
    warnOfSingleRows(CALL, session.configuration, 1, 1, [session]);
  }
  const { epoch, steps } = startOfNextEpoch(session.position);
  const rows = weights === undefined ? data : { ...data, weights };
  const done = network.train(rows, {
    from: { epoch, step: 0, steps, loss: 0 },
    steps: 1,
    batchSize: data.rows,
    accumulate: 1,
    seed: session.seed,
    shuffle: false,
    learningRates: Float64Array.of(rate),
    predictions: needPredictions(session.metrics),
  });
  if (done.diverged) {
    const advice = divergenceAdvice(session, { data }, rate);
    const text = `${CALL}: update ${steps}: ${DIVERGED}; ${advice}. The weights are those before the call.`;
    throw new DivergenceError(text, epoch, 0);
  }
  session.commit({ epoch, step: 0, steps: steps + 1, loss: 0 });
  return evaluationOf(session, data.y, data.rows, done);
}
