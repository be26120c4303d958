/** Finds the format of a table by its first bytes and the ending of its name. */
import { FormatError } from "../../errors.ts";

/** The formats of tables. */
export type TableFormat = "csv" | "tsv" | "json" | "jsonl" | "parquet" | "arrow" | "sqlite" | "duckdb";

export const TABLE_FORMATS: readonly TableFormat[] = [
  ...(["csv", "tsv", "json", "jsonl", "parquet", "arrow", "sqlite", "duckdb"] as const),
];

/** The number of first bytes that are examined. */
export const HEAD_BYTES = 4096;

const ENDINGS: Readonly<Record<string, TableFormat>> = {
  csv: "csv",
  txt: "csv",
  dat: "csv",
  data: "csv",
  tsv: "tsv",
  tab: "tsv",
  json: "json",
  jsonl: "jsonl",
  ndjson: "jsonl",
  parquet: "parquet",
  parq: "parquet",
  arrow: "arrow",
  feather: "arrow",
  arrows: "arrow",
  ipc: "arrow",
  sqlite: "sqlite",
  sqlite3: "sqlite",
  db: "sqlite",
  duckdb: "duckdb",
};

const latin1 = (bytes: Uint8Array) => String.fromCharCode(...bytes);

/** Returns whether bytes begin as gzip does. */
export const isGzip = (head: Uint8Array): boolean => head[0] === 0x1f && head[1] === 0x8b;

/** Returns the ending of a file's name, in lower case and without ".gz". */
function endingOf(name: string | undefined): string {
  return /\.([^./\\]+)$/.exec((name ?? "").toLowerCase().replace(/\.gz$/, ""))?.[1] ?? "";
}

/** Throws for files that are known and are not tables, with the fix. */
function refuseOthers(head: Uint8Array, place: string): void {
  const start = latin1(head.subarray(0, 64));
  if (start.startsWith("PK\x03\x04")) {
    throw new FormatError(
      `${place}: this is a zip file, or a workbook of Excel. Fix: unpack it, or save the sheet as CSV`,
    );
  }
  if (start.startsWith("\xd0\xcf\x11\xe0"))
    throw new FormatError(`${place}: this is a workbook of Excel. Fix: save the sheet as CSV`);
  // safetensors: the length of the header in 8 bytes, then the header as JSON.
  if (head.length > 9 && head[8] === 0x7b && head[6] === 0 && head[7] === 0 && /^.{8}\{\s*"/s.test(start)) {
    throw new FormatError(
      `${place}: this is the file of a model, not of a table. Fix: read it with loadTable or load`,
    );
  }
}

function byBytes(head: Uint8Array): TableFormat | undefined {
  const start = latin1(head.subarray(0, 16));
  if (start.startsWith("PAR1")) return "parquet";
  if (start.startsWith("ARROW1")) return "arrow";
  if (start.startsWith("SQLite format 3\0")) return "sqlite";
  if (start.slice(8, 12) === "DUCK") return "duckdb";
  // An Arrow stream begins with a mark and the length of the schema's message.
  if (start.startsWith("\xff\xff\xff\xff")) return "arrow";
  return undefined;
}

/** Returns the format of a table that begins with these bytes. */
export function findFormat(head: Uint8Array, name: string | undefined, place: string): TableFormat {
  const found = byBytes(head);
  if (found !== undefined) return found;
  refuseOthers(head, place);
  const ending = endingOf(name);
  const named = Object.hasOwn(ENDINGS, ending) ? ENDINGS[ending] : undefined;
  if (named === "csv" || named === "tsv" || named === "jsonl") return named;
  const text = latin1(head)
    .replace(/^\xef\xbb\xbf/, "")
    .trim();
  // Lines of records are often called .json, too.
  if (named === "json") return areLines(text) ? "jsonl" : "json";
  if (named !== undefined && head.length > 0) {
    throw new FormatError(
      `${place}: expected a file of the format ${named}, by its name, received other bytes. Fix: give format, if the name is wrong`,
    );
  }
  if (/^\[\s*(\{|\]|$)/.test(text)) return "json";
  if (!/^\{\s*("|\}|$)/.test(text)) return "csv";
  return areLines(text) ? "jsonl" : "json";
}

/**
 * Returns whether a text begins with an object that is alone on its line, with more lines after it; or whether it
 * is one record, an object whose values are not lists, as columns are.
 */
function areLines(text: string): boolean {
  if (!text.startsWith("{")) return false;
  const end = text.search(/[\r\n]/);
  try {
    const first = JSON.parse(end < 0 ? text : text.slice(0, end));
    return end >= 0 || !Object.values(first).every(Array.isArray);
  } catch {
    return false;
  }
}
