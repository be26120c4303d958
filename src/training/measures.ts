/** A model's metrics: made of its configuration, measured of predictions, and watched by name. */
import { OptionError } from "../errors.ts";
import type { Figure, Metric } from "../metrics/metric.ts";
import * as metrics from "../metrics/table.ts";
import type { Meaning } from "../nn/losses/loss.ts";
import { type Complete, create, type Table, unknownName } from "../options.ts";
import { meantBy } from "../synonyms.ts";
import { validationName } from "./history.ts";

/** All that a model can measure besides its loss. */
const METRICS = Object.keys(metrics);

/** A metric of one model. */
export interface Measure {
  /** Its word in the table. */
  readonly name: string;
  readonly figure: Figure;
}

/** The measures of a model whose loss means this and that has so many outputs. */
export function createMeasures(
  configurations: readonly Complete[],
  meaning: Meaning,
  outputs: number,
): readonly Measure[] {
  return configurations.map((configuration) => ({
    name: configuration.type,
    figure: create("metric", metrics as Table<Metric>, configuration)({ ...meaning, outputs }),
  }));
}

/** What each epoch of such a training has besides what all have. */
export function measuredNames(measures: readonly Measure[], validates: boolean): string[] {
  const names = measures.map(({ name }) => name);
  return validates ? [...names, ...["loss", ...names].map(validationName)] : names;
}

/**
 * Refuses names of what is not measured in a training, with how to have it measured; null stands for what it watches
 * by default.
 */
export function checkMonitors(
  place: string,
  monitors: readonly (string | null)[],
  measures: readonly Measure[],
  measured: readonly string[],
): void {
  const known = ["loss", ...measured];
  const possible = measuredNames(measures, true);
  const all = [...possible, ...METRICS, ...METRICS.map(validationName)];
  for (const name of monitors) {
    if (name === null || known.includes(name)) continue;
    if (meantBy(name, known).length > 0) throw unknownName(place, "measure", name, known);
    const meant = all.includes(name) ? name : meantBy(name, all)[0];
    if (possible.includes(meant)) {
      throw new OptionError(
        `${place}: ${meant} is measured with validationData or validationSplit, and neither is given`,
      );
    }
    const metric = METRICS.find((entry) => meant === entry || meant === validationName(entry));
    if (metric === undefined) throw unknownName(place, "measure", name, known);
    throw new OptionError(`${place}: ${meant} is not measured; add ${metric} to the model's metrics`);
  }
}

/** Whether the monitored figure is better when it is larger. */
export function isScore(monitor: string, measures: readonly Measure[]): boolean {
  const of = measures.find(({ name }) => name === monitor || validationName(name) === monitor);
  return of !== undefined && of.figure.smallerIsBetter !== true;
}
