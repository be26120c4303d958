// Calibration: whether events with a predicted probability of 30 % happen in 30 % of the rows.

import { DataError } from "../../errors.ts";
import { checkNames } from "../../options.ts";
import { seriesPaint } from "../colors.ts";
import type { Key, Mark, PlotPanel, Rows } from "../figure.ts";
import { Picture } from "../picture.ts";
import { linearAxis } from "../scales.ts";
import { formatCount, formatNumber } from "../text.ts";
import {
  checkRows,
  histogram,
  type Label,
  leftOut,
  type Numbers,
  type PictureOptions,
  readCount,
  readSeries,
  readText,
  readTruth,
} from "../values.ts";

/** How to draw a calibration. */
export interface CalibrationOptions extends PictureOptions {
  /** The positive class; by default true, 1, or of two names the second one in alphabetical order. */
  readonly positive?: Label | undefined;
  /** The number of bins of equal width, from 2 to 50; 10 by default. */
  readonly bins?: number | undefined;
}

const CALL = "calibration";

/** The rows whose probability is in a bin. */
interface Group {
  readonly mean: number;
  readonly share: number;
  readonly count: number;
  /** The 95 % interval of the share. (Wilson, 1927.) */
  readonly interval: readonly [number, number];
}

/**
 * Draws the share of the positive class against the predicted probability, in bins, with 95 % intervals, and
 * below it how many rows have which probability. On the diagonal the probabilities are right. An object of
 * several lists of probabilities draws a curve for each.
 *
 * @example
 * ```ts
 * calibration([0, 1, 1, 0, 1], [0.2, 0.7, 0.9, 0.4, 0.6], { bins: 5 }).svg(); // "<svg …"
 * ```
 *
 * @throws DataError for a probability that is not from 0 to 1; ShapeError if the numbers of rows differ;
 * OptionError for an unknown option or class.
 */
export function calibration(
  actual: ArrayLike<Label>,
  probabilities: Numbers | Readonly<Record<string, Numbers>>,
  options: CalibrationOptions = {},
): Picture {
  checkNames(options, ["title", "positive", "bins"], CALL);
  const bins = readCount(options.bins, 10, [2, 50], `${CALL}: bins`);
  const { truth, name } = readTruth(actual, options.positive, CALL);
  const series = readSeries(probabilities, `${CALL}: probabilities`);
  const marks: Mark[] = [
    {
      type: "line",
      points: [
        [0, 0],
        [1, 1],
      ],
      paint: "other",
      style: "dashes",
    },
  ];
  const keys: Key[] = [];
  const counts: Mark[] = [];
  const errors: string[] = [];
  let [skipped, rows, highest] = [0, 0, 0];
  for (const [at, [own, values]] of series.entries()) {
    checkRows(CALL, { actual: truth, probabilities: values });
    const wrong = values.findIndex((value) => value < 0 || value > 1);
    if (wrong >= 0)
      throw new DataError(
        `${CALL}: probabilities: row ${wrong}: expected a number from 0 to 1, received ${values[wrong]}`,
      );
    const used = truth
      .map((_, row) => row)
      .filter((row) => truth[row] !== undefined && !Number.isNaN(values[row]));
    skipped = Math.max(skipped, truth.length - used.length);
    rows = Math.max(rows, used.length);
    const groups = groupsOf(
      used.map((row) => [values[row], truth[row] === true]),
      bins,
    );
    const error =
      groups.reduce((sum, { mean, share, count }) => sum + Math.abs(mean - share) * count, 0) /
      Math.max(1, used.length);
    const paint = seriesPaint(at);
    errors.push(`${own === "" ? "" : `${own}: `}expected calibration error ${formatNumber(error)}`);
    keys.push({
      name: own === "" ? "observed share, 95 % interval" : own,
      paint,
      mark: "line",
    });
    for (const { mean, interval } of groups)
      marks.push({ type: "line", points: interval.map((end) => [mean, end] as const), paint, style: "pale" });
    marks.push({ type: "line", points: groups.map(({ mean, share }) => [mean, share] as const), paint });
    marks.push({
      type: "points",
      points: groups.map(({ mean, share, ...group }) => ({
        x: mean,
        y: share,
        paint,
        rows: rowsOf({ mean, share, ...group }, own),
      })),
    });
    if (at > 0) continue;
    const bars = histogram(
      used.map((row) => values[row]),
      Math.max(20, bins),
      [0, 1],
    );
    highest = Math.max(...bars.map(({ count }) => count), 1);
    const rectangles = bars
      .filter(({ count }) => count > 0)
      .map(({ low, high, count }) => {
        const shown: Rows = [
          ["probability", `${formatNumber(low)} to ${formatNumber(high)}`],
          ["rows", formatCount(count)],
        ];
        return { x: [low, high] as const, y: [0, count] as const, paint, rows: shown };
      });
    counts.push({ type: "rectangles", rectangles, gap: true });
  }
  keys.push({ name: "right probabilities", paint: "other", mark: "dashes" });
  const unit = { kind: "number", domain: [0, 1] } as const;
  const panels: PlotPanel[] = [
    {
      kind: "plot",
      x: { ...unit, label: "predicted probability" },
      y: { ...unit, label: `share of ${name === "" ? "the positive class" : name}` },
      marks,
      aspect: 0.8,
    },
    {
      kind: "plot",
      x: { ...unit, label: "predicted probability" },
      y: { ...linearAxis("rows", [0, highest]), integers: true },
      marks: counts,
      aspect: 0.25,
    },
  ];
  return new Picture({
    title: readText(options.title, "Calibration", `${CALL}: title`),
    description: `Share of the positive class against the predicted probability in ${bins} bins. ${errors.join(", ")}. Below it, the number of rows by probability.`,
    notes: [
      [`${formatCount(rows)} rows`.replace(/^1 rows$/, "1 row"), ...leftOut(skipped), ...errors].join(", "),
    ],
    keys,
    panels,
  });
}

function rowsOf({ mean, share, count, interval }: Group, name: string): Rows {
  return [
    ...(name === "" ? [] : [["probabilities", name] as const]),
    ["mean probability", formatNumber(mean)],
    ["share", formatNumber(share)],
    ["95 % interval", interval.map(formatNumber).join(" to ")],
    ["rows", formatCount(count)],
  ];
}

function groupsOf(rows: readonly (readonly [number, boolean])[], bins: number): Group[] {
  const groups = Array.from({ length: bins }, () => ({ sum: 0, right: 0, count: 0 }));
  for (const [probability, truth] of rows) {
    const group = groups[Math.min(bins - 1, Math.floor(probability * bins))];
    group.sum += probability;
    group.right += Number(truth);
    group.count++;
  }
  return groups
    .filter(({ count }) => count > 0)
    .map(({ sum, right, count }) => ({
      mean: sum / count,
      share: right / count,
      count,
      interval: wilson(right / count, count),
    }));
}

/** Returns (p + z² / 2n ± z √(p (1 - p) / n + z² / 4n²)) / (1 + z² / n) with z = 1.96. */
function wilson(share: number, count: number): [number, number] {
  const z = 1.96;
  const square = (z * z) / count;
  const half = z * Math.sqrt((share * (1 - share)) / count + square / (4 * count));
  return [
    Math.max(0, (share + square / 2 - half) / (1 + square)),
    Math.min(1, (share + square / 2 + half) / (1 + square)),
  ];
}
