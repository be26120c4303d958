/** Explains one answer of a table model: Shapley values of its columns. */
import { DataError, OptionError } from "../../errors.ts";
import { checkNames, readSize } from "../../options.ts";
import { permutation } from "../../random.ts";
import { readSeed } from "../../seed.ts";
import { withText } from "../../textTable.ts";
import { outputsOf } from "../answering.ts";
import { backgroundFrame } from "../background.ts";
import { isMissing } from "../cells.ts";
import { type ColumnDescription, cellReader } from "../columns.ts";
import { decider } from "../decision.ts";
import { Frame, type TableRows } from "../frame.ts";
import type { TableParts } from "../parts.ts";
import { partsOf } from "../tableModel.ts";
import type { ClassValue, TargetDescription } from "../target.ts";
import { explanationText } from "./explanationText.ts";
import { type AnyTableModel, type Question, questionOf, readClass, targetOf } from "./questions.ts";

/** How to explain an answer. */
export interface TableExplainOptions {
  /** The class whose probability is explained; by default the class that the model answers. */
  readonly class?: ClassValue | undefined;
  /** The target, for a model of several. */
  readonly target?: string | undefined;
  /**
   * The rows to compare with; by default the training rows that the model keeps. One row answers "why this
   * and not that".
   */
  readonly background?: TableRows | undefined;
  /**
   * The number of rows that may be predicted; 4096 by default. Up to it the contributions are exact; beyond
   * they are estimated from orders of the columns, at least two for each background row.
   */
  readonly evaluations?: number | undefined;
  /** Decides the orders of the columns; by default the model's seed. */
  readonly seed?: number | undefined;
}

/** What one column contributes to an answer. */
export interface ColumnContribution {
  readonly name: string;
  /** The cell of the row; undefined if the row lacks the field. */
  readonly value: unknown;
  /** The contribution in the target's unit, or to the probability of the class. */
  readonly contribution: number;
}

/** Why the model answers so. The baseline and all contributions add up to the prediction. */
export interface TableExplanation {
  readonly target: string;
  /** The class whose probability is explained; only for classes. */
  readonly class?: ClassValue;
  /** The predicted number, or the probability of the class. */
  readonly prediction: number;
  /** The mean prediction of the background rows. */
  readonly baseline: number;
  /** The columns that the model uses, the largest contribution first, whatever its sign. */
  readonly columns: readonly ColumnContribution[];
  /** Whether the contributions are exact; else they are estimates, whose sum is exact. */
  readonly isExact: boolean;
  /** A line for each column. */
  readonly text: string;
  toString(): string;
}

const CALL = "explain";
const OPTIONS: readonly (keyof TableExplainOptions)[] = [
  ...(["class", "target", "background", "evaluations", "seed"] as const),
];
const EVALUATIONS = 4096;
const MOST_EVALUATIONS = 2 ** 18;
/** The most rows of a background. */
const MOST_ROWS = 1000;
/** The purpose of these draws, beside those of `random.ts`. */
const PURPOSE = 34;

/**
 * Returns what each column contributes to the answer for a row: its Shapley value. A list of records gives a
 * list of explanations.
 *
 * The value v(S) of a set S of columns is the mean prediction over the background rows b, each with the
 * columns of S replaced by those of the row x: v(S) = mean_b f(x_S, b_rest). The contribution of column i is
 * the mean, over all orders of the columns, of the change v(S ∪ i) - v(S), where S are the columns before i.
 * All contributions add up to f(x) - mean_b f(b). (Shapley, 1953; Lundberg and Lee, "A Unified Approach to
 * Interpreting Model Predictions", 2017; the values of SHAP with an interventional background.) f is the
 * predicted number, or the probability of a class.
 *
 * With few columns all sets are predicted, and the contributions are exact. Otherwise they are estimated from
 * random orders and their reverses (Castro, Gómez and Tejada, "Polynomial calculation of the Shapley value
 * based on sampling", 2009; Štrumbelj and Kononenko, 2014), equally many for each background row, so that the
 * sum stays exact.
 *
 * @example
 * ```ts
 * const { prediction, baseline, columns } = explain(model, rows[0]);
 * console.log(String(explain(model, rows[0], { class: "Gentoo" })));
 * ```
 *
 * @throws OptionError for an unknown option, class or target, or if the model keeps no background and none is
 * given; DataError if a cell cannot be read as its column's type.
 */
