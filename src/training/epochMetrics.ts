/** The metrics of each epoch, from what a call of the kernel returns. */
import type { Progress } from "../kernel/kernel.ts";
import type { Loaded } from "./data.ts";
import { measuresOf, type NamedMetric, valuesOf } from "./metrics.ts";

/** Returns the metrics of a training and of its validation. */
export class EpochMetrics {
  readonly #loaded: Loaded;
  readonly #metrics: readonly NamedMetric[];
  readonly #outputs: number;
  /** The number of measures of an epoch. */
  readonly #measures: number;

  constructor(loaded: Loaded, metrics: readonly NamedMetric[], outputs: number) {
    this.#loaded = loaded;
    this.#metrics = metrics;
    this.#outputs = outputs;
    this.#measures = measuresOf(metrics).length;
  }

  /** Returns the values of one epoch of a run, in the order of `metricNames`. */
  of(progress: Progress, epoch: number): number[] {
    const { validation, targets: trained, data } = this.#loaded;
    const { measures, predictions, validationMeasures, validationPredictions, validationLosses } = progress;
    const values = this.#values(measures, predictions, trained, data.rows, epoch);
    if (validation === undefined) return values;
    const { targets, rows } = validation;
    const validated = this.#values(validationMeasures, validationPredictions, targets, rows, epoch);
    return [...values, validationLosses?.[epoch] ?? Number.NaN, ...validated];
  }

  #values(
    measures: Float64Array | null | undefined,
    predictions: Float32Array | null | undefined,
    targets: Float32Array | undefined,
    rows: number,
    epoch: number,
  ): number[] {
    const ofEpoch = <Values extends Float32Array | Float64Array>(
      values: Values | null | undefined,
      length: number,
    ) => values?.subarray(epoch * length, (epoch + 1) * length) as Values | undefined;
    return valuesOf(this.#metrics, {
      measures: ofEpoch(measures, this.#measures),
      predictions: ofEpoch(predictions, rows * this.#outputs),
      targets,
      rows,
    });
  }
}
