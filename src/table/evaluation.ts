/** Scores of rows that a table model has not necessarily learned from, which may come in blocks. */
import { DataError, show } from "../errors.ts";
import type { MisspeltCheck } from "../options/misspelt.ts";
import { STREAMED, type TargetPredictor } from "./answering.ts";
import { readWeights } from "./columnOptions.ts";
import type { ColumnDescription, TypedColumn } from "./columns.ts";
import { everyRow, type Frame, framesOf } from "./frame.ts";
import { checkFrame } from "./parts.ts";
import { type ReadLimits, rowsFrom } from "./reading.ts";
import { type Scores, scoreTarget } from "./scores.ts";
import { readTargets } from "./target.ts";
import { typeFrame } from "./typedRows.ts";

/** How to evaluate. */
export interface EvaluateTableOptions {
  /** The column, or a list, of a weight for each row, at least 0. By default all rows count alike. */
  readonly sampleWeight?: string | readonly number[] | Float32Array | Float64Array | undefined;
}

const CALL = "evaluate";

/** Collects the predictions, the targets and the weights of rows for all targets of a model. */
export class Evaluation {
  readonly #used: readonly ColumnDescription[];
  readonly #check: MisspeltCheck;
  readonly #targets: readonly TargetEvaluation[];
  #rows = 0;

  constructor(
    predictors: readonly TargetPredictor[],
    used: readonly ColumnDescription[],
    check: MisspeltCheck,
  ) {
    this.#used = used;
    this.#check = check;
    this.#targets = predictors.map((predictor) => new TargetEvaluation(predictor));
  }

  /** Adds a block of rows. */
  add(frame: Frame, sampleWeight: EvaluateTableOptions["sampleWeight"]): void {
    const nameOf = rowsFrom(this.#rows);
    const weights = readWeights(sampleWeight, frame, frame, CALL, nameOf);
    checkFrame(this.#check, frame, CALL);
    const columns = typeFrame(this.#used, frame, CALL, nameOf);
    for (const target of this.#targets) {
      const { description } = target.predictor;
      const cells = frame.cells.get(description.name);
      if (cells === undefined && this.#rows === 0) {
        throw new DataError(
          frame.rows === 0
            ? `${CALL}: expected rows, received none`
            : `${CALL}: expected the target ${show(description.name)} among the columns, received none. Fix: give rows with their targets; predict needs none`,
        );
      }
      if (cells !== undefined) target.add(columns, readTargets(description, cells, CALL, nameOf), weights);
    }
    this.#rows += frame.rows;
  }

  /** Adds a stream of records or frames, a block after the other, and returns the scores. */
  async addAll(rows: AsyncIterable<unknown>, weights: string | undefined, limits: ReadLimits) {
    for await (const frame of framesOf(rows, STREAMED, CALL, limits)) this.add(frame, weights);
    return this.scores();
  }

  /** The scores of the target, or by the names of several targets. */
  scores(): Scores | Readonly<Record<string, Scores>> {
    const [first, ...others] = this.#targets;
    if (others.length === 0) return first.scores();
    return Object.fromEntries(
      this.#targets.map((target) => [target.predictor.description.name, target.scores()]),
    );
  }
}

/** Predictions, targets and weights for one target. */
class TargetEvaluation {
  readonly predictor: TargetPredictor;
  readonly #targets: Float64Array[] = [];
  readonly #values: Float64Array[] = [];
  readonly #quantiles: Float64Array[] = [];
  readonly #weights: Float64Array[] = [];

  constructor(predictor: TargetPredictor) {
    this.predictor = predictor;
  }

  /** Adds the rows that have a target. */
  add(
    columns: ReadonlyMap<string, TypedColumn>,
    targets: Float64Array,
    weights: Float64Array | undefined,
  ): void {
    const known = everyRow(targets.length).filter((row) => !Number.isNaN(targets[row]));
    if (known.length === 0) return;
    const { values, quantiles } = this.predictor.rows(columns, known);
    this.#targets.push(Float64Array.from(known, (row) => targets[row]));
    this.#values.push(values);
    if (quantiles !== undefined) this.#quantiles.push(quantiles);
    if (weights !== undefined) this.#weights.push(Float64Array.from(known, (row) => weights[row]));
  }

  scores(): Scores {
    if (this.#targets.length === 0)
      throw new DataError(`${CALL}: expected rows with a target, received none`);
    const { description } = this.predictor;
    const { quantiles: levels } = description;
    return scoreTarget(description, joined(this.#targets), joined(this.#values), {
      ...(levels && { quantiles: { levels, values: joined(this.#quantiles) } }),
      ...(this.#weights.length > 0 && { weights: joined(this.#weights) }),
    });
  }
}

/** Arrays one after the other. */
function joined(arrays: readonly Float64Array[]): Float64Array {
  if (arrays.length === 1) return arrays[0];
  const all = new Float64Array(arrays.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const array of arrays) {
    all.set(array, at);
    at += array.length;
  }
  return all;
}
