// Tables in an empty app: by import and by require, in a bundle for a browser, and with types that follow the records.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { rolldown } from "rolldown";
import { beforeAll, expect, test } from "vitest";
import { expectSuccess, install, pack, root, run } from "./app.ts";

let app: string;
beforeAll(() => {
  const packed = pack();
  app = install(packed.myelin, packed.platform);
});

const script = `
  const rows = Array.from({ length: 60 }, (_, at) => ({ a: at % 7, b: at % 2 ? "x" : "y", c: at % 2 ? "p" : "q" }));
  fitTable(rows, { target: "c", quality: "fast", seed: 1 }).then((model) => {
    const { value } = TableModel.fromBytes(model.toBytes()).predict({ a: 1, b: "x" });
    console.log(value);
  });`;

test.each([
  ["import", "table.mjs", `import { fitTable, TableModel } from "myelin/table";`],
  ["require", "table.cjs", `const { fitTable, TableModel } = require("myelin/table");`],
])("a table is fitted by %s", (_, name, line) => {
  writeFileSync(join(app, name), line + script);
  expect(expectSuccess(run(app, process.execPath, [name])).trim()).toBe("p");
});

test("a page that fits tables takes at most 102 KB, minified and gzipped, and nothing of Node", async () => {
  const input = join(app, "page.mjs");
  writeFileSync(
    input,
    `import { fitTable, TableModel } from "myelin/table"; globalThis.page = { fitTable, TableModel };`,
  );
  const warnings: string[] = [];
  const bundle = await rolldown({
    input,
    platform: "browser",
    onLog: (_level, log) => void warnings.push(log.message),
  });
  const { output } = await bundle.generate({ format: "esm", minify: true, codeSplitting: false });
  expect(warnings).toEqual([]);
  expect(output[0].code).not.toMatch(/["'`]node:/);
  expect(gzipSync(output[0].code, { level: 9 }).length).toBeLessThan(102_000);
});

test("the types of answers follow from the records, in strict TypeScript", () => {
  const program = `
    import { fitTable } from "myelin/table";
    const rows = [{ a: 1, kind: "p" as "p" | "q", price: 3, sold: true }];
    const model = await fitTable(rows, { target: "kind" });
    const { value, probabilities } = model.predict({ a: 1 });
    const kind: "p" | "q" = value;
    const share: number = probabilities.q;
    const price: number = (await fitTable(rows, { target: "price" })).predict({ a: 1 }).value;
    const both = (await fitTable(rows, { target: ["price", "sold"] })).predict([{ a: 1 }]);
    const sold: boolean = both[0].sold.value;
    // @ts-expect-error it is a number
    const text: string = both[0].price.value;
    // @ts-expect-error there is no such column
    fitTable(rows, { target: "kidn" }).then(({ predict }) => predict({}).probabilities.q);
    export { kind, share, price, sold, text };
  `;
  writeFileSync(join(app, "answers.mts"), program);
  const compiler = join(root, "node_modules", "typescript", "bin", "tsc");
  const flags = ["--strict", "--noEmit", "--target", "es2022", "--module", "nodenext"];
  expectSuccess(run(app, process.execPath, [compiler, ...flags, "answers.mts"]));
});
