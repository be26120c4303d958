/** Runs the command as a shell does, in a folder with small tables. */
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { type Ended, root, runNode } from "../child.ts";

export const main = join(root, "dist", "cli", "main.js");

const vega = join(root, "node_modules", "vega-datasets");

/** The penguins of Palmer Station, as records. */
export const penguins: readonly Record<string, string | number | null>[] = JSON.parse(
  readFileSync(join(vega, "data", "penguins.json"), "utf8"),
);

/** Records as CSV. */
export function toCsv(rows: readonly Record<string, unknown>[]): string {
  const names = Object.keys(rows[0]);
  const lines = rows.map((row) => names.map((name) => row[name] ?? "").join(","));
  return `${[names.join(","), ...lines].join("\n")}\n`;
}

/** Numbers that follow from two columns. */
export const houses = (count: number, from = 0) =>
  Array.from({ length: count }, (_, index) => {
    const at = index + from;
    const area = 30 + ((at * 37) % 120);
    const town = ["Oslo", "Bergen", "Bodø"][at % 3];
    return { id: `H${at}`, area, town, price: 3 * area + (at % 3) * 50 + ((at * 29) % 7) };
  });

/** A folder that is removed afterwards. */
export function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "myelin-cli-"));
  writeFileSync(join(folder, "penguins.csv"), toCsv(penguins));
  writeFileSync(join(folder, "houses.csv"), toCsv(houses(200)));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Returns a function that runs the command in a folder, with its output in pipes. */
export const commandIn =
  (folder: string, environment: NodeJS.ProcessEnv = {}) =>
  (...given: string[]): Promise<Ended> =>
    runNode([main, ...given], { folder, environment });

/** Runs a line of a shell, in which `myelin` is the command. */
export function shell(folder: string, line: string): Promise<Ended> {
  const script = `myelin() { '${process.execPath}' '${main}' "$@"; }; ${line}`;
  return new Promise((resolve) => {
    execFile("bash", ["-c", script], { cwd: folder, timeout: 300_000 }, (error, output, errors) => {
      resolve({ status: error === null ? 0 : (error.signal ?? error.code ?? 1), output, errors });
    });
  });
}
