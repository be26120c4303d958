/** Stands in for `sql.ts` where there are no databases: in browsers and other hosts that are not Node. */
import { FileError } from "../../errors.ts";
import type { Frame } from "../frame.ts";
import type { ByteSource } from "./source.ts";
import type { SqlChoice, SqlConnection } from "./sql.ts";

const refusal = (place: string) =>
  new FileError(
    `${place}: this host has no databases. Fix: query it on a server, and send JSON, CSV or Parquet`,
  );

/** Says what to use instead. */
export function queryFrames(
  _connection: SqlConnection,
  _choice: SqlChoice,
  _rows: number,
  place: string,
): AsyncGenerator<Frame> {
  throw refusal(place);
}

/** Says what to use instead. */
export async function queryFrame(
  _connection: SqlConnection,
  _choice: SqlChoice,
  place: string,
): Promise<Frame> {
  throw refusal(place);
}

/** Says what to use instead. */
export function databaseFrames(
  { place }: ByteSource,
  _format: "sqlite" | "duckdb",
  _choice: SqlChoice,
  _rows: number,
): AsyncGenerator<Frame> {
  throw refusal(place);
}

/** Says what to use instead. */
export async function readDatabase(
  { place }: ByteSource,
  _format: "sqlite" | "duckdb",
  _choice: SqlChoice,
): Promise<Frame> {
  throw refusal(place);
}
