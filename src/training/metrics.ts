/** A model's metrics: made of its configuration, measured of predictions, and watched by name. */
import { OptionError } from "../errors.ts";
import type { Metric, MetricEntry } from "../metrics/metric.ts";
import * as table from "../metrics/table.ts";
import type { Meaning } from "../nn/losses/loss.ts";
import { type Complete, create, type Table, unknownName } from "../options.ts";
import { meantBy } from "../synonyms.ts";
import { validationName } from "./history.ts";

/** All that a model can measure besides its loss. */
const METRICS = Object.keys(table);

/** A metric of one model. */
export interface NamedMetric {
  /** Its word in the table. */
  readonly name: string;
  readonly metric: Metric;
}

/** The measures of a model whose loss means this and that has so many outputs. */
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

/** What each epoch of such a training has besides what all have. */
export function metricNames(metrics: readonly NamedMetric[], validates: boolean): string[] {
  const names = metrics.map(({ name }) => name);
  return validates ? [...names, ...["loss", ...names].map(validationName)] : names;
}

/**
 * Refuses names of what is not measured in a training, with how to have it measured; null stands for what it watches
 * by default.
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

/** Whether the monitored figure is better when it is larger. */
export function largerIsBetter(monitor: string, metrics: readonly NamedMetric[]): boolean {
  const named = metrics.find(({ name }) => name === monitor || validationName(name) === monitor);
  return named !== undefined && named.metric.smallerIsBetter !== true;
}
