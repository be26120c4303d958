/** The weights of a training's rows, from `sampleWeight` and `classWeight`. */
import { type Dataset, type NumberArray, readMatrix } from "../data/examples.ts";
import { DataError, notFinite, OptionError, ShapeError, show } from "../errors.ts";
import type { Problem } from "../metrics/metric.ts";
import { largest } from "../nn/measures.ts";
import { isPlain } from "../options.ts";

/** `"balanced"`, a list that starts with the weight of class 0, or an object of weights, by default 1. */
export type ClassWeight =
  | readonly number[]
  | NumberArray
  | Readonly<Record<number | `${number}`, number>>
  | "balanced";

const PLACE = "classWeight";

/** Rows, and their numbers in the caller's dataset, unless those are 0, 1, 2, … */
interface NumberedRows extends Dataset {
  readonly rowNumbers: Uint32Array | undefined;
}

/** Reads the classes of rows. */
interface Classes {
  readonly count: number;
  /** The key of class 0 in an object of weights. The keys of the others are their indices. */
  readonly first: "0" | "-1";
  of(row: number): number;
}

/**
 * Returns how the classes of rows are read: as labels; as the largest share, which is the 1 of a one-hot row;
 * or as 0 and 1 from one column of 0 and 1, or of -1 and 1.
 */
function classesOf(
  { y, outputs: columns, rowNumbers }: NumberedRows,
  { targets, outputs }: Problem,
): Classes {
  if (targets === "labels") return { count: outputs, first: "0", of: (row) => y[row] };
  if (targets === "shares") return { count: outputs, first: "0", of: (row) => largest(y, row, columns) };
  if (targets === "values" || columns > 1) {
    throw new OptionError(
      `${PLACE}: expected a loss whose targets have one class per row, received targets of the kind "${targets}", ` +
        `${columns} in a row. Fix: use sampleWeight, which has a weight for each row`,
    );
  }
  const zero = targets === "signs" ? -1 : 0;
  return {
    count: 2,
    first: zero === 0 ? "0" : "-1",
    of(row) {
      if (y[row] === 1) return 1;
      if (y[row] === zero) return 0;
      const place = `${PLACE}: y: row ${rowNumbers?.[row] ?? row}`;
      throw new DataError(`${place}: expected a class, ${zero} or 1, received ${y[row]}`);
    },
  };
}

/** Returns rows / (classes · rows of the class), where only classes that occur count, as in scikit-learn. */
function balance({ count, of }: Classes, rows: number): Float64Array {
  const counts = new Float64Array(count);
  for (let row = 0; row < rows; row++) counts[of(row)]++;
  const occurring = counts.filter((number) => number > 0).length;
  return counts.map((number) => rows / (occurring * number));
}

/** Reads an object of weights by class. The default of a class is 1. */
function weightsByName(given: object, { count, first }: Classes): Float32Array {
  const weights = new Float32Array(count).fill(1);
  for (const [name, weight] of Object.entries(given)) {
    const at = name === first ? 0 : /^(0|[1-9]\d*)$/.test(name) ? Number(name) : -1;
    if (at < 0 || at >= count || (at === 0 && name !== first)) {
      const expected = count === 2 ? `${first} and 1` : `0 to ${count - 1}`;
      throw new OptionError(
        `${PLACE}: expected weights for the classes ${expected}, received one for "${name}"`,
      );
    }
    weights[at] = typeof weight === "number" ? weight : Number.NaN;
    if (!Number.isFinite(weights[at])) throw notFinite(`${PLACE}: class ${name}`, weight);
  }
  return weights;
}

function readClassWeight(given: unknown, classes: Classes): Float32Array {
  const { count } = classes;
  const isList = Array.isArray(given) || ArrayBuffer.isView(given);
  if (!isList && !isPlain(given)) {
    const expected = `"balanced", a list of ${count} weights, the first for class 0, or an object by class`;
    throw new OptionError(`${PLACE}: expected ${expected}, received ${show(given)}`);
  }
  const { values, rows } = readMatrix(isList ? given : weightsByName(given, classes), {
    name: PLACE,
    columns: 1,
    unit: "weights",
    listIsColumn: true,
  });
  if (rows !== count) throw new ShapeError(`${PLACE}: expected ${count} weights, received ${rows}`);
  const at = values.findIndex((weight) => weight < 0);
  if (at >= 0) throw new DataError(`${PLACE}: class ${at}: expected at least 0, received ${values[at]}`);
  return values;
}

/** Returns a weight for each row, from its class. */
function classWeightsOfRows(given: unknown, data: NumberedRows, problem: Problem): Float32Array {
  const classes = classesOf(data, problem);
  const weights = given === "balanced" ? balance(classes, data.rows) : readClassWeight(given, classes);
  return Float32Array.from({ length: data.rows }, (_, row) => weights[classes.of(row)]);
}

/**
 * Returns the weight of each row: `sampleWeight`, which has a value for each of these rows, times
 * `classWeight`. Returns undefined without either.
 */
export function combineWeights(
  data: NumberedRows,
  problem: Problem,
  sampleWeight: Float32Array | undefined,
  classWeight: unknown,
): Float32Array | undefined {
  if (classWeight === undefined && sampleWeight === undefined) return undefined;
  const factors = classWeight === undefined ? undefined : classWeightsOfRows(classWeight, data, problem);
  const weights = Float32Array.from(
    { length: data.rows },
    (_, row) => (sampleWeight?.[row] ?? 1) * (factors?.[row] ?? 1),
  );
  const given = [sampleWeight && "sampleWeight", factors && "classWeight"].filter(Boolean).join(" · ");
  if (weights.every((weight) => weight === 0)) {
    throw new DataError(`${given}: the weights of all ${data.rows} rows to train on are 0`);
  }
  const at = weights.indexOf(Number.POSITIVE_INFINITY);
  if (at < 0) return weights;
  const row = data.rowNumbers?.[at] ?? at;
  throw new DataError(`${given}: row ${row}: the weight is too large for 32 bits`);
}
