/** Out-of-fold predictions: for each row the mean over the networks that did not learn from it. */
export class OutOfFold {
  readonly #sums: Float64Array;
  readonly #counts: Uint32Array;
  readonly #outputs: number;

  /** `rows`: of the whole table. */
  constructor(rows: number, outputs: number) {
    this.#sums = new Float64Array(rows * outputs);
    this.#counts = new Uint32Array(rows);
    this.#outputs = outputs;
  }

  /** Adds the predictions of a network for some rows; `at` is a place in [rows][outputs]. */
  add(rows: Uint32Array, predictionAt: (at: number) => number): void {
    const outputs = this.#outputs;
    for (let row = 0; row < rows.length; row++) {
      const start = rows[row] * outputs;
      for (let output = 0; output < outputs; output++)
        this.#sums[start + output] += predictionAt(row * outputs + output);
      this.#counts[rows[row]]++;
    }
  }

  /** Whether a row has a prediction. */
  has(row: number): boolean {
    return this.#counts[row] > 0;
  }

  /** The predictions of rows that have one, [rows][outputs]. */
  of(rows: Uint32Array): Float64Array {
    const outputs = this.#outputs;
    return Float64Array.from({ length: rows.length * outputs }, (_, at) => {
      const row = rows[Math.floor(at / outputs)];
      return this.#sums[row * outputs + (at % outputs)] / this.#counts[row];
    });
  }
}
