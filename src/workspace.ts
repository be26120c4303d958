/** Rows of a batch, and the values that they have in each stage. */
import { type Matrix, rowsOf } from "./matmul.ts";
import { copy, type Moment, type Rows as RowsAt, type Stage, type Values } from "./stages.ts";

/** How long rows are. */
export interface Sizes {
  /** Values in a row of x. */
  readonly inputs: number;
  /** Values in a row of targets. */
  readonly targets: number;
  readonly stages: readonly Stage[];
}

/** Activations and their gradients for up to `rows` rows, and views of the parameters that the stages use. */
export class Workspace {
  readonly rows: number;
  /** The rows at hand. */
  readonly at: RowsAt;
  readonly input: Matrix;
  readonly target: Values;
  /** The output of each stage, [rows][outputs]. */
  readonly outputs: readonly Matrix[];
  /** The gradient of the loss with respect to each stage's output. */
  readonly gradients: readonly Matrix[];

  constructor(plan: Sizes, rows: number, backward: boolean) {
    const matrix = (width: number) => rowsOf(new Float32Array(rows * width), width);
    const matrices = () => plan.stages.map((stage) => matrix(stage.outputs));
    this.rows = rows;
    this.at = { from: 0, rows: 0, moment: undefined, isBatch: backward };
    this.input = matrix(plan.inputs);
    this.target = new Float32Array(rows * plan.targets);
    this.outputs = matrices();
    this.gradients = backward ? matrices() : [];
  }

  /** The output of the last stage. */
  get prediction(): Float32Array {
    return this.outputs[this.outputs.length - 1].values;
  }
}

/** Examples as the typescript kernel keeps them, row-major. */
export interface Rows {
  readonly x: Float32Array;
  readonly y: Float32Array;
  readonly inputs: number;
  readonly outputs: number;
  readonly rows: number;
}

/** Rows of the data, in a given order or as they stand. */
export interface Batch {
  readonly data: Rows;
  readonly order: Uint32Array | undefined;
  readonly start: number;
  readonly rows: number;
  /** What noise follows from, in training. */
  readonly moment: Moment | undefined;
}

/** Copies so many rows of a batch, from `from` on, to the workspace: they are the rows at hand then. */
export function gather(
  { data, order, start, moment }: Batch,
  from: number,
  rows: number,
  { input, target, at }: Workspace,
): void {
  const { x, y, inputs, outputs } = data;
  at.from = from;
  at.rows = rows;
  at.moment = moment;
  const first = start + from;
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
