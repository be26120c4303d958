/** The settings that say how to read a table. */
import type { Command } from "commander";
import { type Setting, withSettings } from "./settings.ts";

const heading = "Reading the table:";

export const READING: readonly Setting[] = [
  {
    ...{ name: "format", value: "name", heading },
    description: "format, where the bytes and the name do not tell",
    schema: { enum: ["csv", "tsv", "json", "jsonl", "parquet", "arrow", "sqlite", "duckdb"] },
  },
  {
    ...{ name: "separator", value: "character", heading },
    description: "CSV: character between cells; tab is a tab",
    schema: { type: "string" },
  },
  {
    ...{ name: "quote", value: "character", heading },
    description: "CSV: character around cells; none if there is none",
    schema: { type: "string" },
  },
  {
    ...{ name: "decimal", value: "sign", heading },
    description: "CSV: sign before decimals",
    schema: { enum: [".", ","] },
  },
  {
    ...{ name: "encoding", value: "name", heading },
    description: "CSV: encoding, such as windows-1252",
    schema: { type: "string" },
  },
  {
    ...{ name: "header", value: "yes|no", heading },
    description: "CSV: whether the first line has the names",
    schema: { enum: ["yes", "no"] },
  },
  {
    ...{ name: "text", value: "columns", heading },
    description: "CSV: columns to keep as text, such as codes, separated by commas",
    schema: { type: "array", items: { type: "string" } },
  },
  {
    ...{ name: "ragged", value: "action", heading },
    description: "CSV: what to do with lines that have fewer cells",
    schema: { enum: ["refuse", "pad"] },
  },
  {
    ...{ name: "query", value: "sql", heading },
    description: "SQLite and DuckDB: what to select",
    schema: { type: "string" },
  },
];

/** These settings, as given. */
export interface ReadingValues {
  readonly format?: string;
  readonly separator?: string;
  readonly quote?: string;
  readonly decimal?: string;
  readonly encoding?: string;
  readonly header?: "yes" | "no";
  readonly text?: readonly string[];
  readonly ragged?: string;
  readonly query?: string;
}

/** Adds the options that say how to read a table. */
export const withReading = (command: Command): Command => withSettings(command, READING);
