/** Reads the answers of queries on SQLite and DuckDB as frames, with packages that the user installs. */
import { DataError, FormatError, MyelinError, OptionError, show } from "../../errors.ts";
import { Frame, joinFrames } from "../frame.ts";
import { compactCells } from "./compact.ts";
import type { ByteSource } from "./source.ts";

/** An open database of `better-sqlite3` or of `node:sqlite`. */
export interface SqliteConnection {
  prepare(sql: string): unknown;
}

/** An open connection of `@duckdb/node-api`. */
export interface DuckDbConnection {
  stream(sql: string, values?: never): Promise<unknown>;
  runAndReadAll(sql: string, values?: never): Promise<unknown>;
}

/** An open connection to a database. */
export type SqlConnection = SqliteConnection | DuckDbConnection;

/** What to select. */
export interface SqlChoice {
  readonly query: string | undefined;
  readonly parameters: readonly unknown[];
}

/** What we use of a statement of SQLite; both packages have it. */
interface Statement {
  iterate(...parameters: readonly unknown[]): Iterable<Record<string, unknown>>;
  /** better-sqlite3. */
  safeIntegers?(isOn: boolean): unknown;
  /** node:sqlite. */
  setReadBigInts?(isOn: boolean): unknown;
}

/** What we use of DuckDB's results. */
interface DuckDbResult {
  deduplicatedColumnNames(): readonly string[];
  /** The rows of each chunk, some thousands at a time. */
  yieldRowsJs(): AsyncIterable<readonly (readonly unknown[])[]>;
}

const isDuckDb = (connection: SqlConnection): connection is DuckDbConnection => "runAndReadAll" in connection;

/** Rows that are collected before they become a frame. */
const BLOCK = 65_536;

const TABLES_OF_SQLITE =
  "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name";
const TABLES_OF_DUCKDB =
  "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'main' ORDER BY table_name";

/** Converts an error of the database to a {@link FormatError} that names the place and the query. */
function refusal(place: string, query: string, error: unknown): MyelinError {
  if (error instanceof MyelinError) return error;
  return new FormatError(
    `${place}: the database refused ${show(query)}: ${(error as Error).message}. Fix: correct the query or its parameters`,
    { cause: error },
  );
}

async function* sqliteBlocks(
  connection: SqliteConnection,
  query: string,
  parameters: readonly unknown[],
  rows: number,
  place: string,
): AsyncGenerator<Frame> {
  try {
    const statement = connection.prepare(query) as Statement;
    if (typeof statement?.iterate !== "function") {
      throw new OptionError(
        `${place}: expected a database of better-sqlite3, or of node:sqlite from Node 22.13 on, received one without iterate. Fix: use one of them`,
      );
    }
    // Numbers beyond 2^53 would be rounded, or refused.
    if (statement.safeIntegers !== undefined) statement.safeIntegers(true);
    else statement.setReadBigInts?.(true);
    let cells = new Map<string, unknown[]>();
    let count = 0;
    const frame = () =>
      new Frame(new Map(Array.from(cells, ([name, column]) => [name, compactCells(column)])), count);
    for (const record of statement.iterate(...parameters)) {
      if (count === 0) cells = new Map(Object.keys(record).map((name) => [name, []]));
      for (const [name, column] of cells) column.push(record[name]);
      if (++count < rows) continue;
      yield frame();
      count = 0;
    }
    if (count > 0) yield frame();
  } catch (error) {
    throw refusal(place, query, error);
  }
}

async function* duckDbBlocks(
  connection: DuckDbConnection,
  query: string,
  parameters: readonly unknown[],
  rows: number,
  place: string,
): AsyncGenerator<Frame> {
  try {
    const result = (await connection.stream(
      query,
      (parameters.length > 0 ? parameters : undefined) as never,
    )) as DuckDbResult;
    const names = result.deduplicatedColumnNames();
    let columns: unknown[][] = names.map(() => []);
    let count = 0;
    const frame = () => new Frame(new Map(names.map((name, at) => [name, compactCells(columns[at])])), count);
    for await (const chunk of result.yieldRowsJs()) {
      for (const row of chunk) {
        for (let at = 0; at < names.length; at++) columns[at].push(row[at]);
        if (++count < rows) continue;
        yield frame();
        columns = names.map(() => []);
        count = 0;
      }
    }
    if (count > 0) yield frame();
  } catch (error) {
    throw refusal(place, query, error);
  }
}

const blocksOf = (
  connection: SqlConnection,
  query: string,
  parameters: readonly unknown[],
  rows: number,
  place: string,
): AsyncGenerator<Frame> =>
  (isDuckDb(connection) ? duckDbBlocks : sqliteBlocks)(connection as never, query, parameters, rows, place);

/** Returns the query for all of the only table. Throws if there is not exactly one. */
async function defaultQuery(connection: SqlConnection, place: string): Promise<string> {
  const tables = isDuckDb(connection) ? TABLES_OF_DUCKDB : TABLES_OF_SQLITE;
  const names: string[] = [];
  for await (const frame of blocksOf(connection, tables, [], BLOCK, place)) {
    for (const { name } of frame) names.push(String(name));
  }
  if (names.length === 1) return `SELECT * FROM "${names[0].replaceAll('"', '""')}"`;
  const received = names.length === 0 ? "none" : `${names.length}: ${names.slice(0, 20).join(", ")}`;
  throw new OptionError(
    `${place}: expected a database with one table, received ${received}. Fix: give query: "SELECT … FROM …"`,
  );
}

