/** A table model as text: what was done to each column, what was trained, and how good it is. */
import { alignTable } from "../textTable.ts";
import type { ColumnDescription } from "./columns.ts";
import type { TableParts, TrainedTarget } from "./parts.ts";
import type { Scores } from "./scores.ts";

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
  const { name, task, classes, reason } = description;
  const kind = task === "regression" ? "a number" : `one of ${classes?.length} classes`;
  const rows = Object.keys(scores).map((metric) => [
    metric,
    figure(scores[metric as keyof Scores] as number),
    figure((baseline[metric as keyof Scores] ?? Number.NaN) as number),
  ]);
  const base = task === "regression" ? "always the mean" : "always the commonest class";
  return [
    `${name}: ${kind} (${reason})`,
    ...alignTable([["on rows not learned from", "this model", base], ...rows], [0]),
    ...alignTable(
      [
        ["networks", "number", "share", task === "regression" ? "mean squared error" : "log loss"],
        ...learned.bags.map(({ name: kindOf, weight, loss }, bag) => [
          kindOf,
          String(learned.networks.filter((network) => network.bag === bag).length),
          `${Math.round(100 * weight)} %`,
          figure(loss),
        ]),
      ],
      [0],
    ),
  ];
}

/** The model as text. */
export function summarize({ columns, targets, seed, rows, notes }: TableParts): string {
  return [
    `${rows} rows, seed ${seed}`,
    "",
    ...alignTable(
      [
        ["column", "type", "distinct", "missing", "encoders"],
        ...columns.map((column) => describeColumn(column, targets)),
      ],
      [0, 1, 4],
    ),
    ...targets.flatMap((target) => ["", ...scoreLines(target)]),
    ...(notes.length === 0 ? [] : ["", ...notes.map((note) => `note: ${note}`)]),
  ].join("\n");
}
