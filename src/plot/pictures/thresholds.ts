// Curves over all thresholds of a binary decision: ROC and precision-recall.

import { DataError } from "../../errors.ts";
import { checkNames } from "../../options.ts";
import { seriesPaint } from "../colors.ts";
import type { Axis, Key, Mark, PlotPanel, Rows } from "../figure.ts";
import { Picture } from "../picture.ts";
import { formatCount, formatNumber } from "../text.ts";
import {
  checkRows,
  type Label,
  leftOut,
  type Numbers,
  type PictureOptions,
  readSeries,
  readShare,
  readText,
  readTruth,
  sample,
  thinLine,
} from "../values.ts";

/** How to draw a curve over thresholds. */
export interface ThresholdCurveOptions extends PictureOptions {
  /** The positive class; by default true, 1, or of two names the second one in alphabetical order. */
  readonly positive?: Label | undefined;
  /** The threshold to mark: scores above it are predicted as positive; none by default. */
  readonly threshold?: number | undefined;
}

/** The outcome at a threshold: scores above it are positive. */
interface Outcome {
  readonly threshold: number;
  /** Rows of the positive class, and others, with a score above the threshold. */
  readonly right: number;
  readonly wrong: number;
}

interface Counts {
  readonly outcomes: readonly Outcome[];
  readonly positives: number;
  readonly negatives: number;
}

const OPTIONS = ["title", "positive", "threshold"];

/** Counts the outcomes for all thresholds, from the highest to the lowest. */
function countOutcomes(truth: readonly boolean[], scores: readonly number[]): Counts {
  const order = scores.map((_, row) => row).sort((a, b) => scores[b] - scores[a]);
  const outcomes: Outcome[] = [{ threshold: Number.POSITIVE_INFINITY, right: 0, wrong: 0 }];
  let [right, wrong] = [0, 0];
  for (const [at, row] of order.entries()) {
    if (truth[row]) right++;
    else wrong++;
    const next = at + 1 < order.length ? scores[order[at + 1]] : Number.NEGATIVE_INFINITY;
    if (next !== scores[row]) outcomes.push({ threshold: next, right, wrong });
  }
  return { outcomes, positives: right, negatives: wrong };
}

/** A kind of curve. */
interface Kind {
  readonly call: string;
  readonly title: string;
  readonly axes: readonly [string, string];
  /** The point of an outcome; undefined where it is not defined. */
  point(outcome: Outcome, counts: Counts): readonly [number, number] | undefined;
  /** The name and the value of the area. */
  area(counts: Counts): readonly [string, number];
  /** A line that a model without information has. */
  reference(all: readonly Counts[]): {
    readonly points: readonly (readonly [number, number])[];
    readonly name: string;
  };
  /** What must occur. */
  needs(counts: Counts): string | undefined;
}

const roc: Kind = {
  call: "rocCurve",
  title: "ROC curve",
  axes: ["false positive rate", "true positive rate"],
  point: ({ right, wrong }, { positives, negatives }) => [wrong / negatives, right / positives],
  area: ({ outcomes, positives, negatives }) => {
    const area = outcomes.reduce((sum, { right, wrong }, at) => {
      const before = outcomes[Math.max(0, at - 1)];
      return sum + ((wrong - before.wrong) * (right + before.right)) / 2;
    }, 0);
    return ["area", area / positives / negatives];
  },
  reference: () => ({
    points: [
      [0, 0],
      [1, 1],
    ],
    name: "chance",
  }),
  needs: ({ positives, negatives }) => (positives > 0 && negatives > 0 ? undefined : "rows of both classes"),
};

const precisionRecall: Kind = {
  call: "precisionRecallCurve",
  title: "Precision and recall",
  axes: ["recall", "precision"],
  point: ({ right, wrong }, { positives }) =>
    right + wrong === 0 ? undefined : [right / positives, right / (right + wrong)],
  area: ({ outcomes, positives }) => {
    const area = outcomes.reduce((sum, { right, wrong }, at) => {
      const gained = right - outcomes[Math.max(0, at - 1)].right;
      return gained > 0 ? sum + (gained * right) / (right + wrong) : sum;
    }, 0);
    return ["average precision", area / positives];
  },
  reference: ([{ positives, negatives }]) => {
    const share = positives / (positives + negatives);
    return {
      points: [
        [0, share],
        [1, share],
      ],
      name: `chance (${formatNumber(share)})`,
    };
  },
  needs: ({ positives }) => (positives > 0 ? undefined : "rows of the positive class"),
};

/**
 * Draws the receiver operating characteristic: the true positive rate against the false positive rate for all
 * thresholds, with the area below it. `scores` are larger for the positive class: probabilities or logits;
 * an object of several draws a curve for each.
 *
 * @example
 * ```ts
 * rocCurve([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8], { threshold: 0.5 }).svg(); // "<svg …", the area is 0.75
 * rocCurve(["no", "yes"], { network: [0.2, 0.9], trees: [0.4, 0.3] }).terminal(); // two curves
 * ```
 *
 * @throws DataError if a class has no rows; ShapeError if the numbers of rows differ; OptionError for an
 * unknown option or class.
 */
export function rocCurve(
  actual: ArrayLike<Label>,
  scores: Numbers | Readonly<Record<string, Numbers>>,
  options: ThresholdCurveOptions = {},
): Picture {
  return thresholdCurve(roc, actual, scores, options);
}

