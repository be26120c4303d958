// What the table had and what was done to its columns; limits; how to repeat the training.

import { trainingCurves } from "../plot/pictures/curves.ts";
import { networkDiagram } from "../plot/pictures/network.ts";
import { countOf, formatCount, formatDate, formatNumber } from "../plot/text.ts";
import type { ColumnDescription } from "../table/columns.ts";
import type { RowCheck } from "../table/insight/checkRows.ts";
import { rankBags } from "../table/metric.ts";
import { type TableParts, type TrainedTarget, usedColumns } from "../table/parts.ts";
import type { Scores } from "../table/scores.ts";
import type { ColumnEffects } from "./columnSections.ts";
import { parametersOf } from "./judged.ts";
import { type Block, list, type Pictures, paragraph, table } from "./markup.ts";
import type { Verdict } from "./scoreSections.ts";
import { encoderWords, listOf, metricText, percent, sentence, shorten } from "./words.ts";

/** Columns in the table of columns. */
const MOST_COLUMNS = 60;
/** Classes that are listed with their shares. */
export const LISTED_CLASSES = 12;
/** With fewer rows the scores of other samples differ much. */
const FEW_ROWS = 200;
/** The rows from which on the number of categories tells something. */
const FEWEST = 30;
/** A class with fewer rows can hardly be learned. */
const FEW_OF_A_CLASS = 20;
/** Findings of checkRows that are shown. */
const MOST_FINDINGS = 8;

function valuesOf({ type, range, categories = [], distinct }: ColumnDescription): string {
  if (range !== undefined) {
    const [low, high] = range.map((end) => (type === "date" ? formatDate(end) : formatNumber(end)));
    return `${low} to ${high}`;
  }
  if (categories.length > 0)
    return shorten(
      listOf(
        categories.map((name) => shorten(name, 24)),
        4,
      ),
      90,
    );
  return countOf(distinct, "value");
}

function doneTo({ name, type, reason }: ColumnDescription, targets: readonly TrainedTarget[]): string {
  if (type === "ignore") return `left out: ${reason}`;
  const steps = targets
    .flatMap(({ learned: { parts } }) => parts.slice(0, 1))
    .flatMap(({ preparation }) => preparation.steps)
    .filter(({ column }) => column === name);
  if (steps.length === 0) return "not used by any network";
  const dates = steps.flatMap(({ part }) => (part === undefined ? [] : [part]));
  const words = encoderWords(steps.map(({ encoder }) => encoder.type));
  return dates.length === 0 ? words : `${listOf([...new Set(dates)])}: ${words}`;
}

/** Returns the columns with what was done to each. */
export function dataBlocks({ columns, targets, rows }: TableParts): Block[] {
  const order = [...columns].sort((a, b) => Number(a.type === "ignore") - Number(b.type === "ignore"));
  const shown = order.slice(0, MOST_COLUMNS);
  const ignored = columns.filter(({ type }) => type === "ignore").length;
  const missing = columns.filter(({ missing: cells, type }) => cells > 0 && type !== "ignore").length;
  return [
    paragraph(
      `The model learned from ${countOf(rows, "row")} and ${countOf(columns.length - ignored, "column")}${ignored > 0 ? `; ${countOf(ignored, "other column is", "other columns are")} left out` : ""}. ${missing === 0 ? "No cell of them is missing." : `${countOf(missing, "column has", "columns have")} missing cells; nothing has to be filled in, because the networks learn from the gaps, too.`}`,
    ),
    table({
      caption: "Columns, and what was done to each",
      head: ["Column", "Type", "Values", "Missing", "What the networks get"],
      rows: shown.map((column) => [
        shorten(column.name),
        column.type === "ignore" ? "–" : column.type,
        valuesOf(column),
        column.missing === 0
          ? "0"
          : `${formatCount(column.missing)}${rows > 0 ? ` (${percent(column.missing / rows)})` : ""}`,
        doneTo(column, targets),
      ]),
      numbers: [3],
    }),
    ...(order.length > shown.length
      ? [
          paragraph(
            `${countOf(order.length - shown.length, "more column is", "more columns are")} not shown.`,
            "note",
          ),
        ]
      : []),
  ];
}

