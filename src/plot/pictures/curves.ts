// Curves over epochs: the loss and the metrics of a training.

import { DataError, OptionError, show } from "../../errors.ts";
import { checkNames } from "../../options.ts";
import type { Paint } from "../colors.ts";
import type { Key, Mark, PlotPanel, Rows } from "../figure.ts";
import { Picture } from "../picture.ts";
import { isDrawable, logAxis } from "../scales.ts";
import { countOf, formatCount, formatNumber } from "../text.ts";
import { leftOut, type PictureOptions, readNumbers, readText, sample, thinLine } from "../values.ts";

/** The history of a training: lists with a value for each epoch. */
export interface TrainingHistory {
  readonly loss: ArrayLike<number>;
  readonly epoch?: ArrayLike<number> | undefined;
  /** The number of the best epoch, as in `epoch`. */
  readonly bestEpoch?: number | undefined;
  readonly [name: string]: unknown;
}

/** How to draw the curves of a training. */
export interface TrainingCurvesOptions extends PictureOptions {
  /** The names of the values to draw, such as ["loss", "accuracy"]; by default all of the history. */
  readonly values?: readonly string[] | undefined;
}

/** A curve with a value for each epoch. */
interface Series {
  readonly name: string;
  readonly values: ArrayLike<number>;
  readonly paint: Paint;
}

const CALL = "trainingCurves";

/** Lists of a history that are not measures of the model. */
const OTHERS = ["epoch", "learningRate", "seconds", "validationRows"];

/** Returns words: "validationLoss" is "validation loss". */
const wordsOf = (name: string) => name.replace(/([a-z])([A-Z])/g, "$1 $2").toLowerCase();

/**
 * Draws the loss and the metrics of a training by epoch, each with its validation, and marks the best epoch.
 * It takes the history that `fit` returns, or a trained model. A loss that spans more than a decade has a
 * logarithmic axis.
 *
 * @example
 * ```ts
 * const history = await model.fit(data, { epochs: 5, validationSplit: 0.2 });
 * trainingCurves(history).terminal(); // the curves as text
 * ```
 *
 * @throws DataError if there is no history or it has no list `loss`; OptionError for an unknown option.
 */
export function trainingCurves(
  source: TrainingHistory | { readonly history: object | undefined },
  options: TrainingCurvesOptions = {},
): Picture {
  checkNames(options, ["title", "values"], CALL);
  const history = readHistory(source);
  const measured = Object.keys(history).filter((name) => isList(history[name]) && !OTHERS.includes(name));
  const wanted = options.values ?? measured.filter((name) => !isValidation(name, measured));
  const unknown = wanted.find((name) => !measured.includes(name));
  if (unknown !== undefined) {
    throw new OptionError(
      `${CALL}: values: expected names of ${measured.map((name) => show(name)).join(", ")}, received ${show(unknown)}`,
    );
  }
  const epochs = history.epoch === undefined ? undefined : readNumbers(history.epoch, `${CALL}: epoch`);
  const count = readNumbers(history.loss, `${CALL}: loss`).length;
  const best = bestOf(history.bestEpoch, epochs, count);
  let omitted = 0;
  const panels = wanted.map((name) => {
    const other = `validation${name[0].toUpperCase()}${name.slice(1)}`;
    const names = measured.includes(other) ? [name, other] : [name];
    const series = names.map(
      (one, at): Series => ({
        name: one === name ? (names.length > 1 ? "training" : wordsOf(one)) : "validation",
        values: readNumbers(history[one], `${CALL}: ${one}`),
        paint: at === 0 ? "s0" : "s1",
      }),
    );
    omitted += series.reduce(
      (sum, { values }) => sum + Array.from(values).filter((value) => !isDrawable(value)).length,
      0,
    );
    return curvePanel(wordsOf(name), series, {
      ...(best !== undefined && { best }),
      ...(epochs && { epochs }),
    });
  });
  const hasValidation = measured.some((name) => isValidation(name, measured));
  const keys: Key[] = [
    { name: "training", paint: "s0", mark: "line" },
    ...(hasValidation ? [{ name: "validation", paint: "s1", mark: "line" } as const] : []),
    ...(best !== undefined ? [{ name: "best epoch", paint: "text", mark: "rule" } as const] : []),
  ];
  const bestText = best === undefined ? [] : [`best epoch ${formatCount((epochs?.[best] ?? best) + 1)}`];
  const title = readText(options.title, "Training curves", `${CALL}: title`);
  return new Picture({
    title,
    description: `Curves of ${wanted.map(wordsOf).join(", ")} by epoch${hasValidation ? ", for training and validation" : ""}.`,
    notes: [[countOf(count, "epoch"), ...bestText, ...leftOut(omitted, "value")].join(", ")],
    keys,
    panels,
    columns: 2,
  });
}

