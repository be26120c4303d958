/** What is measured of the epochs of a training, from what a call of the kernel returns. */
import type { Progress } from "../kernel/kernel.ts";
import type { Loaded } from "./data.ts";
import type { NamedMetric } from "./metrics.ts";

/** Measures the metrics and the validation of one training. */
export class EpochMetrics {
  readonly #loaded: Loaded;
  readonly #metrics: readonly NamedMetric[];
  readonly #outputs: number;

  constructor(loaded: Loaded, metrics: readonly NamedMetric[], outputs: number) {
    this.#loaded = loaded;
    this.#metrics = metrics;
    this.#outputs = outputs;
  }

  /** Of one epoch of a run, in the order of `measuredNames`. */
  of(progress: Progress, epoch: number): number[] {
    const { validation, targets: trained, data } = this.#loaded;
    const { predictions, validationPredictions, validationLosses } = progress;
    const figures = this.#figures(predictions, trained, data.rows, epoch);
    if (validation === undefined) return figures;
    const { targets, rows } = validation;
    const validated = this.#figures(validationPredictions, targets, rows, epoch);
    return [...figures, validationLosses?.[epoch] ?? Number.NaN, ...validated];
  }

  #figures(
    predictions: Float32Array | null | undefined,
    targets: Float32Array | undefined,
    rows: number,
    epoch: number,
  ): number[] {
    if (!predictions || targets === undefined) return [];
    const length = rows * this.#outputs;
    const ofEpoch = predictions.subarray(epoch * length, (epoch + 1) * length);
    return this.#metrics.map(({ metric }) => metric.value(ofEpoch, targets, rows));
  }
}
