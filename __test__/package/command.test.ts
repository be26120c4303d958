// The command of the packed package in an empty app: with the platform package, and without it.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { describeNative, expectSuccess, install, type Packed, pack, run } from "./app.ts";

let packed: Packed | undefined;
const tarballs = () => {
  packed ??= pack();
  return packed;
};

const rows = Array.from(
  { length: 120 },
  (_, at) => `${at % 17},${at % 2 ? "x" : "y"},${(at % 17) * 3 + (at % 2)}`,
);

/** Trains, predicts, tests and draws on a kernel. */
function use(app: string, kernel: string): void {
  const settings = kernel === "native" ? {} : { MYELIN_KERNEL: kernel };
  const myelin = (...given: string[]) =>
    expectSuccess(run(app, join(app, "node_modules", ".bin", "myelin"), given, settings));
  expect(JSON.parse(myelin("doctor", "--json")).kernel.name).toBe(kernel);
  writeFileSync(join(app, "table.csv"), `a,b,c\n${rows.join("\n")}\n`);
  const fast = ["--quality", "fast", "--networks", "1", "--seed", "1", "--json", "--quiet"];
  const { scores } = JSON.parse(myelin("train", "table.csv", "--target", "c", ...fast));
  expect(scores.r2).toBeGreaterThan(0.8);
  expect(myelin("predict", "model.myelin", "table.csv").split("\n")).toHaveLength(122);
  expect(myelin("evaluate", "model.myelin", "table.csv")).toMatch(/^c: 120 rows\n/);
  myelin("evaluate", "model.myelin", "table.csv", "--report", "page.html");
  expect(readFileSync(join(app, "page.html"), "utf8")).toContain("120 test rows");
  expect(myelin("inspect", "table.csv")).toMatch(/^"table.csv": 120 rows, 3 columns\n/);
  expect(myelin("explain", "model.myelin", "--row", '{"a": 3}')).toMatch(/baseline/);
  myelin("plot", "table.csv", "distribution", "--columns", "c", "-o", "c.svg");
  expect(readFileSync(join(app, "c.svg"), "utf8")).toMatch(/^<svg/);
  myelin("predict", "model.myelin", "table.csv", "--keep", "-o", "answers.parquet");
  expect(myelin("inspect", "answers.parquet")).toMatch(/^"answers.parquet": 120 rows, 4 columns\n/);
  expect(existsSync(join(app, "node_modules", "myelin", "dist", "cli", "train.schema.json"))).toBe(true);
}

test.each(["wasm", "typescript"])("runs on the %s kernel", (kernel) => {
  use(install(tarballs().myelin), kernel);
});

describeNative("with the platform package", () => {
  test("runs on the native kernel", () => {
    use(install(tarballs().myelin, tarballs().platform), "native");
  });
});
