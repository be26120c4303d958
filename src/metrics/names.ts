/** The names of metrics and of their values, as types. */
import type { Choice } from "../options.ts";
import type * as metrics from "./table.ts";

/** The name of a metric: the name of its entry in the table. */
export type MetricName = keyof typeof metrics;

/** The name of a value of the validation: `validationAccuracy` for `accuracy`. */
export type ValidationName<Name extends string> = `validation${Capitalize<Name>}`;

/** A value that early stopping and schedules can monitor. */
export type Monitor = "loss" | "validationLoss" | MetricName | ValidationName<MetricName>;

/** The metrics of a model, as its options have them. */
export type MetricList = readonly Choice<typeof metrics>[];
