// What a fresh checkout prints if it cannot build.
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { hostTarget } from "../scripts/toolchain.js";
import { freshPaths } from "./folders.ts";

test("without a Rust toolchain, the tests end with one line that names it", () => {
  const folder = dirname(freshPaths("setup", "any")());
  cpSync(fileURLToPath(new URL("../scripts", import.meta.url)), join(folder, "scripts"), { recursive: true });
  mkdirSync(join(folder, "npm", hostTarget()), { recursive: true });
  mkdirSync(join(folder, "node_modules"));
  const nothing = JSON.stringify({ packages: {} });
  for (const file of ["package-lock.json", "node_modules/.package-lock.json"])
    writeFileSync(join(folder, file), nothing);
  const { status, stderr } = spawnSync(process.execPath, ["scripts/setup.js", "--native"], {
    ...{ cwd: folder, encoding: "utf8", env: { PATH: "" } },
  });
  expect(status).toBe(1);
  expect(stderr).toBe(
    "The tests compare all kernels and need the native one, but no Rust toolchain (cargo) is on the path. " +
      "https://rustup.rs installs one.\n",
  );
});