export function explain(
  model: AnyTableModel,
  rows: readonly object[],
  options?: TableExplainOptions,
): TableExplanation[];
export function explain(model: AnyTableModel, row: object, options?: TableExplainOptions): TableExplanation;
export function explain(
  model: AnyTableModel,
  rows: object,
  options: TableExplainOptions = {},
): TableExplanation | TableExplanation[] {
  const parts = partsOf(model, CALL);
  checkNames(options, OPTIONS, CALL);
  const target = targetOf(parts, options.target, CALL);
  const { description } = target;
  const question = questionOf(parts, target, CALL);
  const { columns } = question;
  const background =
    columns.length === 0 ? new Frame(new Map(), 1) : readBackground(options, parts, question);
  const setting: Setting = {
    question,
    description,
    background,
    evaluations: readEvaluations(options.evaluations),
    seed: options.seed === undefined ? model.seed : readSeed(options.seed, `${CALL}: seed`),
    output: chooseOutput(description, options.class),
    base: question.predict(background),
  };
  const isOne = !(Symbol.iterator in Object(rows));
  const frame = question.read(isOne ? [rows] : rows);
  const predictions = question.predict(frame);
  const outputs = outputsOf(description);
  const decide = decider(description);
  const explanations = Array.from({ length: frame.rows }, (_, row) => {
    const output = setting.output ?? decide(predictions, row * outputs);
    return explainRow(setting, frame, row, output, predictions[row * outputs + output]);
  });
  return isOne ? explanations[0] : explanations;
}

interface Setting {
  readonly question: Question;
  readonly description: TargetDescription;
  readonly background: Frame;
  readonly evaluations: number;
  readonly seed: number;
  /** The output that is explained; undefined for that of the answered class. */
  readonly output: number | undefined;
  /** Predictions of the background, [rows][outputs]. */
  readonly base: Float64Array;
}

function chooseOutput({ classes }: TargetDescription, given: unknown): number | undefined {
  if (classes === undefined) {
    if (given === undefined) return 0;
    throw new OptionError(
      `${CALL}: class: expected none, because the target is a number. Fix: leave the option out`,
    );
  }
  return given === undefined ? undefined : readClass(classes, given, CALL);
}

function readEvaluations(given: unknown): number {
  if (given === undefined) return EVALUATIONS;
  const evaluations = readSize(given, `${CALL}: evaluations`);
  if (evaluations <= MOST_EVALUATIONS) return evaluations;
  throw new OptionError(
    `${CALL}: evaluations: expected at most ${MOST_EVALUATIONS}, received ${evaluations}`,
  );
}

function readBackground({ background }: TableExplainOptions, parts: TableParts, { read }: Question): Frame {
  if (background !== undefined) {
    const frame = read(background, `${CALL}: background`);
    if (frame.rows > 0 && frame.rows <= MOST_ROWS) return frame;
    throw new DataError(
      `${CALL}: background: expected 1 to ${MOST_ROWS} rows, received ${frame.rows}. Fix: pass a random sample of the training rows`,
    );
  }
  if (parts.background !== undefined) return backgroundFrame(parts.background, parts.columns);
  throw new OptionError(
    `${CALL}: background: expected rows, because the model was fitted with background: 0. Fix: pass some training rows as the option background`,
  );
}

/** A row of the background with some columns of the row that is explained. */
interface Mixture {
  readonly background: number;
  /** By the columns of the model: whether the value is that of the row. */
  readonly isOwn: Uint8Array;
}

function explainRow(
  setting: Setting,
  frame: Frame,
  row: number,
  output: number,
  prediction: number,
): TableExplanation {
  const { question, description, background, seed } = setting;
  const { columns } = question;
  const { classes } = description;
  const outputs = outputsOf(description);
  const own = columns.map(({ name }) => frame.cells.get(name)?.[row]);
  const differing = differences(columns, own, background);
  const mixtures: Mixture[] = [];
  const request = (at: number, isOwn: Uint8Array) => mixtures.push({ background: at, isOwn }) - 1;
  const exactRows = differing.reduce((sum, { length }) => sum + 2 ** length, 0);
  const isExact = exactRows <= setting.evaluations || differing.every(({ length }) => length <= 2);
  const rounds = Math.max(1, Math.floor(setting.evaluations / walkRows(differing)));
  const games = differing.map((players, at) =>
    isExact
      ? exactGame(players, columns.length, (isOwn) => request(at, isOwn))
      : sampledGame(players, columns.length, { seed, rounds, at }, (isOwn) => request(at, isOwn)),
  );
  const all = question.predict(mix(columns, own, background, mixtures));
  const valueAt = (mixture: number) => all[mixture * outputs + output];
  const sums = new Float64Array(columns.length);
  for (const game of games) game(valueAt, sums);
  let baseline = 0;
  for (let at = 0; at < background.rows; at++) baseline += setting.base[at * outputs + output];
  baseline /= background.rows;
  const contributions = columns
    .map(({ name }, at) => ({ name, value: own[at], contribution: sums[at] / background.rows }))
    .sort((a, b) => Math.abs(b.contribution) - Math.abs(a.contribution));
  const explanation = {
    target: description.name,
    ...(classes && { class: classes[output] }),
    prediction,
    baseline,
    columns: contributions,
    isExact,
  };
  return withText(explanation, explanationText(explanation));
}

