/** checkRows: what rows have that the training rows of a table model did not have. */
import { alignTable, withText } from "../../textTable.ts";
import { isMissing } from "../cells.ts";
import { type ColumnDescription, cellReader } from "../columns.ts";
import { type Frame, isRecord, toFrame } from "../frame.ts";
import { checkFrame, recordChecker, usedColumns } from "../parts.ts";
import { partsOf } from "../tableModel.ts";
import { type AnyTableModel, showCell } from "./questions.ts";

/** What is unlike the training rows: see {@link RowFinding}. */
export type RowFindingKind = "outOfRange" | "unknownCategory" | "missing" | "unreadable";

/** Cells of one column that are unlike those of the training rows. */
export interface RowFinding {
  readonly column: string;
  /**
   * `outOfRange`: numbers or dates below the smallest or above the largest of the training.
   * `unknownCategory`: a category that the training did not have. `missing`: no value, where the training
   * rows always had one. `unreadable`: a value that is not of the column's type, which `predict` refuses.
   */
  readonly kind: RowFindingKind;
  /** The numbers of the rows, from 0, in ascending order. */
  readonly rows: readonly number[];
  /** The first such cell. */
  readonly example: unknown;
  /** What the training rows had, in words. */
  readonly expected: string;
}

/** How rows compare with the training rows. */
export interface RowCheck {
  /** Whether all rows are like the training rows. */
  readonly passes: boolean;
  /** By column and kind, the one with the most rows first. */
  readonly findings: readonly RowFinding[];
  /** The numbers of the rows with a finding, in ascending order. */
  readonly rows: readonly number[];
  /** The number of rows that were checked. */
  readonly checked: number;
  /** A line for each finding. */
  readonly text: string;
  toString(): string;
}

const CALL = "checkRows";
const MOST_NAMES = 5;

/**
 * Finds what rows have that the training rows did not have: numbers and dates out of their range, unknown
 * categories, and missing or unreadable values. A model extrapolates there, and its scores say nothing about
 * such rows. `predict` does not check, so that it stays fast. Columns that the model does not use are not
 * checked, and combinations of values are not either.
 *
 * @example
 * ```ts
 * const { passes, findings } = checkRows(model, { island: "Atlantis", billLength: 460 });
 * findings[0]?.kind; // "outOfRange"
 * console.log(String(checkRows(model, otherRows)));
 * ```
 */
export function checkRows(model: AnyTableModel, rows: object): RowCheck {
  const parts = partsOf(model, CALL);
  const frame = toFrame(isRecord(rows) ? [rows] : rows, CALL);
  checkFrame(recordChecker(parts), frame, CALL);
  const findings = usedColumns(parts, parts.targets)
    .flatMap((description) => checkColumn(description, frame))
    .sort((a, b) => b.rows.length - a.rows.length);
  const found = [...new Set(findings.flatMap(({ rows: own }) => own))].sort((a, b) => a - b);
  const text = textOf(findings, found.length, frame.rows);
  return withText({ passes: findings.length === 0, findings, rows: found, checked: frame.rows }, text);
}

function checkColumn(description: ColumnDescription, frame: Frame): RowFinding[] {
  const { name, range, missing, categories } = description;
  const cells = frame.cells.get(name);
  const read = description.type === "text" ? textReader : cellReader(description);
  const found = new Map<RowFindingKind, { rows: number[]; example: unknown }>();
  for (let row = 0; row < frame.rows; row++) {
    const cell = cells?.[row];
    const value = read(cell);
    const kind = kindOf(value, range, missing);
    if (kind === undefined) continue;
    const list = found.get(kind);
    if (list === undefined) found.set(kind, { rows: [row], example: cell });
    else list.rows.push(row);
  }
  return [...found].map(([kind, entry]) => {
    return { column: name, kind, ...entry, expected: expectedOf(kind, description, categories) };
  });
}

const textReader = (cell: unknown) => (isMissing(cell) ? Number.NaN : 0);

function kindOf(
  value: number | undefined,
  range: ColumnDescription["range"],
  missing: number,
): RowFindingKind | undefined {
  if (value === undefined) return "unreadable";
  if (Number.isNaN(value)) return missing === 0 ? "missing" : undefined;
  if (range !== undefined) return value < range[0] || value > range[1] ? "outOfRange" : undefined;
  return value === -1 ? "unknownCategory" : undefined;
}

function expectedOf(
  kind: RowFindingKind,
  { type, range }: ColumnDescription,
  categories: readonly string[] = [],
): string {
  if (kind === "unreadable") return `a ${type}`;
  if (kind === "missing") return "a value";
  if (range !== undefined) {
    const [low, high] = range.map((end) => showCell(type === "date" ? new Date(end) : end, false));
    return `${low} to ${high}`;
  }
  const names = categories.slice(0, MOST_NAMES).map((name) => showCell(name, false));
  const more = categories.length - names.length;
  return names.join(", ") + (more > 0 ? ` or ${more} more` : "");
}

const WORDS: Readonly<Record<RowFindingKind, string>> = {
  outOfRange: "out of range",
  unknownCategory: "unknown category",
  missing: "missing",
  unreadable: "unreadable",
};

function textOf(findings: readonly RowFinding[], rows: number, checked: number): string {
  if (findings.length === 0)
    return checked === 1
      ? "the row is like the training rows"
      : `all ${checked} rows are like the training rows`;
  const lines = findings.map(({ column, kind, rows: own, example, expected }) => [
    `  ${column}`,
    WORDS[kind],
    own.length === 1 ? `row ${own[0]}` : `${own.length} rows, first ${own[0]}`,
    showCell(example, isMissing(example)),
    `the training had ${expected}`,
  ]);
  const heading = `${rows} of ${checked} rows are unlike the training rows`;
  return [heading, ...alignTable(lines, [0, 1, 2, 3, 4])].join("\n");
}
