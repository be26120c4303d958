// Trains with the packed package in jest, with real and with fake timers, in its environments for Node and for a
// browser: node scripts/jest.js
// Installs jest into a folder of its own, which takes a minute: no part of the tests that run at every change.
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const JEST = "30.5.2";
const root = fileURLToPath(new URL("..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "myelin-jest-"));

function run(command, given) {
  const { status } = spawnSync(command, given, { cwd: folder, stdio: "inherit" });
  if (status !== 0) throw new Error(`${command} ${given.join(" ")} ended with ${status}`);
}

/** A test file for an environment. */
const testOf = (environment) => `/** @jest-environment ${environment} */
import { jest } from "@jest/globals";
import { ways } from "./ways.mjs";
for (const [name, way] of Object.entries(ways)) {
  test(name + ", real timers", async () => { jest.useRealTimers(); await way(); });
  test(name + ", fake timers", async () => { jest.useFakeTimers(); await way(); });
}
`;

try {
  run(process.execPath, [join(root, "scripts/pack.js"), folder]);
  const tarball = readdirSync(folder).find((name) => /^myelin-\d.*\.tgz$/.test(name));
  writeFileSync(join(folder, "package.json"), '{ "private": true }');
  const install = ["install", "--ignore-scripts", "--no-audit", "--no-fund"];
  run("npm", [...install, `jest@${JEST}`, `jest-environment-jsdom@${JEST}`]);
  // Offline, because the platform packages may not be published yet.
  run("npm", [...install, "--offline", join(folder, tarball)]);
  copyFileSync(join(root, "__test__/jest/ways.mjs"), join(folder, "ways.mjs"));
  for (const environment of ["node", "jsdom"]) {
    writeFileSync(join(folder, `${environment}.test.mjs`), testOf(environment));
  }
  // Fake timers that are on for all tests are installed before the package loads.
  for (const enableGlobally of [false, true]) {
    const config = {
      testMatch: ["**/*.test.mjs"],
      moduleFileExtensions: ["mjs", "js", "json"],
      transform: {},
      fakeTimers: { enableGlobally },
    };
    const jest = join(folder, "node_modules/jest/bin/jest.js");
    run(process.execPath, ["--experimental-vm-modules", jest, "--config", JSON.stringify(config)]);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
