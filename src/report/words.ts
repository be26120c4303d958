// Names and figures as a person reads them.

import { printable } from "../plot/markup.ts";
import { formatCount, formatNumber, formatShare } from "../plot/text.ts";
import type { Scores } from "../table/scores.ts";
import type { TargetDescription } from "../table/target.ts";

/** Longer names are shortened. */
const LONGEST = 60;

/** Returns a name in one line, shortened. */
export function shorten(name: string, longest = LONGEST): string {
  const characters = [...printable(name)];
  return characters.length <= longest
    ? characters.join("")
    : `${characters
        .slice(0, longest - 1)
        .join("")
        .trimEnd()}…`;
}

/** Returns names for display: shortened, and numbered where two became equal. */
export function namesFor(names: readonly string[]): ReadonlyMap<string, string> {
  const counts = new Map<string, number>();
  return new Map(
    names.map((name) => {
      const short = shorten(name);
      const count = (counts.get(short) ?? 0) + 1;
      counts.set(short, count);
      return [name, count === 1 ? short : `${shorten(name, LONGEST - 5)} (${count})`];
    }),
  );
}

/** Returns a list in words: "a, b and c". */
export function listOf(words: readonly string[], most = 6): string {
  const shown = words.slice(0, most);
  const more = words.length - shown.length;
  if (more > 0) return `${shown.join(", ")} and ${formatCount(more)} more`;
  return shown.length < 2 ? shown.join("") : `${shown.slice(0, -1).join(", ")} and ${shown.at(-1)}`;
}

/** Returns a sentence: with a capital letter and a full stop. */
export const sentence = (text: string): string =>
  `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?…]$/.test(text) ? "" : "."}`;

/** Returns a share as a percentage without a misleading 100 % or 0 %. */
export function percent(share: number): string {
  if (share > 0.9995 && share < 1) return "99.9 %";
  if (share > 0 && share < 0.0005) return "under 0.1 %";
  return formatShare(Math.round(1000 * share) / 1000);
}

/** What a metric is called, what it says, and how its values are written. */
interface MetricText {
  readonly name: string;
  readonly meaning: string;
  readonly format: (value: number) => string;
}

/** Returns the words for a metric of a target. */
export function metricText(metric: string, { name, classes = [], positive }: TargetDescription): MetricText {
  const unit = `in the units of ${shorten(name, 40)}`;
  const yes = shorten(String(positive ?? classes[1] ?? ""), 40);
  const share = percent;
  const texts: Partial<Record<keyof Scores, [string, string, MetricText["format"]]>> = {
    accuracy: ["Right answers", "share of the rows that get the right class", share],
    logLoss: ["Log loss", "how far the probabilities are from the truth; 0 is perfect", formatNumber],
    rocAuc: [
      "Area under the ROC curve",
      `how often it ranks a row of ${yes} above a row of the other class; 0.5 is guessing, 1 is perfect`,
      formatNumber,
    ],
    precision: ["Precision", `share of the answers ${yes} that are right`, share],
    recall: ["Recall", `share of the rows of ${yes} that are found`, share],
    f1: ["F1", "harmonic mean of precision and recall; 1 is perfect", formatNumber],
    averagePrecision: ["Average precision", "mean precision over all thresholds; 1 is perfect", formatNumber],
    topK: ["Among the most probable", "share of the rows whose class is among the most probable", share],
    rootMeanSquaredError: [
      "Root mean squared error",
      `typical error, where large ones count more, ${unit}`,
      formatNumber,
    ],
    meanAbsoluteError: ["Mean absolute error", `average distance from the truth, ${unit}`, formatNumber],
    meanSquaredError: ["Mean squared error", "mean of the squared errors", formatNumber],
    r2: [
      "R²",
      "share of the differences between rows that the model explains; 0 is always the mean",
      formatNumber,
    ],
    pinballLoss: ["Pinball loss", `error of the quantiles, ${unit}; lower is better`, formatNumber],
    intervalCoverage: [
      "Within the interval",
      "share of the rows from the lowest to the highest quantile",
      share,
    ],
  };
  const [label, meaning, format] = texts[metric as keyof Scores] ?? [
    metric,
    "the metric that was chosen",
    formatNumber,
  ];
  return { name: label, meaning, format };
}

/** What an encoder does to a column, by its type. */
const encoderTexts: Readonly<Record<string, string>> = {
  standardize: "scaled to mean 0 and standard deviation 1",
  robustScale: "scaled by its quartiles, with extremes cut",
  piecewiseLinear: "split into ranges",
  missingFlag: "a flag where it is missing",
  sign: "−1 or 1",
  oneHot: "one input for each category",
  lookup: "an embedding: numbers learned for each category",
  hashedWords: "its words, hashed",
  identity: "taken as it is",
};

/** Returns what encoders do, in words. */
export const encoderWords = (types: Iterable<string>): string =>
  [...new Set(types)].map((type) => encoderTexts[type] ?? type).join("; ");
