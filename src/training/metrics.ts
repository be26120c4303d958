/** A model's metrics: created from its configuration, and monitored by name. */
import { OptionError } from "../errors.ts";
import type { EarlyStopping } from "../kernel/kernel.ts";
import type { Metric, MetricEntry } from "../metrics/metric.ts";
import * as table from "../metrics/table.ts";
import type { Meaning } from "../nn/losses/loss.ts";
import { type Complete, create, type Table, unknownName } from "../options.ts";
import { meantBy } from "../synonyms.ts";
import { validationName } from "./history.ts";

/** The names of all metrics. */
const METRICS = Object.keys(table);

/** A metric of one model. */
export interface NamedMetric {
  /** The name of its entry in the table. */
  readonly name: string;
  readonly metric: Metric;
}

/** Creates the metrics of a model; `meaning` is what targets and predictions are to its loss. */
export function createMetrics(
  configurations: readonly Complete[],
  meaning: Meaning,
  outputs: number,
): readonly NamedMetric[] {
  return configurations.map((configuration) => ({
    name: configuration.type,
    metric: create("metric", table as Table<MetricEntry>, configuration)({ ...meaning, outputs }),
  }));
}

/** Returns the measures of the metrics that have one, in the order of the metrics. */
export function measuresOf(metrics: readonly NamedMetric[]): Complete[] {
  return metrics.flatMap(({ metric }) => metric.measure ?? []);
}

/** Returns whether the kernel has to return predictions: a metric has no measure. */
export function needPredictions(metrics: readonly NamedMetric[]): boolean {
  return metrics.some(({ metric }) => metric.measure === undefined);
}

/** The results of a run of one epoch, or of its validation. */
export interface Measured {
  /** The measures of the metrics that have one. */
  readonly measures: Float64Array | undefined;
  readonly predictions: Float32Array | undefined;
  /** The targets of the predictions. */
  readonly targets: Float32Array | undefined;
  readonly rows: number;
}

/** Returns the value of each metric: a measure, or computed from predictions. */
export function valuesOf(
  metrics: readonly NamedMetric[],
  { measures, predictions, targets, rows }: Measured,
): number[] {
  let measured = 0;
  return metrics.map(({ metric }) => {
    if (metric.measure !== undefined) return measures?.[measured++] ?? Number.NaN;
    return predictions && targets ? metric.value(predictions, targets, rows) : Number.NaN;
  });
}

/** Returns what a kernel watches for a monitor, if it computes it: the loss, or a measure by its index. */
export function watchedInKernel(
  monitor: string,
  metrics: readonly NamedMetric[],
): Pick<EarlyStopping, "validation" | "measure"> | undefined {
  if (monitor === "loss") return { validation: false };
  if (monitor === validationName("loss")) return { validation: true };
  const measured = metrics.filter(({ metric }) => metric.measure !== undefined);
  const measure = measured.findIndex(({ name }) => name === monitor || validationName(name) === monitor);
  return measure < 0 ? undefined : { validation: measured[measure].name !== monitor, measure };
}

/** Returns the names of the values that each epoch has besides those of every training. */
export function metricNames(metrics: readonly NamedMetric[], validates: boolean): string[] {
  const names = metrics.map(({ name }) => name);
  return validates ? [...names, ...["loss", ...names].map(validationName)] : names;
}

/**
 * Refuses monitors that a training does not measure, and says how to have them measured. Null is the default
 * monitor.
 */
export function checkMonitors(
  place: string,
  monitors: readonly (string | null)[],
  metrics: readonly NamedMetric[],
  measured: readonly string[],
): void {
  const known = ["loss", ...measured];
  const possible = metricNames(metrics, true);
  const all = [...possible, ...METRICS, ...METRICS.map(validationName)];
  for (const name of monitors) {
    if (name === null || known.includes(name)) continue;
    if (meantBy(name, known).length > 0) throw unknownName(place, "metric", name, known);
    const meant = all.includes(name) ? name : meantBy(name, all)[0];
    if (possible.includes(meant)) {
      throw new OptionError(
        `${place}: ${meant} is measured with validationData or validationSplit, and neither is given`,
      );
    }
    const metric = METRICS.find((entry) => meant === entry || meant === validationName(entry));
    if (metric === undefined) throw unknownName(place, "metric", name, known);
    throw new OptionError(`${place}: ${meant} is not measured; add ${metric} to the model's metrics`);
  }
}

/** Returns whether a larger value of the monitor is better. */
export function largerIsBetter(monitor: string, metrics: readonly NamedMetric[]): boolean {
  const named = metrics.find(({ name }) => name === monitor || validationName(name) === monitor);
  return named !== undefined && named.metric.smallerIsBetter !== true;
}
