// Reads new hostile model files for a minute, or for the given number of seconds: `npm run fuzz -- 3600`. It
// stops at the first file that is neither read as a model nor refused with the right error, and prints the
// seed that generates that file again.
import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const seconds = process.argv[2] ?? "60";
if (!(Number(seconds) > 0)) {
  console.error(`fuzz: expected a number of seconds such as 3600, received ${JSON.stringify(seconds)}`);
  process.exit(1);
}

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const vitest = join(root, "node_modules", "vitest", "vitest.mjs");
const test = ["run", "--project", "slow", "hostile", "--testNamePattern", "random cases of npm run fuzz"];
const { status, error } = spawnSync(process.execPath, [vitest, ...test], {
  cwd: root,
  stdio: "inherit",
  env: { ...process.env, MYELIN_FUZZ_SECONDS: seconds },
});
if (error) console.error(String(error));
process.exitCode = status ?? 1;
