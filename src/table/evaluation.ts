/** Scores of rows that come in blocks. */
import { DataError } from "../errors.ts";
import type { TargetPredictor } from "./answering.ts";
import type { TypedColumn } from "./columns.ts";
import { everyRow } from "./frame.ts";
import { type Scores, scoreTarget } from "./scores.ts";

/** Predictions and targets of rows that come in blocks. */
export class Evaluation {
  readonly predictor: TargetPredictor;
  readonly #targets: Float64Array[] = [];
  readonly #values: Float64Array[] = [];
  readonly #quantiles: Float64Array[] = [];

  constructor(predictor: TargetPredictor) {
    this.predictor = predictor;
  }

  /** Adds the rows that have a target. */
  add(columns: ReadonlyMap<string, TypedColumn>, targets: Float64Array): void {
    const known = everyRow(targets.length).filter((row) => !Number.isNaN(targets[row]));
    if (known.length === 0) return;
    const { values, quantiles } = this.predictor.rows(columns, known);
    this.#targets.push(Float64Array.from(known, (row) => targets[row]));
    this.#values.push(values);
    if (quantiles !== undefined) this.#quantiles.push(quantiles);
  }

  scores(): Scores {
    if (this.#targets.length === 0)
      throw new DataError(`evaluate: expected rows with a target, received none`);
    const { description } = this.predictor;
    const { quantiles: levels } = description;
    return scoreTarget(
      description,
      joined(this.#targets),
      joined(this.#values),
      levels && { quantiles: { levels, values: joined(this.#quantiles) } },
    );
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
