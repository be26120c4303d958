// Measures what an import of the package adds to the start of Node.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { median } from "./statistics.js";

const root = fileURLToPath(new URL("..", import.meta.url)); // here Node resolves the package by its own name

function milliseconds(script) {
  const start = performance.now();
  const { status, stderr } = spawnSync(process.execPath, ["-e", script], { cwd: root, encoding: "utf8" });
  if (status !== 0) throw new Error(`node -e "${script}": ${stderr.trim()}`);
  return performance.now() - start;
}

/** Starts Node with and without the import. Returns both medians and their difference, in milliseconds. */
export function importTime(pairs = 15) {
  const bare = [];
  const importing = [];
  for (let pair = 0; pair < pairs; pair++) {
    bare.push(milliseconds(""));
    importing.push(milliseconds("import('myelin')"));
  }
  const medians = { bare: median(bare), importing: median(importing) };
  return { ...medians, difference: medians.importing - medians.bare };
}