/** Returns what a target is, and why it is predicted as it is. */
export function targetWords({ description, learned }: TrainedTarget, rows: number): string {
  const { name, classes, reason, threshold, positive, quantiles, metric } = description;
  const subject = shorten(name, 40);
  const why = reason === "you said so" ? "" : ` (${subject}: ${reason})`;
  const shares = (classes ?? []).map(
    (one, at) => `${shorten(String(one), 30)} (${percent(learned.prior[at])})`,
  );
  const answer =
    classes === undefined
      ? `The answer is a number${why}, from ${formatNumber(learned.range[0])} to ${formatNumber(learned.range[1])} in these ${countOf(rows, "row")}, on average ${formatNumber(learned.prior[0])}.`
      : classes.length === 1
        ? `The table has one class only, ${shares[0]}.`
        : `The answer is one of ${classes.length} classes${why}, each with its probability. Their shares of the rows: ${listOf(shares, LISTED_CLASSES)}.`;
  const yes = shorten(String(positive ?? classes?.[1] ?? ""), 30);
  return [
    answer,
    ...(threshold === undefined
      ? []
      : [`The answer is ${yes} where its probability is above ${formatNumber(threshold)}.`]),
    ...(description.classWeights === undefined || threshold !== undefined
      ? []
      : [
          "Errors on some classes count more: the answer is the class with the largest weight times probability.",
        ]),
    ...(quantiles === undefined
      ? []
      : [
          `It also gives the quantiles ${listOf(
            quantiles.map((level) => `${formatNumber(100 * level)} %`),
            12,
          )}.`,
        ]),
    ...(metric === undefined
      ? []
      : [`The networks were mixed for the best ${metricText(metric.type, description).name.toLowerCase()}.`]),
  ].join(" ");
}

/** What is known when limits are written. */
export interface Known {
  readonly parts: TableParts;
  readonly verdicts: readonly Verdict[];
  readonly effects: readonly (ColumnEffects | undefined)[];
  /** Of rows that the caller held out, or gave. */
  readonly check: RowCheck | undefined;
  readonly checkedRows: string;
}

/** Returns warnings about the data and the model, and what a reader of the scores must know. */
export function limitBlocks({ parts, verdicts, effects, check, checkedRows }: Known): Block[] {
  const { rows, notes } = parts;
  const warnings = [
    ...(rows < FEW_ROWS
      ? [
          `The model learned from only ${countOf(rows, "row")}: with other rows, the scores and the importance of columns can be quite different`,
        ]
      : []),
    ...verdicts.flatMap((verdict, at) => warningsOf(verdict, rows, effects[at])),
    ...usedColumns(parts, parts.targets).flatMap(({ name, type, distinct }) =>
      type === "category" && rows >= FEWEST && distinct > rows / 3
        ? [
            `column ${shorten(name, 40)} has ${formatCount(distinct)} different values in ${countOf(rows, "row")}: new rows will often have one that the model does not know`,
          ]
        : [],
    ),
    ...notes,
  ];
  return [
    ...(warnings.length === 0
      ? []
      : [list(warnings.slice(0, 20).map((text) => sentence(shorten(text, 400))))]),
    ...(warnings.length > 20
      ? [paragraph(`${formatCount(warnings.length - 20)} more notes are in model.notes.`, "note")]
      : []),
    ...checkBlocks(check, checkedRows),
    paragraph(
      "The scores hold for new rows that come about as those of the table did. They do not hold for other places, times or ways to measure, and a cell out of the range of the training rows is answered as if it were known. Importance and effects describe the model, not causes.",
    ),
  ];
}

function warningsOf(
  { target, tested, best }: Verdict,
  rows: number,
  effects: ColumnEffects | undefined,
): string[] {
  const { description, learned, scores } = target;
  const { classes = [], name } = description;
  const subject = shorten(name, 40);
  const rare = classes
    .map((one, at) => ({ one: shorten(String(one), 30), count: Math.round(learned.prior[at] * rows) }))
    .filter(({ count }) => count < FEW_OF_A_CLASS)
    .sort((a, b) => a.count - b.count);
  const [top] = effects?.importance.columns ?? [];
  const total = effects?.importance.columns.reduce((sum, { mean }) => sum + Math.max(0, mean), 0) ?? 0;
  const isPerfect = (best.scores.accuracy ?? 0) >= 0.995 || (best.scores.r2 ?? 0) >= 0.995;
  const isAlone = top !== undefined && top.mean > 0.95 * total;
  return [
    ...(classes.length > 1 && rare.length > 0
      ? [
          `few rows of ${rare.length === 1 ? "a class" : `${countOf(rare.length, "class", "classes")}`} of ${subject}, so that the model can hardly learn ${rare.length === 1 ? "it" : "them"}: ${listOf(
            rare.map(({ one, count }) => `${one} (${formatCount(count)})`),
            8,
          )}`,
        ]
      : []),
    ...(isPerfect && isAlone && learned.networks.length > 0
      ? [
          `the answers are almost perfect, and nearly all of it comes from ${shorten(top.name, 40)}: check that this column is known before ${subject} is, and does not contain it`,
        ]
      : []),
    ...(tested === undefined ? [] : worseOnTest(scores, tested.scores, subject)),
  ];
}