/** The columns in which the row differs from each background row; the others contribute nothing. */
function differences(
  columns: readonly ColumnDescription[],
  own: readonly unknown[],
  background: Frame,
): number[][] {
  const readers = columns.map((description) => {
    if (description.type === "text") return (cell: unknown) => (isMissing(cell) ? "" : String(cell));
    return cellReader(description);
  });
  const values = readers.map((read, at) => read(own[at]));
  return Array.from({ length: background.rows }, (_, row) =>
    columns.flatMap(({ name }, at) =>
      Object.is(readers[at](background.cells.get(name)?.[row]), values[at]) ? [] : [at],
    ),
  );
}

/** Rows that one order of the columns and its reverse take, over all background rows. */
const walkRows = (differing: readonly number[][]) =>
  Math.max(
    1,
    differing.reduce((sum, { length }) => sum + 2 * length, 0),
  );

/** Adds the Shapley values of one background row to `sums`, once the mixtures are predicted. */
type Game = (valueAt: (mixture: number) => number, sums: Float64Array) => void;

/** All sets of the columns: bit k of a set's number is player k. */
function exactGame(players: readonly number[], width: number, request: (isOwn: Uint8Array) => number): Game {
  const count = players.length;
  const sets = Array.from({ length: 2 ** count }, (_, set) => {
    const isOwn = new Uint8Array(width);
    for (const [bit, player] of players.entries()) isOwn[player] = (set >> bit) & 1;
    return request(isOwn);
  });
  const sizeOf = (set: number) => {
    let size = 0;
    for (let rest = set; rest > 0; rest >>= 1) size += rest & 1;
    return size;
  };
  // |S|! (n - |S| - 1)! / n!, the share of the orders in which exactly S comes before a player.
  const shares = [1 / Math.max(1, count)];
  for (let size = 1; size < count; size++) shares.push((shares[size - 1] * size) / (count - size));
  return (valueAt, sums) => {
    for (const [bit, player] of players.entries()) {
      for (let set = 0; set < sets.length; set++) {
        if ((set >> bit) & 1) continue;
        sums[player] += shares[sizeOf(set)] * (valueAt(sets[set | (1 << bit)]) - valueAt(sets[set]));
      }
    }
  };
}

/** Random orders of the columns, each with its reverse. */
function sampledGame(
  players: readonly number[],
  width: number,
  { seed, rounds, at }: { readonly seed: number; readonly rounds: number; readonly at: number },
  request: (isOwn: Uint8Array) => number,
): Game {
  const order = new Uint32Array(players.length);
  const none = request(new Uint8Array(width));
  const full = new Uint8Array(width);
  for (const player of players) full[player] = 1;
  const all = request(full);
  const walks = Array.from({ length: rounds }, (_, round) => {
    permutation(seed, { purpose: PURPOSE, index: at * rounds + round }, order);
    const forward = Array.from(order, (place) => players[place]);
    return [forward, forward.toReversed()].map((steps) => {
      const isOwn = new Uint8Array(width);
      const states = steps.slice(0, -1).map((player) => {
        isOwn[player] = 1;
        return request(isOwn.slice());
      });
      return { steps, states: [none, ...states, all] };
    });
  }).flat();
  return (valueAt, sums) => {
    for (const { steps, states } of walks) {
      for (const [place, player] of steps.entries())
        sums[player] += (valueAt(states[place + 1]) - valueAt(states[place])) / walks.length;
    }
  };
}

/** The rows to predict. */
function mix(
  columns: readonly ColumnDescription[],
  own: readonly unknown[],
  background: Frame,
  mixtures: readonly Mixture[],
): Frame {
  const cells = columns.map(({ name }, at) => {
    const others = background.cells.get(name);
    return [
      name,
      mixtures.map(({ background: row, isOwn }) => (isOwn[at] ? own[at] : others?.[row])),
    ] as const;
  });
  return new Frame(new Map(cells), mixtures.length);
}
