/** evaluationReport: how good the predictions of rows are, and where they are wrong. */
import { DataError, show } from "../../errors.ts";
import { type ClassScores, classificationReport, confusionMatrix } from "../../metrics/report.ts";
import { checkNames } from "../../options.ts";
import { alignTable, withText } from "../../textTable.ts";
import { BLOCK } from "../answering.ts";
import { decideAll, positiveOf } from "../decision.ts";
import { type Frame, framesOf, type TableRows } from "../frame.ts";
import { baselineOf } from "../honest.ts";
import type { TableParts, TrainedTarget } from "../parts.ts";
import { type RowName, rowsFrom } from "../reading.ts";
import { type Scores, scoreTarget } from "../scores.ts";
import { partsOf } from "../tableModel.ts";
import { type ClassValue, readTargets, type TargetDescription, type Task } from "../target.ts";
import { type AnyTableModel, questionOf, targetOf } from "./questions.ts";

/** How to report. */
export interface EvaluationReportOptions {
  /** The target, for a model of several. */
  readonly target?: string | undefined;
}

/** The predictions whose probability is in a range, and how often they are right. */
export interface CalibrationBin {
  /** The range of the probability. */
  readonly low: number;
  readonly high: number;
  /** Predictions in the range. */
  readonly rows: number;
  /** Their mean probability. */
  readonly predicted: number;
  /** The share of them that is right. */
  readonly observed: number;
}

/** How good predictions are. */
export interface EvaluationReport {
  readonly target: string;
  readonly task: Task;
  /** Rows with a target: those that are scored. */
  readonly rows: number;
  readonly scores: Scores;
  /** What the mean, or the commonest class, of the training rows scores on the same rows. */
  readonly baseline: Scores;
  /** Classes: the classes, in the order of the matrix. */
  readonly classes?: readonly ClassValue[];
  /** Classes: [actual][predicted], the number of rows. */
  readonly confusion?: readonly (readonly number[])[];
  /** Classes: the scores of each class, in the same order. */
  readonly byClass?: readonly (ClassScores & { readonly class: ClassValue })[];
  /** Two classes: the one that `calibration` is about. */
  readonly positive?: ClassValue;
  /**
   * Classes: the probability of the positive class of two, or of the answer among more, in ten ranges. Ranges
   * without rows are left out.
   */
  readonly calibration?: readonly CalibrationBin[];
  /** Classes: the mean of |predicted - observed| over the rows of all ranges (expected calibration error). */
  readonly calibrationError?: number;
  /** Numbers: the quantiles of prediction - target by their shares. */
  readonly errors?: Readonly<Record<string, number>>;
  /** All of it as tables. */
  readonly text: string;
  toString(): string;
}

const CALL = "evaluationReport";
const BINS = 10;
const SHARES = [0, 0.05, 0.25, 0.5, 0.75, 0.95, 1];

/** Predictions of rows that come in blocks, with the targets. */
interface Collected {
  readonly targets: Float64Array;
  readonly predictions: Float64Array;
  readonly quantiles: Float64Array | undefined;
}

/**
 * Returns how good the predictions for rows with targets are: the scores of `evaluate` beside those of the mean
 * or the commonest class, and for classes the confusion matrix, the scores of each class and how far the
 * probabilities can be trusted. Rows without a target are left out. Of a stream no more than a block is in
 * memory, with the predictions and targets of all rows.
 *
 * @example
 * ```ts
 * const { scores, confusion, text } = await evaluationReport(model, otherRows);
 * ```
 *
 * @throws DataError if the rows have no target; OptionError for an unknown option or target.
 */
