/** The table of a search: a row for each configuration, the best first. */
import { type MyelinError, show } from "../../errors.ts";
import { alignTable } from "../../textTable.ts";
import type { AnyPoint } from "./space.ts";

/** What became of one configuration. */
export interface SearchRow<P = AnyPoint> {
  /** Its place, from 1. */
  readonly rank: number;
  readonly point: P;
  /** The mean of `scores`. NaN where a training has an error. */
  readonly score: number;
  /** The standard deviation of `scores`, divided by their number. */
  readonly stddev: number;
  /** The score of each fold. */
  readonly scores: readonly number[];
  /** The most epochs of a training in the last round: early stopping and a target may end it before. */
  readonly epochs: number;
  /** The last round that it took part in, from 1. */
  readonly round: number;
  /** Why a training ended early. */
  readonly error?: MyelinError;
}

/** A row without its place. */
export type Result = Omit<SearchRow, "rank">;

/** Of two results, the better one first: a score that is no number is behind all that are. */
export function byScore(smallerIsBetter: boolean): (a: Result, b: Result) => number {
  const sign = smallerIsBetter ? 1 : -1;
  return ({ score: a }, { score: b }) => {
    if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(a)) - Number(Number.isNaN(b));
    return sign * (a - b);
  };
}

const short = (value: number) => String(Number(value.toPrecision(4)));

/** A cell with more characters says what kind of value it is. */
const WIDEST = 40;

function cellOf(value: unknown): string {
  if (typeof value === "number") return short(value);
  if (typeof value !== "object") return typeof value === "string" ? value : show(value);
  const text = JSON.stringify(value);
  return text.length > WIDEST ? show(value) : text;
}

/** The rows as text. */
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
