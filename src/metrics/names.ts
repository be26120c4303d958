/** The names of metrics and of their figures, as types. */
import type { Choice } from "../options.ts";
import type * as metrics from "./table.ts";

/** The name of a metric: its word in the table. */
export type MetricName = keyof typeof metrics;

/** The name of a figure of the validation: `accuracy` becomes `validationAccuracy`. */
export type ValidationName<Name extends string> = `validation${Capitalize<Name>}`;

/** What a training can be watched by. */
export type Monitor = "loss" | "validationLoss" | MetricName | ValidationName<MetricName>;

/** The metrics of a model as they were given. */
export type MetricList = readonly Choice<typeof metrics>[];
