/** Trains the networks of a stage, all in one call. */
import { now } from "../../host.ts";
import type { KernelChoice } from "../../kernel/choose.ts";
import { Model, sessionOf } from "../../model.ts";
import { earlyStopping } from "../../training/callbacks/earlyStopping.ts";
import { readFitOptions } from "../../training/options.ts";
import { type ModelTraining, trainTogether } from "../../training/trainMany.ts";
import { pause } from "../pieces.ts";
import type { Encoded } from "./encoded.ts";
import type { Member, Shape } from "./members.ts";
import type { Watch } from "./scoreSoFar.ts";
import { absorbScales } from "./sensitivity.ts";
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
export interface StageRows extends Pick<Encoded, "training" | "validation" | "weights"> {
  /** The factors that the networks' inputs are multiplied by. */
  readonly scales?: Float32Array<ArrayBuffer> | undefined;
}

/** How to train. */
export interface TrainOptions {
  readonly kernel: KernelChoice | undefined;
  readonly threads: number | undefined;
  readonly signal: AbortSignal | undefined;
  /** Ends the training when it aborts, as if the seconds were over. */
  readonly stop?: AbortSignal | undefined;
  /** The most seconds of the call. */
  readonly seconds: number | undefined;
  /** Called with the networks whose training has ended, and not those that the time or `stop` has ended. */
  readonly onProgress: ((progress: { readonly finished: number }) => void) | undefined;
  /** Measures the networks while they train. */
  readonly watch?: Watch | undefined;
}

function begin({ member, seed }: Planned, rows: StageRows, shape: Shape, kernel: KernelChoice | undefined) {
  const { training, validation, weights, scales } = rows;
  const model = new Model({ ...member.architecture(shape), seed, ...(kernel && { kernel }) });
  if (member.startFromData) startFromData(model, training.x, scales);
  const { epochs, batchSize, patience, rate } = member.fit(shape, training.y.length);
  const options = readFitOptions("fitTable", {
    epochs,
    batchSize,
    ...(patience !== undefined && {
      validationData: validation,
      callbacks: earlyStopping({ monitor: "validationLoss", patience }),
    }),
    warnings: false,
    ...(rate && { schedule: (epoch: number) => rate((epoch + 0.5) / epochs) }),
    sampleWeight: weights,
  });
  return { model, examples: training, options: { ...options, inputScales: scales } } satisfies ModelTraining;
}

/**
 * Trains networks, each on the rows of its fold; they then take rows that are not scaled. What has learned
 * nothing, because it diverged in its first epoch or the time was over before its first step, is left out.
 */
export async function trainStage(
  planned: readonly Planned[],
  rowsOf: (planned: Planned) => StageRows,
  shapeOf: (fold: number) => Shape,
  { kernel, threads, signal, stop, seconds, onProgress, watch }: TrainOptions,
): Promise<Trained[]> {
  if (stop?.aborted) return [];
  const models: Model[] = [];
  try {
    const rows: StageRows[] = [];
    const trainings: ModelTraining[] = [];
    for (const one of planned) {
      await pause();
      signal?.throwIfAborted();
      const own = rowsOf(one);
      const training = begin(one, own, shapeOf(one.fold), kernel);
      models.push(training.model);
      watch?.add(one, training.model, own);
      rows.push(own);
      trainings.push(training);
    }
    const budget = seconds === undefined ? {} : { budget: { seconds } };
    const until = seconds === undefined ? Number.POSITIVE_INFINITY : now() + 1000 * seconds;
    const tell = (progress: { readonly finished: number }) => {
      // What ends now is cut off; that all have ended is told below.
      if (stop?.aborted || now() >= until || progress.finished === planned.length) return;
      watch?.measure();
      onProgress?.(progress);
    };
    const histories = await trainTogether("fitTable", trainings, {
      ...{ signal, stop, threads, takesTurns: true, ...budget },
      onProgress: onProgress && tell,
    });
    await watch?.end();
    onProgress?.({ finished: histories.filter(({ ended }) => ended !== "budget").length });
    return planned.flatMap((one, at) => {
      const model = models[at];
      const { loss, error } = histories[at];
      const hasSteps = error === undefined && sessionOf(model, "fitTable").position.steps > 0;
      if (hasSteps || loss.some(Number.isFinite)) {
        const { scales } = rows[at];
        if (scales !== undefined) absorbScales(model, scales);
        return [{ ...one, model }];
      }
      model.dispose();
      return [];
    });
  } catch (error) {
    for (const model of models) model.dispose();
    throw error;
  }
}