export async function evaluationReport(
  model: AnyTableModel,
  rows: TableRows | AsyncIterable<object>,
  options: EvaluationReportOptions = {},
): Promise<EvaluationReport> {
  const parts = partsOf(model, CALL);
  checkNames(options, ["target"], CALL);
  const trained = targetOf(parts, options.target, CALL);
  const { description } = trained;
  const found = await collect(parts, trained, rows);
  const { targets, predictions, quantiles } = found;
  const levels = description.quantiles;
  const beside = levels && quantiles ? { quantiles: { levels, values: quantiles } } : {};
  const report = {
    target: description.name,
    task: description.task,
    rows: targets.length,
    scores: scoreTarget(description, targets, predictions, beside),
    baseline: baselineOf(description, targets, trained.learned.prior),
    ...(description.classes === undefined
      ? { errors: errorsOf(found) }
      : classesOf(description, description.classes, found)),
  };
  return withText(report, textOf(report));
}

async function collect(
  parts: TableParts,
  trained: TrainedTarget,
  rows: TableRows | AsyncIterable<object>,
): Promise<Collected> {
  const { description } = trained;
  const { name, classes, quantiles: levels = [] } = description;
  const question = questionOf(parts, trained, CALL);
  const [targets, predictions, quantiles]: number[][] = [[], [], []];
  const width = classes?.length ?? 1;
  let before = 0;
  const isStream = Symbol.asyncIterator in rows;
  for await (const block of isStream ? framesOf(rows, BLOCK, CALL, {}) : [rows]) {
    const frame = question.read(block);
    const nameOf = rowsFrom(before);
    const known = targetsOf(description, frame, nameOf);
    before += frame.rows;
    const found = question.predictAll(frame, nameOf);
    for (let row = 0; row < frame.rows; row++) {
      if (Number.isNaN(known[row])) continue;
      targets.push(known[row]);
      for (let at = 0; at < width; at++) predictions.push(found.values[row * width + at]);
      for (let at = 0; at < levels.length; at++)
        quantiles.push(found.quantiles?.[row * levels.length + at] ?? Number.NaN);
    }
  }
  if (targets.length === 0) {
    throw new DataError(`${CALL}: expected rows with a value of the target ${show(name)}, received none`);
  }
  return {
    targets: Float64Array.from(targets),
    predictions: Float64Array.from(predictions),
    quantiles: levels.length > 0 ? Float64Array.from(quantiles) : undefined,
  };
}

function targetsOf(description: TargetDescription, frame: Frame, nameOf: RowName): Float64Array {
  const cells = frame.cells.get(description.name);
  if (cells !== undefined) return readTargets(description, cells, CALL, nameOf);
  throw new DataError(
    `${CALL}: expected the target ${show(description.name)} among the columns, received ${frame.names.slice(0, 10).map(show).join(", ")}. Fix: give rows whose answers are known`,
  );
}

function classesOf(
  description: TargetDescription,
  classes: readonly ClassValue[],
  { targets, predictions }: Collected,
): Omit<EvaluationReport, "target" | "task" | "rows" | "scores" | "baseline" | "text"> {
  const decisions = Array.from(decideAll(description, predictions));
  const actual = Array.from(targets);
  const confusion = confusionMatrix(actual, decisions, { classes: classes.length });
  const scores = classificationReport(actual, decisions, { classes: classes.length }).classes;
  const byClass = classes.map((name, at) => {
    const { precision, recall, f1, support } = scores.find((one) => one.class === at) ?? {
      ...{ precision: 0, recall: 0, f1: 0, support: 0 },
    };
    return { class: name, precision, recall, f1, support };
  });
  const calibration = calibrate(description, classes.length, { targets, predictions }, decisions);
  const off = calibration.reduce(
    (sum, { rows, predicted, observed }) => sum + rows * Math.abs(predicted - observed),
    0,
  );
  return {
    ...{ classes, confusion, byClass },
    ...(classes.length === 2 && { positive: classes[positiveOf(description)] }),
    ...{ calibration, calibrationError: off / targets.length },
  };
}

