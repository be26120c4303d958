/** A table model as text: what was done to each column, what was trained, and how good it is. */
import { show } from "../errors.ts";
import { alignTable } from "../textTable.ts";
import type { ColumnDescription } from "./columns.ts";
import { positiveOf } from "./decision.ts";
import type { ModelChange, Sizes, TableParts, TrainedTarget } from "./parts.ts";
import type { Scores } from "./scores.ts";
import type { TargetDescription } from "./target.ts";

const figure = (value: number) => (Number.isInteger(value) ? String(value) : value.toPrecision(4));

function encodersOf(name: string, targets: readonly TrainedTarget[]): string {
  const [part] = targets.flatMap(({ learned }) => learned.parts);
  const steps = part?.preparation.steps.filter(({ column }) => column === name) ?? [];
  return steps
    .map(({ part: of, encoder }) => (of === undefined ? encoder.type : `${of}: ${encoder.type}`))
    .join(", ");
}

function describeColumn(
  { name, type, missing, distinct, reason }: ColumnDescription,
  targets: readonly TrainedTarget[],
) {
  const done =
    type === "ignore"
      ? `left out: ${reason}`
      : encodersOf(name, targets) || "left out: nothing to learn from";
  return [name, type, String(distinct), String(missing), done];
}

function scoreLines({ description, scores, baseline, learned }: TrainedTarget): string[] {
  const { name, task, classes, reason, metric } = description;
  const kind =
    task === "regression"
      ? "a number"
      : classes?.length === 1
        ? "always one class"
        : `one of ${classes?.length} classes`;
  const { coverage = {}, ...figures } = scores;
  const rows = [
    ...Object.entries(figures).map(([metric, value]) => {
      const before = baseline[metric as keyof typeof figures];
      return [metric, figure(value), before === undefined ? "" : figure(before)];
    }),
    ...Object.entries(coverage).map(([level, share]) => [`at or below quantile ${level}`, figure(share), ""]),
  ];
  const base = task === "regression" ? "always the mean" : "always the commonest class";
  return [
    `${name}: ${kind} (${reason})`,
    ...answerLines(description),
    ...alignTable([["on rows not learned from", "this model", base], ...rows], [0]),
    ...alignTable(
      [
        ["networks", "number", "share", task === "regression" ? "mean squared error" : "log loss"].concat(
          metric === undefined ? [] : metric.type,
        ),
        ...learned.bags.map(({ name: kindOf, weight, loss, score }, bag) => [
          kindOf,
          String(learned.networks.filter((network) => network.bag === bag).length),
          `${Math.round(100 * weight)} %`,
          figure(loss),
          ...(metric === undefined ? [] : [figure(score ?? Number.NaN)]),
        ]),
        ...(learned.quantiles === undefined
          ? []
          : [["quantiles", String(learned.quantiles.networks.length), "", "", ""]]),
      ].map((row) => row.slice(0, metric === undefined ? 4 : 5)),
      [0],
    ),
  ];
}

/** How a class is chosen, and which quantiles there are. */
function answerLines(description: TargetDescription): string[] {
  const { classes = [], threshold, classWeights, quantiles, positive } = description;
  const lines: string[] = [];
  const yes = classes[positiveOf(description)];
  if (threshold !== undefined)
    lines.push(`the answer is ${show(yes)} where its probability is above ${figure(threshold)}`);
  else if (positive !== undefined) lines.push(`the positive class is ${show(positive)}`);
  if (classWeights !== undefined && threshold === undefined) {
    const list = classes.map((name, at) => `${String(name)} ${figure(classWeights[at])}`).join(", ");
    lines.push(`the answer is the class with the largest weight · probability: ${list}`);
  }
  if (quantiles !== undefined) lines.push(`quantiles: ${quantiles.join(", ")}`);
  return lines;
}

/** What was done to a model, and what it changed. */
function changeLines({ call, rows, scoredRows, before, after, ...rest }: ModelChange): string[] {
  const { agreement = {}, bytes, parameters } = rest;
  const counts = (name: string, sizes: Sizes | undefined) =>
    sizes === undefined ? [] : [[name, String(sizes.before), String(sizes.after)]];
  const figures = Object.entries(after).flatMap(([name, scores]) =>
    Object.entries(scores).flatMap(([metric, value]) => {
      const old = before[name]?.[metric as keyof Scores];
      if (typeof value !== "number" || typeof old !== "number") return [];
      return [[`${name}: ${metric}`, figure(old), figure(value)]];
    }),
  );
  return [
    `${call} with ${rows} rows, scored on ${scoredRows} of them`,
    ...alignTable(
      [
        ["", "before", "after"],
        ...figures,
        ...Object.entries(agreement).map(([name, share]) => [`${name}: agreement`, "", figure(share)]),
        ...counts("bytes", bytes),
        ...counts("parameters", parameters),
      ],
      [0],
    ),
  ];
}

/** The model as text; with or without its columns. */
export function summarize(
  { columns, targets, seed, rows, notes, changes = [] }: TableParts,
  withColumns: boolean,
): string {
  const table = [
    ["column", "type", "distinct", "missing", "encoders"],
    ...columns.map((column) => describeColumn(column, targets)),
  ];
  return [
    `${rows} rows, seed ${seed}`,
    ...(withColumns ? ["", ...alignTable(table, [0, 1, 4])] : []),
    ...targets.flatMap((target) => ["", ...scoreLines(target)]),
    ...changes.flatMap((change) => ["", ...changeLines(change)]),
    ...(notes.length === 0 ? [] : ["", ...notes.map((note) => `note: ${note}`)]),
  ].join("\n");
}
