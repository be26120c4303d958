/** Trains the networks of a stage, all in one call. */
import type { KernelChoice } from "../../kernel/choose.ts";
import { Model } from "../../model.ts";
import { earlyStopping } from "../../training/callbacks/earlyStopping.ts";
import { readFitOptions } from "../../training/options.ts";
import { type ModelTraining, trainTogether } from "../../training/trainMany.ts";
import type { Encoded, Rows } from "./encoded.ts";
import type { Member, Shape } from "./members.ts";
import { startFromData } from "./start.ts";

/** A network that is to be trained on a fold. */
export interface Planned {
  readonly member: Member;
  readonly bag: number;
  /** The number of its fold. */
  readonly fold: number;
  readonly seed: number;
}

/** A trained network. */
export interface Trained extends Planned {
  readonly model: Model;
}

/** The rows of a fold as the networks of a stage take them. */
export interface StageRows {
  readonly training: Rows;
  readonly validation: Rows;
  readonly weights: Float32Array<ArrayBuffer> | undefined;
}

/** How to train. */
export interface TrainOptions {
  readonly kernel: KernelChoice | undefined;
  readonly threads: number | undefined;
  readonly signal: AbortSignal | undefined;
  /** The most seconds of the call. */
  readonly seconds: number | undefined;
  readonly onProgress: ((progress: { readonly finished: number }) => void) | undefined;
}

function begin({ member, seed }: Planned, rows: StageRows, shape: Shape, kernel: KernelChoice | undefined) {
  const { training, validation, weights } = rows;
  const model = new Model({ ...member.architecture(shape), seed, ...(kernel && { kernel }) });
  if (member.startFromData) startFromData(model, training.x);
  const { epochs, batchSize, patience, rate } = member.fit(shape, training.y.length);
  const options = readFitOptions("fitTable", {
    epochs,
    batchSize,
    validationData: validation,
    callbacks: earlyStopping({ monitor: "validationLoss", patience }),
    warnings: false,
    ...(rate && { schedule: (epoch: number) => rate((epoch + 0.5) / epochs) }),
    ...(weights && { sampleWeight: weights }),
  });
  return { model, examples: training, options } satisfies ModelTraining;
}

/**
 * Trains networks, each on the rows of its fold. What has learned nothing, because it diverged in its first epoch or
 * the time was over, is left out.
 */
export async function trainStage(
  planned: readonly Planned[],
  rows: readonly StageRows[],
  shapeOf: (fold: number) => Shape,
  { kernel, threads, signal, seconds, onProgress }: TrainOptions,
): Promise<Trained[]> {
  const models: Model[] = [];
  try {
    const trainings = planned.map((one) => {
      const training = begin(one, rows[one.fold], shapeOf(one.fold), kernel);
      models.push(training.model);
      return training;
    });
    const budget = seconds === undefined ? {} : { budget: { seconds } };
    const histories = await trainTogether("fitTable", trainings, { signal, threads, onProgress, ...budget });
    return planned.flatMap((one, at) => {
      if (histories[at].validationLoss?.some(Number.isFinite)) return [{ ...one, model: models[at] }];
      models[at].dispose();
      return [];
    });
  } catch (error) {
    for (const model of models) model.dispose();
    throw error;
  }
}

/** The rows of a fold as they are. */
export const stageRows = ({ training, heldOut, weights }: Encoded): StageRows => ({
  training,
  validation: heldOut,
  weights,
});