const isList = (value: unknown) => Array.isArray(value) || ArrayBuffer.isView(value);

function isValidation(name: string, all: readonly string[]): boolean {
  const own = /^validation([A-Z].*)$/.exec(name)?.[1];
  return own !== undefined && all.includes(`${own[0].toLowerCase()}${own.slice(1)}`);
}

function readHistory(source: unknown): TrainingHistory {
  const hasHistory = source !== null && typeof source === "object" && "history" in source;
  const history = hasHistory ? source.history : source;
  if (history === undefined && hasHistory)
    throw new DataError(
      `${CALL}: expected a trained model, received one without a history. Fix: train it first`,
    );
  if (history !== null && typeof history === "object" && isList((history as TrainingHistory).loss))
    return history as TrainingHistory;
  throw new DataError(`${CALL}: expected a history with a list "loss", or a model, received ${show(source)}`);
}

/** Returns the index of the best epoch. */
function bestOf(best: unknown, epochs: Float64Array | undefined, count: number): number | undefined {
  if (typeof best !== "number") return undefined;
  const index = epochs === undefined ? best : epochs.indexOf(best);
  return index >= 0 && index < count ? index : undefined;
}

/** Returns a panel with curves over epochs, which readers count from 1. */
export function curvePanel(
  label: string,
  series: readonly Series[],
  { best, epochs }: { best?: number; epochs?: Float64Array },
): PlotPanel {
  const epochOf = (index: number) => (epochs?.[index] ?? index) + 1;
  const lines = series.map(({ values, paint }) => ({
    paint,
    points: Array.from(values, (value, at) => [epochOf(at), value] as const).filter(([, value]) =>
      isDrawable(value),
    ),
  }));
  const all = lines.flatMap(({ points }) => points.map(([, value]) => value));
  const count = Math.max(0, ...series.map(({ values }) => values.length));
  const last = series[0] && [...lines[0].points].at(-1);
  const end =
    series.length === 1 && last !== undefined
      ? `: ${formatNumber(last[1])} in epoch ${formatCount(last[0])}`
      : "";
  const slices = sample(
    Array.from({ length: count }, (_, at) => at),
    300,
  ).map((at) => {
    const rows: Rows = [
      ["epoch", formatCount(epochOf(at))],
      ...series.map(({ name, values }) => [name, formatNumber(values[at])] as const),
    ];
    return { x: epochOf(at), rows };
  });
  const marks: Mark[] = lines.map(({ points, paint }) => ({ type: "line", points: thinLine(points), paint }));
  for (const { points, paint } of lines)
    if (points.length === 1)
      marks.push({ type: "points", points: [{ x: points[0][0], y: points[0][1], paint }] });
  if (best !== undefined) marks.push({ type: "rule", x: epochOf(best) });
  return {
    kind: "plot",
    x: {
      kind: "number",
      label: "epoch",
      domain: [epochOf(0), Math.max(epochOf(0) + 1, epochOf(Math.max(0, count - 1)))],
      integers: true,
    },
    y: logAxis(`${label}${end}`, all),
    marks: [...marks, { type: "slices", slices }],
  };
}