/**
 * Draws precision against recall for all thresholds, with the average precision. `scores` are as for
 * {@link rocCurve}.
 *
 * @example
 * ```ts
 * precisionRecallCurve([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8], { threshold: 0.3 }).svg(); // "<svg …"
 * ```
 *
 * @throws DataError if the positive class has no rows; ShapeError if the numbers of rows differ; OptionError
 * for an unknown option or class.
 */
export function precisionRecallCurve(
  actual: ArrayLike<Label>,
  scores: Numbers | Readonly<Record<string, Numbers>>,
  options: ThresholdCurveOptions = {},
): Picture {
  return thresholdCurve(precisionRecall, actual, scores, options);
}

function thresholdCurve(
  kind: Kind,
  actual: unknown,
  given: unknown,
  options: ThresholdCurveOptions,
): Picture {
  const { call } = kind;
  checkNames(options, OPTIONS, call);
  const threshold = readShare(options.threshold, `${call}: threshold`);
  const { truth, name } = readTruth(actual, options.positive, call);
  const series = readSeries(given, `${call}: scores`);
  let skipped = 0;
  const all = series.map(([, scores]) => {
    checkRows(call, { actual: truth, scores });
    const rows = truth
      .map((_, row) => row)
      .filter((row) => truth[row] !== undefined && !Number.isNaN(scores[row]));
    skipped = Math.max(skipped, truth.length - rows.length);
    return countOutcomes(
      rows.map((row) => truth[row] === true),
      rows.map((row) => scores[row]),
    );
  });
  for (const counts of all) {
    const missing = kind.needs(counts);
    if (missing !== undefined)
      throw new DataError(
        `${call}: actual: expected ${missing}, received ${formatCount(counts.positives)} positive and ${formatCount(counts.negatives)} other rows`,
      );
  }
  const areas = all.map((counts) => kind.area(counts));
  const marks: Mark[] = [];
  const keys: Key[] = [];
  if (all.length > 0) {
    const reference = kind.reference(all);
    marks.push({ type: "line", points: reference.points, paint: "other", style: "dashes" });
    keys.push({ name: reference.name, paint: "other", mark: "dashes" });
  }
  for (const [at, counts] of all.entries()) {
    const paint = seriesPaint(at);
    const points = counts.outcomes.flatMap((outcome) => {
      const point = kind.point(outcome, counts);
      return point === undefined ? [] : [{ outcome, point }];
    });
    marks.push({
      type: "line",
      points: thinLine(
        points.map(({ point }) => point),
        800,
      ),
      paint,
    });
    const label = `${series[at][0] === "" ? areas[at][0] : series[at][0]} ${formatNumber(areas[at][1])}`;
    keys.unshift({ name: label, paint, mark: "line" });
    // Hovering finds these places; a radius of 0 does not show them.
    const hover = sample(points, 200).map(({ outcome, point: [x, y] }) => ({
      x,
      y,
      paint,
      rows: rowsOf(kind, outcome, [x, y], series[at][0]),
    }));
    marks.push({ type: "points", points: hover, radius: 0 });
    if (threshold !== undefined) marks.push(thresholdMark(kind, counts, threshold, at));
  }
  if (threshold !== undefined)
    keys.push({ name: `threshold ${formatNumber(threshold)}`, paint: "text", mark: "ring" });
  const axis = (label: string): Axis => ({ kind: "number", label, domain: [0, 1] });
  const panel: PlotPanel = { kind: "plot", x: axis(kind.axes[0]), y: axis(kind.axes[1]), marks, aspect: 1 };
  const { positives = 0, negatives = 0 } = all[0] ?? {};
  const rows = `${formatCount(positives)} positive${name === "" ? "" : ` (${name})`} and ${formatCount(negatives)} other rows`;
  return new Picture({
    title: readText(options.title, kind.title, `${call}: title`),
    description: `${kind.axes[1]} (upwards) against ${kind.axes[0]} for all thresholds. ${areas.map(([what, value], at) => `${series[at][0] === "" ? "" : `${series[at][0]}: `}${what} ${formatNumber(value)}`).join(", ")}.`,
    notes: [[rows, ...leftOut(skipped)].join(", ")],
    keys,
    panels: [panel],
  });
}

/** Returns the point of the last outcome whose scores are all above the threshold. */
function thresholdMark(kind: Kind, counts: Counts, threshold: number, at: number): Mark {
  const found =
    counts.outcomes.find((outcome) => outcome.threshold <= threshold) ??
    counts.outcomes[counts.outcomes.length - 1];
  const point = kind.point(found, counts);
  if (point === undefined) return { type: "points", points: [] };
  const [x, y] = point;
  return {
    type: "points",
    points: [
      {
        x,
        y,
        paint: seriesPaint(at),
        isMarked: true,
        rows: rowsOf(kind, { ...found, threshold }, point, ""),
      },
    ],
    radius: 4.5,
  };
}

function rowsOf(kind: Kind, { threshold }: Outcome, [x, y]: readonly [number, number], name: string): Rows {
  const above = Number.isFinite(threshold)
    ? `above ${formatNumber(threshold)}`
    : threshold > 0
      ? "none"
      : "all";
  return [
    ...(name === "" ? [] : [["scores", name] as const]),
    ["predicted positive", above],
    [kind.axes[0], formatNumber(x)],
    [kind.axes[1], formatNumber(y)],
  ];
}
