/** A model's metrics: created from its configuration, and monitored by name. */
import { OptionError } from "../errors.ts";
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
