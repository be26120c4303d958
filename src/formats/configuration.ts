/** The configuration of a model: its network and its metrics. It is saved with the model. */
import { OptionError, show } from "../errors.ts";
import type { MetricList, MetricName } from "../metrics/names.ts";
import * as metrics from "../metrics/table.ts";
import {
  configureNetwork,
  NETWORK_OPTIONS,
  type NetworkConfiguration,
  type NetworkOptions,
} from "../nn/program.ts";
import { type Choice, type Complete, complete, type Table } from "../options.ts";

/** A metric as given to a model: its name, or an object with its options. */
export type MetricChoice = Choice<typeof metrics>;

/** The options in the configuration of a metric that do not exist for that metric. */
type UnknownOption<Given> = Given extends { readonly type: infer Name extends MetricName }
  ? Exclude<keyof Given & string, "type" | keyof (typeof metrics)[Name]["options"]>
  : never;

/** The architecture of a model. */
export interface Architecture<List extends MetricList = MetricList> extends NetworkOptions {
  /**
   * The metrics to compute besides the loss, in training, validation and `evaluate`: each by its name in the
   * table, at most once. None by default.
   */
  readonly metrics?:
    | ([UnknownOption<List[number]>] extends [never] ? List : readonly MetricChoice[])
    | undefined;
}

/** The names of the options of an architecture. */
export const ARCHITECTURE: readonly (keyof Architecture)[] = [...NETWORK_OPTIONS, "metrics"];

/** An architecture with every default filled in. */
export interface Configuration extends NetworkConfiguration {
  readonly metrics: readonly Complete[];
}

/** Checks that each metric exists and occurs once: its name identifies its values in the history. */
function readMetrics(list: unknown): Complete[] {
  if (!Array.isArray(list)) {
    throw new OptionError(`model: metrics: expected a list of metrics, received ${show(list)}`);
  }
  const table = metrics as Table<unknown>;
  const checked = Array.from(list, (metric, index) => complete("metric", table, metric, `metric ${index}`));
  for (const [index, { type }] of checked.entries()) {
    const first = checked.findIndex((metric) => metric.type === type);
    if (first < index) {
      throw new OptionError(`model: metrics: entries ${first} and ${index} are both ${type}: expected one`);
    }
  }
  return checked;
}

/** Checks an architecture and fills in its defaults. */
export function configure(architecture: Architecture): Configuration {
  const { metrics: wanted = [], ...network } = architecture;
  return { ...configureNetwork(network), metrics: readMetrics(wanted) };
}