/** Yields the answer of a query on an open connection, in frames of up to `rows` rows. */
export async function* queryFrames(
  connection: SqlConnection,
  { query, parameters }: SqlChoice,
  rows: number,
  place: string,
): AsyncGenerator<Frame> {
  const sql = query ?? (await defaultQuery(connection, place));
  let count = 0;
  for await (const frame of blocksOf(connection, sql, parameters, rows, place)) {
    count += frame.rows;
    yield frame;
  }
  if (count === 0) throw new DataError(`${place}: expected rows, ${show(sql)} gave none`);
}

/** Reads the answer of a query on an open connection. */
export async function queryFrame(
  connection: SqlConnection,
  choice: SqlChoice,
  place: string,
): Promise<Frame> {
  const frames: Frame[] = [];
  for await (const frame of queryFrames(connection, choice, BLOCK, place)) frames.push(frame);
  return joinFrames(frames);
}

/** A connection, and how to end it. */
interface Opened {
  readonly connection: SqlConnection;
  close(): void;
}

/**
 * Imports a package of the user, or returns undefined. The name is not a literal, so that bundlers leave it
 * alone.
 */
async function importPackage(name: string): Promise<unknown> {
  try {
    return await import(/* @vite-ignore */ /* webpackIgnore: true */ name);
  } catch (error) {
    // Hosts word it in their own ways, with the name in quotes.
    const { message } = error as Error;
    const isAbsent =
      /cannot find|could not resolve/i.test(message) && /(["'])([^"']+)\1/.exec(message)?.[2] === name;
    if (isAbsent) return undefined;
    throw new FormatError(`${name} cannot be loaded: ${(error as Error).message}`, { cause: error });
  }
}

interface Sqlite {
  close(): void;
  prepare(sql: string): unknown;
}

/** The last version for Node 20. A newer better-sqlite3 crashes the process there. */
const LAST_FOR_NODE_20 = 12;

/** Returns the major version of a package of the user, or undefined if it is not installed. */
function majorVersion(name: string): number | undefined {
  try {
    const require = process.getBuiltinModule("node:module").createRequire(import.meta.url);
    return Number.parseInt(require(`${name}/package.json`).version, 10);
  } catch {
    return undefined;
  }
}

/** Opens a file with Node's SQLite, which exists from Node 22.13 on, or else with better-sqlite3. */
async function openSqlite(path: string, place: string): Promise<Opened> {
  const builtin = process.getBuiltinModule?.("node:sqlite") as unknown as
    | { DatabaseSync: new (path: string, options: object) => Sqlite }
    | undefined;
  if (builtin !== undefined) {
    const connection = new builtin.DatabaseSync(path, { readOnly: true });
    return { connection, close: () => connection.close() };
  }
  const isOld = Number.parseInt(process.versions.node, 10) < 22;
  const fix = isOld ? `npm i better-sqlite3@${LAST_FOR_NODE_20}` : "npm i better-sqlite3";
  if (isOld && (majorVersion("better-sqlite3") ?? 0) > LAST_FOR_NODE_20)
    throw new OptionError(`${place}: the better-sqlite3 that is installed needs Node 22. Fix: ${fix}`);
  const installed = (await importPackage("better-sqlite3")) as
    | { default: new (path: string, options: object) => Sqlite }
    | undefined;
  if (installed === undefined) {
    throw new OptionError(
      `${place}: SQLite needs Node 22.13 or newer, or a package that is not installed. Fix: ${fix}`,
    );
  }
  const connection = new installed.default(path, { readonly: true, fileMustExist: true });
  return { connection, close: () => connection.close() };
}

async function openDuckDb(path: string, place: string): Promise<Opened> {
  const installed = (await importPackage("@duckdb/node-api")) as
    | {
        DuckDBInstance: {
          create(
            path: string,
            options: object,
          ): Promise<{ connect(): Promise<DuckDbConnection & { closeSync(): void }>; closeSync(): void }>;
        };
      }
    | undefined;
  if (installed === undefined)
    throw new OptionError(
      `${place}: DuckDB needs a package that is not installed. Fix: npm i @duckdb/node-api`,
    );
  const instance = await installed.DuckDBInstance.create(path, { access_mode: "READ_ONLY" });
  const connection = await instance.connect();
  return {
    connection,
    close() {
      connection.closeSync();
      instance.closeSync();
    },
  };
}

async function open({ path, place }: ByteSource, format: "sqlite" | "duckdb"): Promise<Opened> {
  if (path === undefined) {
    throw new OptionError(
      `${place}: expected the path of a database, received bytes. Fix: write them to a file, or give an open connection`,
    );
  }
  try {
    return await (format === "sqlite" ? openSqlite(path, place) : openDuckDb(path, place));
  } catch (error) {
    if (error instanceof MyelinError) throw error;
    throw new FormatError(`${place}: the database cannot be opened: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

/** Yields the answer of a query on a database's file, in frames of up to `rows` rows. */
export async function* databaseFrames(
  source: ByteSource,
  format: "sqlite" | "duckdb",
  choice: SqlChoice,
  rows: number,
): AsyncGenerator<Frame> {
  const { connection, close } = await open(source, format);
  try {
    yield* queryFrames(connection, choice, rows, source.place);
  } finally {
    close();
  }
}

/** Reads the answer of a query on a database's file. */
export async function readDatabase(
  source: ByteSource,
  format: "sqlite" | "duckdb",
  choice: SqlChoice,
): Promise<Frame> {
  const frames: Frame[] = [];
  for await (const frame of databaseFrames(source, format, choice, BLOCK)) frames.push(frame);
  return joinFrames(frames);
}
