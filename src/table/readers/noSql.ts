/** Stands in for `sql.ts` where there are no databases: in browsers and other hosts that are not Node. */
import { FileError } from "../../errors.ts";
import type { Frame } from "../frame.ts";
import type { ByteSource } from "./source.ts";
import type { SqlChoice, SqlConnection } from "./sql.ts";

const refusal = (call: string) =>
  new FileError(
    `${call}: this host has no databases. Fix: query it on a server, and send JSON, CSV or Parquet`,
  );

/** Says what to use instead. */
export function queryFrames(
  _connection: SqlConnection,
  _choice: SqlChoice,
  _rows: number,
  call: string,
): AsyncGenerator<Frame> {
  throw refusal(call);
}

/** Says what to use instead. */
export async function queryFrame(
  _connection: SqlConnection,
  _choice: SqlChoice,
  call: string,
): Promise<Frame> {
  throw refusal(call);
}

/** Says what to use instead. */
export function databaseFrames(
  _source: ByteSource,
  _format: "sqlite" | "duckdb",
  _choice: SqlChoice,
  _rows: number,
  call: string,
): AsyncGenerator<Frame> {
  throw refusal(call);
}

/** Says what to use instead. */
export async function readDatabase(
  _source: ByteSource,
  _format: "sqlite" | "duckdb",
  _choice: SqlChoice,
  call: string,
): Promise<Frame> {
  throw refusal(call);
}
