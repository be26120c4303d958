/** A model's metrics: made of its configuration, and measured of predictions. */
import type { Meaning } from "../losses/loss.ts";
import type { Figure, Metric } from "../metrics/metric.ts";
import * as metrics from "../metrics/table.ts";
import { type Complete, create, type Table } from "../options.ts";

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
