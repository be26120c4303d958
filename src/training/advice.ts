/** Why a training has diverged, as far as its data, its weights and its learning rate tell: nothing is computed. */
import { brief, type Column, isLarge, readColumns } from "../data/columns.ts";
import type { Dataset, ExpectedInputs } from "../data/examples.ts";
import type { Network } from "../kernel/kernel.ts";
import type { Problem } from "../metrics/metric.ts";
import { countValues, type LayerShape } from "../nn/program.ts";
import { namedParameters } from "../nn/weights.ts";

/** What is looked at of a model. */
export interface Advised {
  readonly layers: readonly LayerShape[];
  readonly expected: ExpectedInputs;
  readonly problem: Problem;
  use(): Network;
}

/** Initial weights are below 1 or little above: these have been carried away. */
const LARGE_WEIGHT = 100;

/** "columns 3, 4, 7 and 2 more" */
const SHOWN = 3;
function listed(columns: readonly Column[]): string {
  const shown = columns.slice(0, SHOWN).map(({ column }) => column);
  const left = columns.length - shown.length;
  return `column${columns.length > 1 ? "s" : ""} ${shown.join(", ")}${left > 0 ? ` and ${left} more` : ""}`;
}

/** What is wrong with the values of x or y, the worst first. */
function scaleOf(name: string, columns: readonly Column[]): string[] {
  const outliers = columns.filter(({ hasOutlier }) => hasOutlier).sort((a, b) => b.largest - a.largest);
  const unscaled = columns.filter(isLarge).sort((a, b) => b.size - a.size);
  const [far] = outliers;
  const [worst, ...others] = unscaled;
  return [
    ...(far === undefined
      ? []
      : [
          `${name}: row ${far.row}, column ${far.column} has a value of size ${brief(far.largest)}, ` +
            `the others of that column about ${brief(far.others)}: mend the value or leave out the row`,
        ]),
    ...(worst === undefined
      ? []
      : [
          `${name}: column ${worst.column} is not scaled, its values go from ${brief(worst.least)} to ` +
            `${brief(worst.most)}, the largest in row ${worst.row}: scale it to about -1 to 1` +
            `${others.length > 0 ? `, and ${listed(others)} too` : ""}`,
        ]),
  ];
}

/** The layer whose weights have grown most, if they have. */
function weightsOf(model: Advised): string[] {
  const parameters = model.use().read("parameters");
  let most = LARGE_WEIGHT;
  let grown: string | undefined;
  for (const { name, shape, start } of namedParameters(model.layers)) {
    for (let at = start; at < start + countValues({ shape }); at++) {
      if (!(Math.abs(parameters[at]) > most)) continue;
      most = Math.abs(parameters[at]);
      grown = name;
    }
  }
  if (grown === undefined) return [];
  const [layer, ...rest] = grown.split(".");
  const { place } = model.layers[Number(layer)];
  return [`${place} has grown furthest, ${rest.join(".")} up to ${brief(most)}`];
}

/** The likely causes of a diverging training, and what to change. */
export function adviceOf(model: Advised, data: Dataset, learningRate: number): string {
  const { x, y, rows, inputs, outputs } = data;
  const isCategory = (at: number) => model.expected.categories.some(({ column }) => column === at);
  const ofX = readColumns(x, rows, inputs).filter(({ column }) => !isCategory(column));
  const ofY = model.problem.targets === "values" ? readColumns(y, rows, outputs) : [];
  return [
    ...scaleOf("x", ofX),
    ...scaleOf("y", ofY),
    `the learning rate ${learningRate} may be too high: try ${brief(learningRate / 10)}`,
    ...weightsOf(model),
  ].join("; ");
}
