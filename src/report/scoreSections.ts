// How good a model is: a sentence for everyone, the figures, and the pictures of the task.

import type { Figure } from "../plot/figure.ts";
import { Picture } from "../plot/picture.ts";
import { calibration } from "../plot/pictures/calibration.ts";
import { confusionMatrix } from "../plot/pictures/confusionMatrix.ts";
import { predictedVsActual } from "../plot/pictures/predictedVsActual.ts";
import { precisionRecallCurve, rocCurve } from "../plot/pictures/thresholds.ts";
import { countOf, formatCount, formatNumber } from "../plot/text.ts";
import { positiveOf } from "../table/decision.ts";
import type { TrainedTarget } from "../table/parts.ts";
import type { Scores } from "../table/scores.ts";
import type { TargetDescription } from "../table/target.ts";
import { intervalPicture } from "./intervals.ts";
import type { GivenScores, Judged } from "./judged.ts";
import { type Block, facts, type Pictures, paragraph, table } from "./markup.ts";
import { metricText, namesFor, percent, sentence, shorten } from "./words.ts";

/** A target with what is known of how good it is predicted. */
export interface Verdict {
  readonly target: TrainedTarget;
  /** The scores to trust most: of test rows, else those that the model has of itself. */
  readonly best: GivenScores;
  /** What the rows of these scores are, in words: "on 68 test rows". */
  readonly where: string;
  /** The scores of rows that the caller held out. */
  readonly tested: GivenScores | undefined;
  readonly judged: Judged | undefined;
  /** What the rows of the model's own scores are: "on rows not learned from". */
  readonly ownRows: string;
}

/** Returns the commonest class, or the mean, in words. */
export function alwaysWords({ description, learned: { prior } }: TrainedTarget): string {
  if (description.classes === undefined) return `the mean, ${formatNumber(prior[0])}`;
  const first = prior.indexOf(Math.max(...prior));
  return `${shorten(String(description.classes[first]), 40)}, the commonest class`;
}

/** Returns how good the model is, in sentences that need no statistics. */
export function plainWords(verdict: Verdict): string {
  const { target, best, where } = verdict;
  const { description, learned } = target;
  const always = alwaysWords(target);
  const { scores, baseline } = best;
  if (Object.keys(scores).length === 0) return "There are no scores: no rows had a target to compare with.";
  if (learned.networks.length === 0)
    return `The model found nothing to learn: it always answers with ${description.classes === undefined ? "the mean" : "the share of each class"} (${always}).`;
  return description.classes === undefined
    ? numberWords(description, scores, baseline, where, always)
    : classWords(description, scores, baseline, where, always);
}

function numberWords(
  { name, quantiles = [] }: TargetDescription,
  scores: Scores,
  baseline: Scores,
  where: string,
  always: string,
): string {
  const { meanAbsoluteError: error = Number.NaN, intervalCoverage } = scores;
  const { meanAbsoluteError: before = Number.NaN } = baseline;
  const gain = 1 - error / before;
  const compared =
    gain > 0.005
      ? `Always answering ${always}, would be off by ${formatNumber(before)}: the model's error is ${percent(gain)} smaller.`
      : `Always answering ${always}, would be off by ${formatNumber(before)}: the model is no better.`;
  const within =
    intervalCoverage === undefined
      ? ""
      : ` Of 100 true values about ${Math.round(100 * intervalCoverage)} are within its intervals; ${formatNumber(100 * ((quantiles.at(-1) ?? 1) - (quantiles[0] ?? 0)))} were wanted.`;
  return `${sentence(where).slice(0, -1)}, the answers are off by ${formatNumber(error)} on average, in the units of ${shorten(name, 40)}. ${compared}${within}`;
}

function classWords(
  description: TargetDescription,
  scores: Scores,
  baseline: Scores,
  where: string,
  always: string,
): string {
  const { accuracy = Number.NaN, precision, recall, rocAuc } = scores;
  const { accuracy: before = Number.NaN } = baseline;
  const inHundred = (share: number) => {
    const count = Math.round(100 * share);
    return count === 100 && share < 1
      ? "more than 99"
      : count === 0 && share > 0
        ? "fewer than 1"
        : String(count);
  };
  const compared = `Always answering ${always}, would be right for ${inHundred(before)}.`;
  const positive = shorten(String(description.classes?.[positiveOf(description)]), 40);
  const found =
    precision === undefined || recall === undefined
      ? ""
      : ` It finds ${inHundred(recall)} of 100 rows that are ${positive}; of 100 rows that it calls ${positive}, ${inHundred(precision)} are.`;
  const rank =
    accuracy <= before && rocAuc !== undefined && rocAuc > 0.6
      ? ` Yet it tells rows apart: a row of ${positive} gets a higher probability of it than another row ${inHundred(rocAuc)} times out of 100.`
      : "";
  const worse = accuracy <= before ? " The number of right answers is no better than that." : "";
  return `${sentence(where).slice(0, -1)}, of 100 answers ${inHundred(accuracy)} are right. ${compared}${worse}${found}${rank}`;
}

