// Installs and bundles the packed package with tools that are too slow for the tests, and prints a table of
// the kernel that each computes on: node scripts/compatibility/main.js [words that select cases]
// It needs npm's registry for the tools, some 800 MB in the folder for temporary files, and several minutes.
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { root, run, work } from "./app.js";
import { frameworkCases } from "./frameworks.js";
import { jestCases } from "./jest.js";
import { packageManagerCases, packOtherPlatforms } from "./package-managers.js";
import { pageCases } from "./pages.js";
import { startRegistry } from "./registry.js";

const words = process.argv.slice(2);

const packed = join(work, "packed");
mkdirSync(packed);
await run(root, process.execPath, ["scripts/pack.js", packed]);
const tarballs = readdirSync(packed)
  .filter((file) => file.endsWith(".tgz"))
  .map((file) => join(packed, file));
await packOtherPlatforms(packed);
const registry = await startRegistry(packed);
try {
  const cases = [
    ...(await packageManagerCases(registry.address)),
    ...frameworkCases(tarballs),
    ...jestCases(tarballs),
    ...pageCases(tarballs),
  ];
  console.log("| with | computes on |\n| --- | --- |");
  for (const one of cases.filter(({ name }) => words.every((word) => name.includes(word)))) await show(one);
} finally {
  registry.close();
  rmSync(work, { recursive: true, force: true });
}

async function show({ name, expected, run: act }) {
  const result = await act().then(({ name, reason }) => `${name}: ${reason}`, String);
  const [shown] = result.match(expected) ?? [];
  if (shown === undefined) process.exitCode = 1;
  console.log(`| ${name} | ${shown ?? `**not as expected:** ${result}`} |`);
}
