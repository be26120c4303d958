/** A table model as text: what was done to each column, what was trained, and how good it is. */
import { show } from "../errors.ts";
import { alignTable, printable } from "../textTable.ts";
import type { ColumnDescription } from "./columns.ts";
import { positiveOf } from "./decision.ts";
import { type ModelChange, type Sizes, type TableParts, type TrainedTarget, usedColumns } from "./parts.ts";
import { type Scores, usualMetric } from "./scores.ts";
import type { TargetDescription } from "./target.ts";

const figure = (value: number) => (Number.isInteger(value) ? String(value) : value.toPrecision(4));

/** A figure that may not have been measured. */
const orNone = (value = Number.NaN) => (Number.isNaN(value) ? "" : figure(value));

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
  const done = type === "ignore" ? `left out: ${reason}` : encodersOf(name, targets) || "used by no network";
  return [name, type, String(distinct), String(missing), done];
}

/** What is predicted: `a number`, `one of 3 classes`, `always "A"`. */
export function kindOf({ classes }: TargetDescription): string {
  if (classes === undefined) return "a number";
  return classes.length === 1 ? `always ${show(classes[0])}` : `one of ${classes.length} classes`;
}

/** Which rows the scores of a model are of. */
export function scoredOn(changes: readonly ModelChange[], { bags }: TrainedTarget["learned"]): string {
  // Without networks nothing was held out.
  if (bags.length === 0 && changes.length === 0) return "on the training rows";
  return changes.at(-1)?.call === "compact" ? "on rows that compact held out" : "on rows not learned from";
}

function scoreLines(
  { description, scores, baseline, learned }: TrainedTarget,
  changes: readonly ModelChange[],
): string[] {
  const { name, task, reason, metric } = description;
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
    `${name}: ${kindOf(description)} (${reason})`,
    ...answerLines(description),
    ...(rows.length === 0
      ? [`no scores: the rows of ${changes.at(-1)?.call ?? "fitTable"} had no target`]
      : alignTable([[scoredOn(changes, learned), "this model", base], ...rows], [0])),
    ...(learned.bags.length === 0
      ? []
      : alignTable(
          [
            ["networks", "number", "share", task === "regression" ? "mean squared error" : "log loss"].concat(
              metric === undefined ? [] : metric.type,
            ),
            ...learned.bags.map(({ name: kindOf, weight, loss, score }, bag) => [
              kindOf,
              String(learned.networks.filter((network) => network.bag === bag).length),
              `${Math.round(100 * weight)} %`,
              orNone(loss),
              ...(metric === undefined ? [] : [orNone(score)]),
            ]),
            ...(learned.priorWeight > 0
              ? [
                  [
                    task === "regression" ? "the mean" : "the share of each class",
                    "",
                    `${Math.round(100 * learned.priorWeight)} %`,
                    "",
                    "",
                  ],
                ]
              : []),
            ...(learned.quantiles === undefined
              ? []
              : [["quantiles", String(learned.quantiles.networks.length), "", "", ""]]),
          ].map((row) => row.slice(0, metric === undefined ? 4 : 5)),
          [0],
        )),
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
  const learned =
    call === "compact"
      ? "; the model before may have learned from these, so evaluate both on other rows to compare them"
      : ", by networks that did not learn from them";
  return [
    `${call} with ${rows} rows, scored on ${scoredRows} of them${scoredRows === 0 ? "" : learned}`,
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
  return printable(
    [
      `${count(rows, "row")}, seed ${seed}`,
      ...(withColumns ? ["", ...alignTable(table, [0, 1, 4])] : []),
      ...targets.flatMap((target) => ["", ...scoreLines(target, changes)]),
      ...changes.flatMap((change) => ["", ...changeLines(change)]),
      ...(notes.length === 0 ? [] : ["", ...notes.map((note) => `note: ${note}`)]),
    ].join("\n"),
  );
}

/** The model in a few lines: task, target, columns, networks and the main score. */
export function describeBriefly({ columns, targets, rows, changes = [] }: TableParts): string {
  const used = usedColumns({ columns }, targets).length;
  const lines = targets.map(({ description, scores, baseline, learned }) => {
    const { name, task, metric } = description;
    const networks = learned.networks.length + (learned.quantiles?.networks.length ?? 0);
    const main = (metric?.type ?? usualMetric(task)) as Exclude<keyof Scores, "coverage">;
    const [score, base] = [scores[main], baseline[main]];
    const figures =
      score === undefined
        ? "no score"
        : `${main} ${figure(score)} ${scoredOn(changes, learned)}${base === undefined ? "" : ` (${figure(base)} by the ${task === "regression" ? "mean" : "commonest class"})`}`;
    return `  ${name}: ${kindOf(description)}, ${count(networks, "network")}, ${figures}`;
  });
  const from =
    used === columns.length ? count(used, "column") : `${used} of ${count(columns.length, "column")}`;
  return printable([`TableModel: ${from}, ${count(rows, "row")}`, ...lines].join("\n"));
}

const count = (number: number, noun: string) => `${number} ${noun}${number === 1 ? "" : "s"}`;