/** Of two classes the probabilities of the positive one, of more those of the answers, in ten ranges. */
function calibrate(
  description: TargetDescription,
  width: number,
  { targets, predictions }: Pick<Collected, "targets" | "predictions">,
  decisions: readonly number[],
): CalibrationBin[] {
  const bins = Array.from({ length: BINS }, () => ({ rows: 0, predicted: 0, observed: 0 }));
  for (const [row, target] of targets.entries()) {
    const one = width === 2 ? positiveOf(description) : decisions[row];
    const probability = predictions[row * width + one];
    const bin = bins[Math.min(BINS - 1, Math.floor(probability * BINS))];
    bin.rows++;
    bin.predicted += probability;
    bin.observed += Number(target === one);
  }
  return bins.flatMap(({ rows, predicted, observed }, at) =>
    rows === 0
      ? []
      : [
          {
            ...{ low: at / BINS, high: (at + 1) / BINS, rows },
            ...{ predicted: predicted / rows, observed: observed / rows },
          },
        ],
  );
}

function errorsOf({ targets, predictions }: Collected): Record<string, number> {
  const errors = predictions.map((value, row) => value - targets[row]).sort();
  return Object.fromEntries(
    SHARES.map((share) => {
      const place = share * (errors.length - 1);
      const below = Math.floor(place);
      const above = errors[Math.min(below + 1, errors.length - 1)];
      return [String(share), errors[below] + (place - below) * (above - errors[below])];
    }),
  );
}

const figure = (value: number | undefined) =>
  value === undefined ? "" : Number.isInteger(value) ? String(value) : value.toPrecision(4);

const short = (name: ClassValue) => {
  const text = String(name);
  return text.length > 16 ? `${text.slice(0, 15)}…` : text;
};

/** Matrices of more classes are not printed: nobody reads them. */
const MOST_CLASSES = 20;

function textOf(report: Omit<EvaluationReport, "text" | "toString">): string {
  const { target, task, rows, scores, baseline, classes = [], confusion, byClass, calibration } = report;
  const { coverage = {}, ...figures } = scores;
  const base = task === "regression" ? "always the mean" : "always the commonest class";
  const lines = [
    `${target}: ${rows} ${rows === 1 ? "row" : "rows"}`,
    "",
    ...alignTable(
      [
        ["", "this model", base],
        ...Object.entries(figures).map(([name, value]) => [
          ...[name, figure(value), figure(baseline[name as keyof typeof figures])],
        ]),
        ...Object.entries(coverage).map(([level, share]) => [
          ...[`at or below quantile ${level}`, figure(share), ""],
        ]),
      ],
      [0],
    ),
  ];
  if (report.errors !== undefined) {
    // Whole numbers come first among the keys of an object.
    const shares = Object.entries(report.errors).sort(([a], [b]) => Number(a) - Number(b));
    lines.push("", "prediction - target, by the share of rows at or below");
    lines.push(
      ...alignTable([
        shares.map(([share]) => `${Math.round(100 * Number(share))} %`),
        shares.map(([, value]) => figure(value)),
      ]),
    );
  }
  if (confusion !== undefined && classes.length > 1 && classes.length <= MOST_CLASSES) {
    lines.push("", "rows by actual class (down) and answer (across)");
    lines.push(
      ...alignTable(
        [
          ["", ...classes.map(short)],
          ...confusion.map((row, at) => [short(classes[at]), ...row.map(String)]),
        ],
        [0],
      ),
    );
  }
  if (byClass !== undefined && classes.length > 1) {
    lines.push("");
    lines.push(
      ...alignTable(
        [
          ["class", ...Object.keys(byClass[0]).filter((name) => name !== "class")],
          ...byClass.map(({ class: name, support, ...shares }) => [
            short(name),
            ...Object.values(shares).map((value) => value.toFixed(3)),
            String(support),
          ]),
        ],
        [0],
      ),
    );
  }
  if (calibration !== undefined && classes.length > 1) {
    const { positive } = report;
    const of = positive === undefined ? "its answer" : show(String(positive));
    lines.push("", `the probability of ${of}, and how often it is right`);
    lines.push(
      ...alignTable([
        ["probability", "mean", "right", "rows"],
        ...calibration.map(({ low, high, predicted, observed, rows: count }) => [
          `${Math.round(100 * low)} to ${Math.round(100 * high)} %`,
          ...[predicted, observed].map((share) => `${(100 * share).toFixed(1)} %`),
          String(count),
        ]),
      ]),
    );
  }
  return lines.join("\n");
}
