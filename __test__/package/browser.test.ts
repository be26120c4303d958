// A bundler bundles the installed package for a browser: only the TypeScript kernel, and nothing of Node.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createContext, runInContext } from "node:vm";
import { gzipSync } from "node:zlib";
import { rolldown } from "rolldown";
import { beforeAll, expect, test } from "vitest";
import { expectTrained, install, pack, type Trained, trainScript } from "./app.ts";

let app: string;
let code: string;
beforeAll(async () => {
  app = install(pack().myelin);
  const entry = join(app, "train.mjs");
  writeFileSync(entry, trainScript);
  const warnings: string[] = [];
  const bundle = await rolldown({
    input: entry,
    platform: "browser",
    onLog: (_level, log) => void warnings.push(log.message),
  });
  await bundle.write({ file: join(app, "bundle.js"), format: "esm", codeSplitting: false });
  expect(warnings).toEqual([]);
  code = readFileSync(join(app, "bundle.js"), "utf8");
});

test("the bundle has no imports", () => {
  expect(code).not.toMatch(/\bimport\b/);
  expect(code).not.toMatch(/\brequire\s*\(/);
  expect(code).not.toMatch(/["'`]node:/);
});

test("a page that trains and predicts takes at most 56 KB, minified and gzipped", async () => {
  const entry = join(app, "page.mjs");
  const page = `
    import { dense, Model, relu, sgd } from "myelin";
    const layers = [dense(4), relu(), dense(1)];
    const model = new Model({ inputs: 2, layers, loss: "meanSquaredError", optimizer: sgd() });
    globalThis.page = { fit: (x, y) => model.fit(x, y), predict: (x) => model.predict(x) };`;
  writeFileSync(entry, page);
  const bundle = await rolldown({ input: entry, platform: "browser" });
  const { output } = await bundle.generate({ format: "esm", minify: true, codeSplitting: false });
  expect(gzipSync(output[0].code, { level: 9 }).length).toBeLessThan(56_000);
  // Inspection of models is a separate subpath.
  expect(output[0].code).not.toContain("checkGradients");
});

// The globals of a browser and its workers that may be used; no process, no Buffer, no require.
const browser = {
  ...{ setTimeout, clearTimeout, queueMicrotask, performance, MessageChannel },
  ...{ AbortController, AbortSignal, TextEncoder, TextDecoder },
};

test.each([
  ["there are no globals of Node", browser],
  ["there are only the language's own globals", {}],
])("the bundle trains if %s", async (_, globals) => {
  const lines: string[] = [];
  const console = { log: (line: string) => void lines.push(line) };
  await runInContext(`(async () => {${code}})()`, createContext({ ...globals, console }));
  const trained: Trained = JSON.parse(lines.at(-1)!);
  expect(trained.kernel).toEqual({ name: "typescript", reason: expect.stringMatching(/.+/) });
  expectTrained(trained);
  expect(trained.fromFile).toBe(
    "FileError: save: this host has no files; store the bytes that model.toBytes() returns",
  );
  expect(trained.logged).toMatch(/^FileError: callbacks\.log: this host has no files; write a callback/);
});
