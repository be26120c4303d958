/** The table of a search: one row for each configuration, the best first. */
import { type MyelinError, show } from "../../errors.ts";
import { alignTable } from "../../textTable.ts";
import type { AnyPoint } from "./space.ts";

/** The result of one configuration. */
export interface SearchRow<P = AnyPoint> {
  /** The position in the table, from 1. */
  readonly rank: number;
  readonly point: P;
  /** The mean of `scores`; NaN where a training diverged. */
  readonly score: number;
  /** The standard deviation of `scores`; the divisor is their number. */
  readonly stddev: number;
  /** The score of each fold. */
  readonly scores: readonly number[];
  /** The maximum epochs of the last round. Early stopping or a target may end a training earlier. */
  readonly epochs: number;
  /** The last round that the configuration reached, from 1. */
  readonly round: number;
  /** The error of a training that diverged. */
  readonly error?: MyelinError;
}

/** A row without its rank. */
export type Result = Omit<SearchRow, "rank">;

/** Returns a comparison that sorts the better score first, and NaN last. */
export function byScore(smallerIsBetter: boolean): (a: Result, b: Result) => number {
  const sign = smallerIsBetter ? 1 : -1;
  return ({ score: a }, { score: b }) => {
    if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(a)) - Number(Number.isNaN(b));
    return sign * (a - b);
  };
}

const short = (value: number) => String(Number(value.toPrecision(4)));

/** A longer cell shows the kind of its value instead. */
const WIDEST = 40;

function cellOf(value: unknown): string {
  if (typeof value === "number") return short(value);
  if (typeof value !== "object") return typeof value === "string" ? value : show(value);
  const text = JSON.stringify(value);
  return text.length > WIDEST ? show(value) : text;
}

/** Formats the rows as a table. `name` heads the column of scores. */
export function rowsAsText(rows: readonly SearchRow[], name: string): string {
  const names = Object.keys(rows[0].point);
  const hasErrors = rows.some(({ error }) => error !== undefined);
  const errorCell = ({ error }: SearchRow) => (error === undefined ? "" : error.message.split(";")[0]);
  const head = ["rank", name, "±", "epochs", ...names, ...(hasErrors ? ["error"] : [])];
  const lines = rows.map((row) => [
    ...[String(row.rank), short(row.score), short(row.stddev), String(row.epochs)],
    ...names.map((of) => cellOf(row.point[of])),
    ...(hasErrors ? [errorCell(row)] : []),
  ]);
  return alignTable([head, ...lines], hasErrors ? [head.length - 1] : []).join("\n");
}
