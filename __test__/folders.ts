/** Temporary paths for the files of a test, deleted after the tests of its file. */
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";

/**
 * Returns a function that returns the path of a new file, by default called `standard`, in a folder of its
 * own.
 */
export function freshPaths(name: string, standard: string): (file?: string) => string {
  const root = realpathSync(mkdtempSync(join(tmpdir(), `myelin-${name}-`)));
  afterAll(() => rmSync(root, { recursive: true, force: true }));
  let folders = 0;
  return (file = standard) => {
    const folder = join(root, String(folders++));
    mkdirSync(folder);
    return join(folder, file);
  };
}