/** Says where the test rows have much larger errors than the model's own scores. */
function worseOnTest(own: Scores, tested: Scores, subject: string): string[] {
  const [errors, others] = [own.meanAbsoluteError, tested.meanAbsoluteError];
  const isWorse =
    errors !== undefined && others !== undefined
      ? others > 1.5 * errors
      : 1 - (tested.accuracy ?? 1) > 1.5 * (1 - (own.accuracy ?? 1)) + 0.03;
  return isWorse
    ? [
        `the test rows have clearly more errors of ${subject} than the model's own scores promise: they may be of another kind, or the training had rows that belong together in several folds (see the option groups)`,
      ]
    : [];
}

function checkBlocks(check: RowCheck | undefined, checkedRows: string): Block[] {
  if (check === undefined) return [];
  const { findings, rows, checked } = check;
  if (findings.length === 0) return [paragraph(`Rows unlike the training data: none of ${checkedRows}.`)];
  const words = {
    outOfRange: "out of range",
    unknownCategory: "unknown category",
    missing: "missing",
    unreadable: "unreadable",
  };
  return [
    paragraph(
      `${formatCount(rows.length)} of ${checkedRows} ${rows.length === 1 ? "has" : "have"} cells that the training rows did not have (${percent(rows.length / checked)}). The model answers such rows without notice, and may be wrong there.`,
    ),
    table({
      caption: "Cells unlike those of the training rows",
      head: ["Column", "What", "Rows", "The training had"],
      rows: findings
        .slice(0, MOST_FINDINGS)
        .map(({ column, kind, rows: own, expected }) => [
          shorten(column),
          words[kind],
          formatCount(own.length),
          shorten(expected, 100),
        ]),
      numbers: [2],
    }),
  ];
}

/** Returns the kinds of networks with their shares, and the training of one. */
export function networkBlocks(target: TrainedTarget, pictures: Pictures, level: number): Block[] {
  const { learned, description } = target;
  const { networks, bags, quantiles, priorWeight } = learned;
  if (networks.length === 0 && quantiles === undefined)
    return [paragraph("The model has no networks: it always gives the same answer.")];
  const parameters = parametersOf(target);
  const { metric, task } = description;
  const loss = task === "regression" ? "Mean squared error" : "Log loss";
  const orNone = (value: number | undefined) =>
    value === undefined || Number.isNaN(value) ? "–" : formatNumber(value);
  const ranked = rankBags(bags, description);
  const countIn = (name: string) => networks.filter(({ bag }) => bags[bag].name === name).length;
  const all = networks.length + (quantiles?.networks.length ?? 0);
  const best = networks
    .filter(({ model }) => (model.history?.loss.length ?? 0) > 1)
    .sort((a, b) => bags[b.bag].weight - bags[a.bag].weight)[0];
  return [
    paragraph(
      `The answer is a mixture of ${countOf(networks.length, "network")} with ${formatCount(parameters)} parameters${all > networks.length ? ` (with ${countOf(all - networks.length, "network")} for quantiles)` : ""}. Each learned from some folds of the rows and was validated on another one. The share of each kind follows from its predictions for rows that it did not learn from.`,
    ),
    ...(ranked.length === 0
      ? []
      : [
          table({
            caption: "Kinds of networks, the best first, on rows that they did not learn from",
            head: [
              ...["Kind", "Networks", "Share of the answer", loss],
              ...(metric === undefined ? [] : [metricText(metric.type, description).name]),
            ],
            rows: [
              ...ranked.map(({ name, weight, loss: own, score }) => [
                name,
                String(countIn(name)),
                percent(weight),
                orNone(own),
                ...(metric === undefined ? [] : [orNone(score)]),
              ]),
              ...(priorWeight > 0
                ? [
                    [
                      ...[task === "regression" ? "always the mean" : "the share of each class", "–"],
                      ...[percent(priorWeight), "–", ...(metric === undefined ? [] : ["–"])],
                    ],
                  ]
                : []),
            ],
            numbers: [1, 2, 3, 4],
          }),
        ]),
    ...(best === undefined
      ? [
          paragraph(
            "A file keeps the networks, not the losses of their epochs: training curves are in reports of a model that fitTable has just made.",
            "note",
          ),
        ]
      : [
          pictures.pair(
            [
              trainingCurves(best.model, {
                values: ["loss"],
                title: `Training of one of the networks (${bags[best.bag].name})`,
              }),
              networkDiagram(best.model, { title: "Its layers" }),
            ],
            level,
          ),
          paragraph(
            "The loss of the training may include penalties and smoothed labels, so that it differs from the table's.",
            "note",
          ),
        ]),
  ];
}
