// A bundler bundles the installed package for a browser: only the TypeScript kernel, and nothing of Node.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createContext, runInContext } from "node:vm";
import { gzipSync } from "node:zlib";
import { rolldown } from "rolldown";
import { beforeAll, expect, test } from "vitest";
import { expectTrained, install, pack, root, type Trained, trainScript } from "./app.ts";

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

test("a page that trains and predicts takes at most 60 KB, minified and gzipped", async () => {
  const entry = join(app, "page.mjs");
  const page = `
    import { dense, Model, relu, sgd } from "myelin";
    const layers = [dense(4), relu(), dense(1)];
    const model = new Model({ inputs: 2, layers, loss: "meanSquaredError", optimizer: sgd() });
    globalThis.page = { fit: (x, y) => model.fit(x, y), predict: (x) => model.predict(x) };`;
  writeFileSync(entry, page);
  const bundle = await rolldown({ input: entry, platform: "browser" });
  const { output } = await bundle.generate({ format: "esm", minify: true, codeSplitting: false });
  expect(gzipSync(output[0].code, { level: 9 }).length).toBeLessThan(60_000);
  // Inspection of models is a separate subpath.
  expect(output[0].code).not.toContain("checkGradients");
  // Only `ready` needs the code around the WebAssembly module.
  expect(output[0].code).not.toMatch(/myelin\.wasm|import\.meta|instantiate/);
});

test("ready adds at most 6 KB to that page, minified and gzipped, and the module stays outside", async () => {
  const sizeOf = async (page: string) => {
    const entry = join(app, "ready.mjs");
    writeFileSync(entry, page);
    const bundle = await rolldown({ input: entry, platform: "browser" });
    const { output } = await bundle.generate({ format: "esm", minify: true, codeSplitting: false });
    return gzipSync(output[0].code, { level: 9 }).length;
  };
  const page = 'import { Model, ready } from "myelin"; globalThis.page = Model;';
  expect((await sizeOf(`${page} await ready();`)) - (await sizeOf(page))).toBeLessThan(6000);
});

test("a page with all pictures takes at most 36 KB, minified and gzipped, and draws without globals", async () => {
  const entry = join(app, "plots.mjs");
  writeFileSync(
    entry,
    `import * as plot from "myelin/plot";
    globalThis.draw = () => {
      const picture = plot.confusionMatrix(["a", "b"], ["a", "a"]);
      const refused = picture.png().catch(({ message }) => message);
      return { names: Object.keys(plot), svg: picture.svg(), html: picture.html(), text: picture.terminal(), refused };
    };`,
  );
  const bundle = await rolldown({ input: entry, platform: "browser" });
  const { output } = await bundle.generate({ format: "esm", minify: true, codeSplitting: false });
  const [{ code }] = output;
  expect(gzipSync(code, { level: 9 }).length).toBeLessThan(36_000);
  expect(code).not.toMatch(/["'`]node:|\bimport\b/);
  interface Drawn {
    readonly svg: string;
    readonly html: string;
    readonly text: string;
    readonly refused: Promise<string>;
  }
  const context = createContext({}) as { draw(): Drawn };
  await runInContext(`(async () => {${code}})()`, context);
  const { svg, html, text, refused } = context.draw();
  expect(svg).toMatch(/^<svg[\s\S]*<\/svg>\n$/);
  expect(html).toContain("<!doctype html>");
  expect(text).toContain("accuracy 50 %");
  expect(await refused).toMatch(/^png: this host cannot load @resvg\/resvg-js\. Fix: /);
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

test("a page reads tables from text, a Blob and Parquet, and is told what it cannot read", async () => {
  const entry = join(app, "tables.mjs");
  writeFileSync(
    entry,
    `import { readTable, streamTable } from "myelin/table";
    const records = async (input) => [...(await readTable(input))];
    globalThis.read = async (parquet) => {
      const blocks = [];
      for await (const block of streamTable("a,b\\n1,x\\n2,y\\n", { rows: 1 })) blocks.push([...block]);
      const refused = await readTable("cars.csv").catch(({ message }) => message);
      return { blocks, refused, blob: await records(new Blob(['[{"a": 1}]'])), parquet: await records(parquet) };
    };`,
  );
  const bundle = await rolldown({ input: entry, platform: "browser" });
  const { output } = await bundle.generate({ format: "esm", codeSplitting: false });
  expect(output[0].code).not.toMatch(/["'`]node:/);
  expect(output[0].code).not.toMatch(/better-sqlite3|duckdb\/node-api/);
  const globals = {
    ...browser,
    URL,
    Blob,
    ReadableStream,
    DecompressionStream,
    atob,
    Uint8Array,
    ArrayBuffer,
  };
  const context = createContext(globals) as { read(bytes: Uint8Array): Promise<Record<string, unknown>> };
  await runInContext(`(async () => {${output[0].code}})()`, context);
  const file = readFileSync(join(root, "__test__", "fixtures", "tables", "snappy.parquet"));
  const { blocks, refused, blob, parquet } = await context.read(new Uint8Array(file));
  expect(blocks).toEqual([[{ a: 1, b: "x" }], [{ a: 2, b: "y" }]]);
  expect(blob).toEqual([{ a: 1 }]);
  expect(parquet).toHaveLength(40);
  expect((parquet as object[])[1]).toMatchObject({ int: -49, text: "name 1 ø😀", flag: false });
  expect(refused).toMatch(/this host has no files.*pass a Blob/);
});

test("a page and a worker answer requests, and are told that they cannot listen", async () => {
  const entry = join(app, "serving.mjs");
  writeFileSync(
    entry,
    `import { dense, Model } from "myelin";
    import { requestHandler, serve } from "myelin/serve";
    const model = new Model({ inputs: 1, layers: [dense(1)], loss: "meanSquaredError", optimizer: "sgd" });
    const handle = requestHandler(model);
    const headers = { "content-type": "application/json" };
    const request = new Request("https://example.com/predict", { method: "POST", headers, body: "[3]" });
    const response = await handle(request);
    const refused = await serve(model).catch(({ message }) => message);
    console.log(JSON.stringify([response.status, await response.json(), model.predict([3]), refused]));`,
  );
  const bundle = await rolldown({ input: entry, platform: "browser" });
  const { output } = await bundle.generate({ format: "esm", codeSplitting: false });
  expect(output[0].code).not.toMatch(/["'`]node:/);
  const lines: string[] = [];
  const console = { log: (line: string) => void lines.push(line) };
  const globals = { ...browser, Request, Response, URL, Uint8Array, console };
  await runInContext(`(async () => {${output[0].code}})()`, createContext(globals));
  const [status, answer, predicted, refused] = JSON.parse(lines[0]);
  expect([status, answer]).toEqual([200, predicted]);
  expect(refused).toBe("serve: this host has no HTTP server of Node. Fix: use requestHandler");
});
