/** Columns of answers as parts of a file: CSV, JSON Lines, JSON, Parquet. */
import { ByteWriter, ParquetWriter, schemaFromColumnData } from "hyparquet-writer";
import { failure } from "../failures.ts";
import type { Sink } from "../outputFile.ts";

/** A column of a block of rows. */
export interface OutputColumn {
  readonly name: string;
  readonly cells: ArrayLike<unknown>;
}

/** Writes blocks of rows. Each block has the columns of the first. */
export interface Writer {
  write(columns: readonly OutputColumn[], rows: number): Promise<void>;
  end(): Promise<void>;
}

export type OutputFormat = "csv" | "tsv" | "json" | "jsonl" | "parquet";

/** Returns the writer of a format. */
export function writerOf(format: OutputFormat, sink: Sink): Writer {
  switch (format) {
    case "csv":
      return separated(sink, ",");
    case "tsv":
      return separated(sink, "\t");
    case "jsonl":
      return json(sink, { start: "", between: "\n", end: "\n" });
    case "json":
      return json(sink, { start: "[", between: ",\n", end: "]\n" });
    case "parquet":
      return parquet(sink);
  }
}

const isNothing = (cell: unknown) => cell === undefined || cell === null || Number.isNaN(cell);

/** A cell as the text of CSV (RFC 4180): in quotes where it has separators, quotes or line breaks. */
function cellText(cell: unknown, separator: string): string {
  if (isNothing(cell)) return "";
  if (typeof cell === "number" || typeof cell === "boolean") return String(cell);
  const text = cell instanceof Date ? cell.toISOString() : plainText(cell);
  const needsQuotes = text.includes(separator) || /["\r\n]|^\s|\s$/.test(text);
  return needsQuotes ? `"${text.replaceAll('"', '""')}"` : text;
}

const plainText = (cell: unknown): string => {
  if (typeof cell !== "object") return String(cell);
  return JSON.stringify(cell, (_, value) => (typeof value === "bigint" ? String(value) : value));
};

function separated(sink: Sink, separator: string): Writer {
  let isFirst = true;
  return {
    async write(columns, rows) {
      const lines: string[] = [];
      const join = (cells: readonly string[]) => {
        const line = cells.join(separator);
        // A blank line would not be a row.
        return line === "" ? '""' : line;
      };
      if (isFirst) lines.push(join(columns.map(({ name }) => cellText(name, separator))));
      isFirst = false;
      for (let row = 0; row < rows; row++) {
        let line = "";
        for (let at = 0; at < columns.length; at++) {
          const text = cellText(columns[at].cells[row], separator);
          line = at === 0 ? text : `${line}${separator}${text}`;
        }
        lines.push(line === "" ? '""' : line);
      }
      await sink.write(`${lines.join("\n")}\n`);
    },
    end: () => sink.end(),
  };
}

const jsonCell = (cell: unknown) => (typeof cell === "bigint" ? String(cell) : isNothing(cell) ? null : cell);

interface JsonParts {
  readonly start: string;
  readonly between: string;
  readonly end: string;
}

function json(sink: Sink, { start, between, end }: JsonParts): Writer {
  let isFirst = true;
  return {
    async write(columns, rows) {
      const records: string[] = [];
      for (let row = 0; row < rows; row++) {
        const record = Object.fromEntries(columns.map(({ name, cells }) => [name, jsonCell(cells[row])]));
        records.push(JSON.stringify(record));
      }
      if (rows === 0) return;
      await sink.write(`${isFirst ? start : between}${records.join(between)}`);
      isFirst = false;
    },
    async end() {
      // Without rows, JSON Lines are an empty file.
      if (!isFirst) await sink.write(end);
      else if (start !== "") await sink.write(`${start}${end}`);
      await sink.end();
    },
  };
}

type ParquetType = "BOOLEAN" | "DOUBLE" | "STRING" | "TIMESTAMP";

/** The type of a column by its first block. */
function typeOf(cells: ArrayLike<unknown>): ParquetType {
  if (ArrayBuffer.isView(cells)) return "DOUBLE";
  const types = new Set<ParquetType>();
  for (let at = 0; at < cells.length; at++) {
    const cell = cells[at];
    if (isNothing(cell)) continue;
    if (typeof cell === "number") types.add("DOUBLE");
    else if (typeof cell === "boolean") types.add("BOOLEAN");
    else if (cell instanceof Date) types.add("TIMESTAMP");
    else types.add("STRING");
  }
  const [only, other] = types;
  return only === undefined || other !== undefined ? "STRING" : only;
}

/** The cells as values of a type. Throws for a cell that does not fit the type of the first block. */
function typed({ name, cells }: OutputColumn, type: ParquetType): unknown[] {
  return Array.from(cells, (cell) => {
    if (isNothing(cell)) return null;
    if (type === "STRING") return typeof cell === "string" ? cell : cellText(cell, "\n");
    const isFitting =
      type === "DOUBLE"
        ? typeof cell === "number"
        : type === "BOOLEAN"
          ? typeof cell === "boolean"
          : cell instanceof Date;
    if (isFitting) return cell;
    throw failure(
      `column ${JSON.stringify(name)}: its first rows are of the type ${type}, and a later one has ${JSON.stringify(cell)}, which a Parquet file cannot hold in one column. Fix: write CSV, or read the column as text with --text`,
    );
  });
}

function parquet(sink: Sink): Writer {
  const bytes = new ByteWriter();
  let file: ParquetWriter | undefined;
  let types: readonly ParquetType[] = [];
  const flush = async () => {
    const part = bytes.getBytes().slice();
    bytes.index = 0;
    if (part.length > 0) await sink.write(part);
  };
  return {
    async write(columns) {
      if (file === undefined) {
        types = columns.map(({ cells }) => typeOf(cells));
        const described = columns.map(({ name }, at) => ({
          name,
          data: [],
          type: types[at],
          nullable: true,
        }));
        const schema = schemaFromColumnData({ columnData: described });
        file = new ParquetWriter({ writer: bytes, schema, createdBy: "myelin" });
      }
      const columnData = columns.map((column, at) => ({ name: column.name, data: typed(column, types[at]) }));
      file.write({ columnData });
      await flush();
    },
    async end() {
      file?.finish();
      await flush();
      await sink.end();
    },
  };
}
