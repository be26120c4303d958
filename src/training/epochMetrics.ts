/** The metrics of each epoch, computed from what a call of the kernel returns. */
import type { Progress } from "../kernel/kernel.ts";
import type { Loaded } from "./data.ts";
import type { NamedMetric } from "./metrics.ts";

/** Computes the metrics of a training and of its validation. */
export class EpochMetrics {
  readonly #loaded: Loaded;
  readonly #metrics: readonly NamedMetric[];
  readonly #outputs: number;

  constructor(loaded: Loaded, metrics: readonly NamedMetric[], outputs: number) {
    this.#loaded = loaded;
    this.#metrics = metrics;
    this.#outputs = outputs;
  }

  /** Returns the values of one epoch of a run, in the order of `metricNames`. */
  of(progress: Progress, epoch: number): number[] {
    const { validation, targets: trained, data } = this.#loaded;
    const { predictions, validationPredictions, validationLosses } = progress;
    const values = this.#values(predictions, trained, data.rows, epoch);
    if (validation === undefined) return values;
    const { targets, rows } = validation;
    const validated = this.#values(validationPredictions, targets, rows, epoch);
    return [...values, validationLosses?.[epoch] ?? Number.NaN, ...validated];
  }

  #values(
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
