/** The rows of a batch, and their values in each operation. */
import type { Rows } from "../kernel.ts";
import { type BatchRange, copy, type Moment } from "./operations/arrays.ts";
import { type RoundedFactors, roundedFactors } from "./operations/rounded.ts";
import type { Operation } from "./operations.ts";
import { type MatrixView, rowsOf } from "./products.ts";

/** The lengths of rows in a network. */
export interface RowSizes {
  /** The number of values in a row of x. */
  readonly inputs: number;
  /** The number of values in a row of targets. */
  readonly targets: number;
  readonly operations: readonly Operation[];
  /** Whether training steps round the factors of wide products to bfloat16. */
  readonly rounds: boolean;
}

/** Activations and their gradients for up to `rows` rows. */
export class Workspace {
  readonly rows: number;
  readonly #at: { -readonly [Name in keyof BatchRange]: BatchRange[Name] };
  readonly input: MatrixView;
  readonly target: Float32Array;
  /** The factors by which the losses of the rows and their gradients are multiplied. */
  readonly weights: Float32Array;
  /** Whether a weight may differ from 1. */
  isWeighted = false;
  /** The output of each operation, [rows][outputs]. */
  readonly outputs: readonly MatrixView[];
  /** The gradient of the loss with respect to each operation's output. */
  readonly gradients: readonly MatrixView[];
  /** Room for the rounded factors of each wide product. */
  readonly #rounded: readonly (RoundedFactors | undefined)[];

  constructor(plan: RowSizes, rows: number, backward: boolean, isBatch = backward) {
    const matrix = (width: number) => rowsOf(new Float32Array(rows * width), width);
    const matrices = () => plan.operations.map((operation) => matrix(operation.outputs));
    this.rows = rows;
    this.#at = { from: 0, rows: 0, moment: undefined, isBatch };
    this.input = matrix(plan.inputs);
    this.target = new Float32Array(rows * plan.targets);
    this.weights = new Float32Array(rows).fill(1);
    this.outputs = matrices();
    this.gradients = backward ? matrices() : [];
    const products = plan.operations.map((operation) =>
      operation.kind === "product" ? operation : undefined,
    );
    this.#rounded = backward && plan.rounds ? roundedFactors(products, rows) : [];
  }

  /** Returns room for the factors of a product, if the current rows are those of a step that rounds them. */
  roundedOf(operation: number): RoundedFactors | undefined {
    return this.#at.moment === undefined ? undefined : this.#rounded[operation];
  }

  /** The range of the batch that the workspace holds. */
  get at(): BatchRange {
    return this.#at;
  }

  /**
   * Sets the range of the batch that the workspace holds. All fields are set, so that none is left from
   * before.
   */
  hold({ from, rows, moment }: Omit<BatchRange, "isBatch">): void {
    this.#at.from = from;
    this.#at.rows = rows;
    this.#at.moment = moment;
  }

  /** The output of the last operation. */
  get prediction(): Float32Array {
    return this.outputs[this.outputs.length - 1].values;
  }
}

/** Rows of the data, in their own or in a given order. */
export interface Batch {
  readonly data: Rows;
  readonly order: Uint32Array | undefined;
  readonly start: number;
  readonly rows: number;
  /** Determines the noise; undefined outside of training. */
  readonly moment: Moment | undefined;
}

/** Copies the weights of rows, beginning at `first`, or ones if the data has no weights. */
function gatherWeights({ data, order }: Batch, first: number, rows: number, workspace: Workspace): void {
  workspace.isWeighted = data.weights !== undefined;
  if (data.weights === undefined) {
    workspace.weights.fill(1);
    return;
  }
  for (let row = 0; row < rows; row++) {
    workspace.weights[row] = data.weights[order === undefined ? first + row : order[first + row]];
  }
}

/** Copies `rows` rows of a batch, beginning at `from`, to the workspace. */
export function gather(batch: Batch, from: number, rows: number, workspace: Workspace): void {
  const { data, order, start, moment } = batch;
  const { x, y, inputs, outputs } = data;
  const { input, target } = workspace;
  workspace.hold({ from, rows, moment });
  const first = start + from;
  if (data.weights !== undefined || workspace.isWeighted) gatherWeights(batch, first, rows, workspace);
  if (order === undefined) {
    copy(x, first * inputs, input.values, 0, rows * inputs);
    copy(y, first * outputs, target, 0, rows * outputs);
    return;
  }
  for (let row = 0; row < rows; row++) {
    const source = order[first + row];
    copy(x, source * inputs, input.values, row * inputs, inputs);
    copy(y, source * outputs, target, row * outputs, outputs);
  }
}
