// Rows that a caller gives, of which a report reads only some.

import { purpose, uniform } from "../random.ts";
import { everyRow, Frame, type TableRecord, type TableRows, toFrame } from "../table/frame.ts";

/** Rows in any form. Records are made into columns only where they are read. */
export class RowSource {
  readonly count: number;
  readonly #records: readonly TableRecord[] | undefined;
  readonly #frame: Frame | undefined;
  readonly #place: string;
  readonly #numbers: ArrayLike<number> | undefined;

  /** `numbers` are the numbers of the rows in the table that readers have; by default their places here. */
  constructor(rows: TableRows, place: string, numbers?: ArrayLike<number>) {
    this.#place = place;
    this.#numbers = numbers;
    const isIterable = typeof (rows as Partial<Iterable<unknown>> | null)?.[Symbol.iterator] === "function";
    const isRecords =
      isIterable && typeof rows === "object" && !(rows instanceof Frame) && !ArrayBuffer.isView(rows);
    if (isRecords) this.#records = Array.isArray(rows) ? rows : [...(rows as Iterable<TableRecord>)];
    else this.#frame = toFrame(rows, place);
    this.count = this.#records?.length ?? this.#frame?.rows ?? 0;
  }

  /** Returns the number of a row in the table that readers have. */
  numberOf(row: number): number {
    return this.#numbers?.[row] ?? row;
  }

  /** Returns some of the rows, in this order. */
  take(rows: Uint32Array): Frame {
    if (this.#frame !== undefined) return this.#frame.take(rows);
    const records = this.#records as readonly TableRecord[];
    return toFrame(
      Array.from(rows, (row) => records[row]),
      this.#place,
    );
  }
}

/** Draws up to `most` of the numbers below `count`, in ascending order. */
export function drawRows(count: number, most: number, seed: number): Uint32Array {
  if (count <= most) return everyRow(count);
  const next = uniform(seed, { purpose: purpose.samples, index: 0 });
  // Of few rows, those that are left out are drawn, so that hardly any is drawn twice.
  const isFew = most > count / 2;
  const drawn = new Set<number>();
  while (drawn.size < (isFew ? count - most : most)) drawn.add(Math.floor(next() * count));
  return isFew ? everyRow(count).filter((row) => !drawn.has(row)) : Uint32Array.from(drawn).sort();
}