/** Returns the main figures as short facts. */
export function mainFacts({ target, best }: Verdict): [string, string][] {
  const { scores, baseline } = best;
  const always = target.description.classes === undefined ? "Always the mean" : "Always the commonest class";
  const main = target.description.classes === undefined ? "meanAbsoluteError" : "accuracy";
  const value = scores[main];
  if (value === undefined) return [];
  const { name, format } = metricText(main, target.description);
  const before = baseline[main];
  return [
    [name, format(value)],
    ...(before === undefined ? [] : [[always, format(before)] as [string, string]]),
  ];
}

/** Returns the table of all scores, with what each says, and how certain the main one is. */
export function scoreBlocks(verdict: Verdict): Block[] {
  const { target, tested, best, ownRows, judged } = verdict;
  const { description, scores } = target;
  const figures = (of: Scores) =>
    Object.entries(of).filter((entry): entry is [string, number] => typeof entry[1] === "number");
  const others = (of: Scores) => of.coverage ?? {};
  if (figures(best.scores).length === 0) return [];
  const cell = (of: Scores, metric: string) => {
    const value = of[metric as keyof Scores];
    return typeof value === "number" ? metricText(metric, description).format(value) : "–";
  };
  const always = description.classes === undefined ? "Always the mean" : "Always the commonest class";
  const own = `Model, ${ownRows}`;
  const head = [
    "Measure",
    ...(tested === undefined
      ? [own]
      : ["Model, test rows", ...(Object.keys(scores).length === 0 ? [] : [own])]),
    tested === undefined ? always : `${always}, test rows`,
    "What it says",
  ];
  const isBoth = tested !== undefined && Object.keys(scores).length > 0;
  const rows = figures(best.scores).map(([metric]) => {
    const { name, meaning } = metricText(metric, description);
    return [
      name,
      cell(best.scores, metric),
      ...(isBoth ? [cell(scores, metric)] : []),
      cell(best.baseline, metric),
      meaning,
    ];
  });
  const coverage = Object.entries(others(best.scores)).map(([level, share]) => [
    `At or below the ${formatNumber(100 * Number(level))} % quantile`,
    percent(share),
    ...(isBoth ? [scores.coverage?.[level] === undefined ? "–" : percent(scores.coverage[level])] : []),
    "–",
    `share of the true values; ${formatNumber(100 * Number(level))} % is right`,
  ]);
  const numbers = head.map((_, at) => at).slice(1, -1);
  const certainty = certaintyOf(target, judged);
  return [
    table({ caption: "Scores", head, rows: [...rows, ...coverage], numbers }),
    ...(certainty === undefined ? [] : [paragraph(certainty, "note")]),
  ];
}

/** Returns how far the main score may be from that of other rows: a 95 % interval. */
function certaintyOf({ description }: TrainedTarget, judged: Judged | undefined): string | undefined {
  if (judged === undefined || judged.origin === "given" || judged.targets.length < 20) return undefined;
  const { targets, decisions, predictions, of } = judged;
  const count = targets.length;
  if (decisions !== undefined) {
    const share = targets.reduce((sum, target, row) => sum + Number(target === decisions[row]), 0) / count;
    // Wilson, 1927.
    const z = 1.96;
    const middle = (share + (z * z) / (2 * count)) / (1 + (z * z) / count);
    const half =
      (z / (1 + (z * z) / count)) * Math.sqrt((share * (1 - share)) / count + (z * z) / (4 * count * count));
    return `Other rows of the same kind give other scores: with ${countOf(count, "row")}, the 95 % interval of the share of right answers is ${percent(middle - half)} to ${percent(Math.min(1, middle + half))}.${sampleWords(count, of)}`;
  }
  const errors = targets.map((target, row) => Math.abs(target - predictions[row]));
  const mean = errors.reduce((sum, error) => sum + error, 0) / count;
  const spread = Math.sqrt(errors.reduce((sum, error) => sum + (error - mean) ** 2, 0) / (count - 1) / count);
  return `Other rows of the same kind give other scores: with ${countOf(count, "row")}, the 95 % interval of the mean absolute error of ${shorten(description.name, 40)} is ${formatNumber(Math.max(0, mean - 1.96 * spread))} to ${formatNumber(mean + 1.96 * spread)}.${sampleWords(count, of)}`;
}

