/** Findings about the data, independent of what the network computes. */
import { type Column, exact, isConstant, readColumns } from "../../data/columns.ts";
import type { Dataset } from "../../data/examples.ts";
import type { Problem } from "../../metrics/metric.ts";
import { amount, type Finding, percent } from "../../training/warnings/finding.ts";
import {
  isScalable,
  largeColumns,
  outlier,
  type Scaling,
  targetFindings,
  unscaled,
} from "../../training/warnings/scale.ts";
import { missingClasses } from "./classes.ts";

/**
 * A column whose values span less than this is too small: its weight would have to become a hundred times as
 * large as the others, which takes a hundred times as many steps.
 */
const SMALL_SPAN = 0.02;

/** Constants below this are zero up to rounding. A column of zeros changes no weight and does no harm. */
const ROUNDING = 1e-6;

/** What the checks know about the model and the data. */
export interface Known {
  readonly problem: Problem;
  /** The columns of x that hold categories. */
  readonly categories: readonly number[];
  /** What the first layers normalize. */
  readonly scaling: Scaling;
  /** Whether all rows have valid labels. Others were left out. */
  readonly hasAllLabels: boolean;
  /** Columns that rounding to 32 bits has changed, for which other findings are pointless. */
  readonly rounded: { readonly x: readonly Finding[]; readonly y: readonly Finding[] };
  /** The caller's numbers of the rows, where some were left out. */
  readonly rowNumbers: Uint32Array | undefined;
}

/** Finds everything that is wrong with checked rows. */
export function dataFindings(data: Dataset, known: Known): Finding[] {
  const { problem, categories, scaling, rounded, rowNumbers } = known;
  const isExact = (findings: readonly Finding[]) => {
    const columns = findings.map(({ column }) => column);
    return ({ column }: Column) => !columns.includes(column);
  };
  const columns = readColumns(data.x, data.rows, data.inputs, rowNumbers).filter(isExact(rounded.x));
  const several = data.rows > 1;
  const plain = columns.filter(({ column }) => !categories.includes(column));
  const large = largeColumns(plain, scaling);
  return [
    ...(known.hasAllLabels ? missingClasses(data, problem) : []),
    ...rounded.x,
    ...rounded.y,
    ...contradictions(data, known),
    ...(several ? columns.flatMap(constant) : []),
    ...plain.flatMap((column) => outlier("x", column)),
    ...plain
      .filter((column) => !isConstant(column))
      .flatMap((of) => [
        ...large.filter(({ column }) => column === of.column),
        ...(scaling === "columns" ? [] : small(of)),
      ]),
    ...(isScalable(problem)
      ? targetFindings(readColumns(data.y, data.rows, data.outputs, rowNumbers).filter(isExact(rounded.y)))
      : []),
  ];
}

/** Finds a column that is too small to matter. */
function small(of: Column): Finding[] {
  return of.most - of.least < SMALL_SPAN && of.largest < 1 ? [unscaled(of, true)] : [];
}

function constant(of: Column): Finding[] {
  if (!isConstant(of) || of.largest < ROUNDING) return [];
  const { column, least } = of;
  return [
    {
      cause: "constantColumn",
      column,
      message: `x: column ${column} is ${exact(least)} in every row`,
      fix:
        "remove the column: the bias of a dense layer has the same effect, and scaling the column would divide " +
        "by its standard deviation of 0",
    },
  ];
}

/** Returns a hash of a row, after Fowler, Noll and Vo's FNV-1a over 32-bit words. */
function hashOf(bits: Uint32Array, start: number, end: number): number {
  let hash = 0x811c9dc5;
  for (let at = start; at < end; at++) {
    // 0 and -0 are the same value.
    hash = Math.imul(hash ^ (bits[at] === 0x80000000 ? 0 : bits[at]), 0x01000193);
    hash ^= hash >>> 15;
  }
  return hash;
}

const isSame = (values: Float32Array, width: number, one: number, other: number) => {
  for (let at = 0; at < width; at++) {
    if (values[one * width + at] !== values[other * width + at]) return false;
  }
  return true;
};

/** Finds rows with equal x and different classes. In a regression such rows are ordinary noise. */
function contradictions({ x, y, inputs, outputs, rows }: Dataset, { problem, rowNumbers }: Known): Finding[] {
  if (problem.targets === "values") return [];
  const bits = new Uint32Array(x.slice(0, rows * inputs).buffer);
  const lastOf = new Map<number, number>();
  /** The previous row with the same hash, or -1. */
  const before = new Int32Array(rows).fill(-1);
  /** The first row with the same x. */
  const first = new Uint32Array(rows);
  const contradicted = new Set<number>();
  let pair: [number, number] | undefined;
  for (let row = 0; row < rows; row++) {
    const hash = hashOf(bits, row * inputs, (row + 1) * inputs);
    before[row] = lastOf.get(hash) ?? -1;
    lastOf.set(hash, row);
    let other = before[row];
    while (other >= 0 && !isSame(x, inputs, row, other)) other = before[other];
    first[row] = other < 0 ? row : first[other];
    if (first[row] === row || isSame(y, outputs, row, first[row])) continue;
    contradicted.add(first[row]);
    pair ??= [first[row], row];
  }
  if (pair === undefined) return [];
  const count = first.reduce((sum, row) => sum + Number(contradicted.has(row)), 0);
  const share = count / rows;
  const [one, other] = pair.map((row) => rowNumbers?.[row] ?? row);
  return [
    {
      cause: "contradictoryRows",
      row: other,
      share,
      message: `${count} of ${amount(rows, "row")} (${percent(share)}) have the same x as another row but other targets, such as rows ${one} and ${other}`,
      fix: "fix the labels, remove such rows, or add a column that distinguishes them: no model can predict all of them correctly",
    },
  ];
}
