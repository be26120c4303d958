/** Places of their own for the files that a test writes; gone when the tests of its file are. */
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";

/** What gives the path of a file that is not there, called `standard` by default, in a folder of its own. */
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