const sampleWords = (count: number, of: number) =>
  count < of ? ` (${formatCount(count)} rows, drawn from ${formatCount(of)}.)` : "";

/** Returns what the rows of the pictures are. */
export function originWords({ origin, targets, of }: Judged): string {
  const count = targets.length;
  const rows =
    count < of ? `${formatCount(count)} of ${countOf(of, "row")}, drawn at random` : countOf(count, "row");
  if (origin === "test") return `The pictures are of test rows, which the model never saw: ${rows}.`;
  if (origin === "outOfFold")
    return `The pictures are of ${rows}, each predicted by networks that did not learn from it.`;
  return `The pictures are of the rows that were given (${rows}). If the model learned from them, the pictures look better than those of new rows would; the scores above do not.`;
}

/** Returns the pictures that fit the task. */
export function taskPictures(
  { description }: TrainedTarget,
  judged: Judged,
  pictures: Pictures,
  level: number,
): Block[] {
  const { targets, predictions, decisions, quantiles, places } = judged;
  const { classes, quantiles: levels } = description;
  const rows = targets.length;
  const label = shorten(description.name, 40);
  if (classes === undefined) {
    const drawn = predictedVsActual(targets, predictions, { label });
    return [
      pictures.draw(renumber(drawn, places), level),
      ...(quantiles !== undefined && levels !== undefined && levels.length > 1
        ? [pictures.draw(intervalPicture({ label, levels, targets, quantiles }), level)]
        : []),
    ];
  }
  if (decisions === undefined || classes.length < 2) return [];
  const names = namesFor(classes.map(String));
  const nameOf = (at: number) => names.get(String(classes[at])) as string;
  const matrix = confusionMatrix(Array.from(targets, nameOf), Array.from(decisions, nameOf), {
    classes: classes.map((_, at) => nameOf(at)),
  });
  const outputs = classes.length;
  const bounded = (value: number) => Math.min(1, Math.max(0, value));
  if (outputs > 2) {
    const isRight = Array.from(targets, (target, row) => target === decisions[row]);
    const certain = Array.from(decisions, (decision, row) => bounded(predictions[row * outputs + decision]));
    const calibrated = calibration(
      isRight.map((is) => (is ? "right answers" : "wrong answers")),
      certain,
      {
        title: "Calibration of the answer's probability",
        positive: "right answers",
      },
    );
    return outputs > 8
      ? [pictures.draw(matrix, level), pictures.pair([calibrated], level)]
      : [pictures.pair([matrix, calibrated], level)];
  }
  const positive = positiveOf(description);
  const truth = Array.from(targets, (target) => target === positive);
  const scores = Array.from({ length: rows }, (_, row) => bounded(predictions[row * outputs + positive]));
  const { threshold = 0.5 } = description;
  const isMixed = truth.includes(true) && truth.includes(false);
  const name = nameOf(positive);
  return [
    pictures.pair(
      [
        matrix,
        ...(isMixed
          ? [
              rocCurve(truth, scores, { positive: true, threshold, title: `ROC curve of ${name}` }),
              precisionRecallCurve(truth, scores, {
                ...{ positive: true, threshold },
                title: `Precision and recall of ${name}`,
              }),
            ]
          : []),
        calibration(
          truth.map((is) => (is ? name : "others")),
          scores,
          { positive: name, title: `Calibration of the probability of ${name}` },
        ),
      ],
      level,
    ),
  ];
}

/** Returns the picture with the numbers of the rows in the table, where hovering shows those of the sample. */
function renumber({ figure }: Picture, places: Uint32Array): Picture {
  const rename = (rows: readonly (readonly [string, string])[] | undefined) =>
    rows?.map(([name, value]) => [name, name === "row" ? String(places[Number(value)]) : value] as const);
  const panels = figure.panels.map((panel): Figure["panels"][number] => {
    if (panel.kind !== "plot") return panel;
    const marks = panel.marks.map((mark) =>
      mark.type === "points"
        ? {
            ...mark,
            points: mark.points.map((point) => {
              const rows = rename(point.rows);
              return rows === undefined ? point : { ...point, rows };
            }),
          }
        : mark,
    );
    return { ...panel, marks };
  });
  return new Picture({ ...figure, panels });
}

/** Returns the facts as a block. */
export const factBlock = (entries: readonly (readonly [string, string])[]): Block =>
  entries.length === 0 ? "" : facts(entries);
