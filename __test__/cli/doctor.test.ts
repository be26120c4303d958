/** `myelin doctor`, on this machine and on broken installations of it. */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { version } from "../../src/index.ts";
import { platformPackages } from "../../src/kernel/findAddon.ts";
import { root, runNode } from "../child.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "myelin-doctor-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const doctor = (given: string[] = [], environment: NodeJS.ProcessEnv = {}) =>
  runNode([join(root, "dist", "cli", "main.js"), "doctor", ...given], { environment });

test("prints the kernel, the machine, the versions and the optional packages", async () => {
  const { status, output, errors } = await doctor();
  expect([status, errors]).toEqual([0, ""]);
  expect(output).toMatch(/^kernel {2,}native \(myelin-.*, \w+ instructions\)$/m);
  expect(output).toMatch(/^native addon {2,}myelin-\S+ \d+\.\d+\.\d+, portable/m);
  expect(output).toMatch(/^CPU {2,}.+, \d+ cores, \d+ usable/m);
  expect(output).toMatch(/^threads {2,}\d+ \(/m);
  expect(output).toMatch(/^memory {2,}[\d.]+ GB, [\d.]+ GB free.*; JavaScript [\d.]+ GB$/m);
  expect(output).toContain(
    `myelin ${version}, Node ${process.versions.node}, Node-API ${process.versions.napi}`,
  );
  const { peerDependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  for (const name of Object.keys(peerDependencies)) expect(output).toContain(`\n${name} `);
  expect(output).toMatch(/\n\nEverything works\.\n$/);
});

test("--json has the same as data", async () => {
  const { status, output } = await doctor(["--json"]);
  expect(status).toBe(0);
  const found = JSON.parse(output);
  expect(found).toMatchObject({
    ok: true,
    kernel: { name: "native" },
    addon: { version, packages: platformPackages(process), bfloat16: expect.any(Boolean) },
    versions: {
      myelin: version,
      node: process.versions.node,
      platform: `${process.platform}-${process.arch}`,
    },
  });
  expect(found.addon.packages).toContain(found.addon.found);
  expect(found.peers.find(({ name }: { name: string }) => name === "@duckdb/node-api").version).toMatch(
    /^\d/,
  );
});

test("says what is wrong with a setting, and not with the kernel", async () => {
  const { status, output } = await doctor([], { MYELIN_THREADS: "many" });
  expect(status).toBe(1);
  expect(output).toMatch(/^threads {2,}\d+ \(the cores/m);
  expect(output).toMatch(/\nNo model can be made: MYELIN_THREADS: .*many/);
});

test("threads are those of MYELIN_THREADS, which it shows", async () => {
  const { output } = await doctor([], { MYELIN_THREADS: "3" });
  expect(output).toMatch(/^threads {2,}3 \(MYELIN_THREADS=3\)$/m);
  expect(output).toMatch(/^MYELIN_THREADS {2,}3$/m);
});

test("instructions that multiply no pairs have no products in bfloat16", async () => {
  const { output } = await doctor(["--json"], { MYELIN_INSTRUCTIONS: "portable" });
  expect(JSON.parse(output).addon.bfloat16).toBe(false);
});

test("the TypeScript kernel is no fault where it is asked for", async () => {
  const { status, output } = await doctor([], { MYELIN_KERNEL: "typescript" });
  expect(status).toBe(0);
  expect(output).toMatch(/^kernel {2,}typescript \(requested by MYELIN_KERNEL=typescript\)$/m);
});

test("a variable with a wrong value is a fault", async () => {
  for (const environment of [
    { MYELIN_THREADS: "many" },
    { MYELIN_INSTRUCTIONS: "mmx" },
    { MYELIN_KERNEL: "fast" },
  ]) {
    const [[name, value]] = Object.entries(environment);
    const { status, output } = await doctor([], environment);
    expect(status).toBe(1);
    expect(output).toMatch(new RegExp(`^kernel {2,}none: ${name}: expected|this CPU has`, "m"));
    expect(output).toMatch(new RegExp(`^${name} {2,}${value}$`, "m"));
  }
});

describe("an installation whose native kernel does not load: exit code 1 and the reason", () => {
  /** A copy of the package, with or without a platform package of its own. */
  function install(name: string, fill?: (addon: string) => void): string {
    const home = join(folder, name, "node_modules", "myelin");
    mkdirSync(home, { recursive: true });
    cpSync(join(root, "dist"), join(home, "dist"), { recursive: true });
    cpSync(join(root, "package.json"), join(home, "package.json"));
    const addon = join(folder, name, "node_modules", platformPackages(process)[0]);
    if (fill !== undefined) {
      mkdirSync(addon);
      fill(addon);
    }
    return join(home, "dist", "cli", "main.js");
  }

  test("because its package is not installed", async () => {
    const { status, output } = await runNode([install("absent"), "doctor"], { folder });
    expect(status).toBe(1);
    expect(output).toMatch(/^kernel {2,}wasm \(myelin-\S+ is not installed: npm install/m);
    expect(output).toMatch(/\n\nThe native kernel does not work: myelin-\S+ is not installed: npm install/);
    const asJson = await runNode([install("absent"), "doctor", "--json"], { folder });
    expect(JSON.parse(asJson.output)).toMatchObject({ ok: false, addon: { cause: "absent" } });
  });

  test("because its file is broken", async () => {
    const main = install("broken", (addon) => {
      const [name] = platformPackages(process);
      writeFileSync(join(addon, "package.json"), JSON.stringify({ name, version, main: "addon.node" }));
      writeFileSync(join(addon, "addon.node"), "not an addon");
    });
    const { status, output } = await runNode([main, "doctor"], { folder });
    expect(status).toBe(1);
    expect(output).toMatch(/^native addon {2,}myelin-\S+ does not load: /m);
  });

  test("because it has another version", async () => {
    const main = install("other", (addon) => {
      const code = `module.exports = { version: () => "9.9.9" };`;
      writeFileSync(join(addon, "package.json"), JSON.stringify({ version: "9.9.9", main: "index.js" }));
      writeFileSync(join(addon, "index.js"), code);
    });
    const { status, output } = await runNode([main, "doctor"], { folder });
    expect(status).toBe(1);
    expect(output).toMatch(/The native kernel does not work: .*it has version 9\.9\.9, expected/);
  });
});
