/** Weights of a training's rows: as given, and as they follow from the rows' classes. */
import { type Dataset, readMatrix } from "../data/dataset.ts";
import { DataError, OptionError, ShapeError, show } from "../errors.ts";
import { largest, type Problem } from "../metrics/metric.ts";

/** How the classes of rows are told. */
interface Classes {
  readonly count: number;
  of(row: number): number;
}

/**
 * The classes of rows: that of a label; that of the largest share, which is the 1 of a one-hot row; and 0 or
 * 1 for one column of 0 and 1, or of -1 and 1.
 */
function classesOf({ y, outputs: columns }: Dataset, { targets, outputs }: Problem): Classes {
  if (targets === "labels") return { count: outputs, of: (row) => y[row] };
  if (targets === "shares") return { count: outputs, of: (row) => largest(y, row, columns) };
  if (targets === "values" || columns > 1) {
    throw new OptionError(
      `classWeight: expected a loss whose targets say one class a row, received targets of the kind "${targets}", ${columns} in a row; use sampleWeight, which has a weight for each row`,
    );
  }
  const zero = targets === "signs" ? -1 : 0;
  return {
    count: 2,
    of(row) {
      if (y[row] === 1) return 1;
      if (y[row] === zero) return 0;
      throw new DataError(
        `classWeight: y: row ${row}: expected ${zero} or 1, as classes, received ${y[row]}`,
      );
    },
  };
}

/** rows / (classes · rows of the class), where only classes that occur count, as scikit-learn has it. */
function balance({ count, of }: Classes, rows: number): Float64Array {
  const counts = new Float64Array(count);
  for (let row = 0; row < rows; row++) counts[of(row)]++;
  const occurring = counts.filter((number) => number > 0).length;
  return counts.map((number) => rows / (occurring * number));
}

function readClassWeight(given: unknown, { count }: Classes): Float32Array {
  const name = "classWeight";
  if (!Array.isArray(given) && !ArrayBuffer.isView(given)) {
    const expected = `"balanced", or a list of ${count} weights, one for each class from 0 on`;
    throw new OptionError(`${name}: expected ${expected}, received ${show(given)}`);
  }
  const { values, rows } = readMatrix(given, { name, columns: 1, unit: "weights", listIsColumn: true });
  if (rows !== count) throw new ShapeError(`${name}: expected ${count} weights, received ${rows}`);
  const at = values.findIndex((weight) => weight < 0);
  if (at >= 0) throw new DataError(`${name}: class ${at}: expected at least 0, received ${values[at]}`);
  return values;
}

/** A weight for each row, as `classWeight` makes it of the row's class. */
function byClass(given: unknown, data: Dataset, problem: Problem): Float32Array {
  const classes = classesOf(data, problem);
  const weights = given === "balanced" ? balance(classes, data.rows) : readClassWeight(given, classes);
  return Float32Array.from({ length: data.rows }, (_, row) => weights[classes.of(row)]);
}

/**
 * What the rows of a training are weighted with: `sampleWeight`, of which there is one for each of these
 * rows, times `classWeight`; or undefined without either.
 */
export function weightsOf(
  data: Dataset,
  problem: Problem,
  sampleWeight: Float32Array | undefined,
  classWeight: unknown,
): Float32Array | undefined {
  if (classWeight === undefined && sampleWeight === undefined) return undefined;
  const factors = classWeight === undefined ? undefined : byClass(classWeight, data, problem);
  const weights = Float32Array.from(
    { length: data.rows },
    (_, row) => (sampleWeight?.[row] ?? 1) * (factors?.[row] ?? 1),
  );
  const given = [sampleWeight && "sampleWeight", factors && "classWeight"].filter(Boolean).join(" · ");
  if (weights.every((weight) => weight === 0)) {
    throw new DataError(`${given}: the weights of all ${data.rows} rows that are trained on are 0`);
  }
  const at = weights.indexOf(Number.POSITIVE_INFINITY);
  if (at >= 0) throw new DataError(`${given}: row ${at}: the weight is too large for 32 bits`);
  return weights;
}
