/** The tables in the reference, each with a function that draws its entries, if there is one. */

import * as metrics from "../../src/metrics/table.ts";
import * as activations from "../../src/nn/activations.ts";
import * as initializers from "../../src/nn/initializers.ts";
import { layers } from "../../src/nn/layers.ts";
import * as losses from "../../src/nn/losses.ts";
import * as optimizers from "../../src/nn/optimizers.ts";
import * as schedules from "../../src/nn/schedules.ts";
import type { AnyEntry, Table } from "../../src/options.ts";
import * as strategies from "../../src/selection/search/strategies.ts";
import { activationCurve, type Picture, scheduleCurve } from "./curves.ts";

/** A table as users see it. */
export interface Shown {
  readonly title: string;
  /** The namespace that exports the entries, if the package does not export them directly. */
  readonly namespace?: string;
  readonly entries: readonly AnyEntry<unknown>[];
  picture?(entry: AnyEntry<unknown>): Picture;
}

const shown = <Made>(
  title: string,
  table: object,
  more: { namespace?: string; picture?: (entry: AnyEntry<Made>) => Picture } = {},
): Shown => ({ title, entries: Object.values(table as Table<unknown>), ...(more as object) });

const ownLayers = Object.fromEntries(Object.entries(layers).filter(([name]) => !(name in activations)));

export const tables: readonly Shown[] = [
  shown("Layers", ownLayers),
  shown("Activations", activations, { picture: activationCurve }),
  shown("Losses", losses, { namespace: "losses" }),
  shown("Optimizers", optimizers),
  shown("Initializers", initializers, { namespace: "initializers" }),
  shown("Schedules", schedules, { namespace: "schedules", picture: scheduleCurve }),
  shown("Metrics", metrics, { namespace: "metrics" }),
  shown("Strategies of search", strategies, { namespace: "strategies" }),
];
