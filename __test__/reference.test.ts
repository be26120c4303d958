// The reference that `npm run docs` writes: a page for each entry of each table, with the entry's docs.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { DOMParser } from "@xmldom/xmldom";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { generate } from "../scripts/reference/generate.ts";
import { tables } from "../scripts/reference/tables.ts";
import * as myelin from "../src/index.ts";
import * as insight from "../src/insight/index.ts";
import type { Option } from "../src/options.ts";
import * as plot from "../src/plot/index.ts";
import * as reports from "../src/report/index.ts";

const folder = mkdtempSync(join(tmpdir(), "myelin-reference-"));
beforeAll(() => generate(fileURLToPath(new URL("..", import.meta.url)), folder), 300_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const cases = tables.flatMap((table) =>
  table.entries.map((entry) => [`${table.title}: ${entry.type}`, table, entry] as const),
);

const textOf = (html: string) =>
  html
    .replace(/<[^>]*>/g, "")
    .replace(/&quot;|&#34;/g, '"')
    .replace(/&gt;/g, ">")
    .replace(/&lt;/g, "<")
    .replace(/&amp;/g, "&");

describe("the page of", () => {
  test.each(cases)("%s has its options, as declared, and its plot", (_, { namespace, picture }, entry) => {
    const name = namespace === undefined ? entry.type : `${namespace}.${entry.type}`;
    const page = readFileSync(join(folder, "variables", `${name}.html`), "utf8");
    const rows = [...page.matchAll(/<tr>(.*?)<\/tr>/gs)].map(([, row]) =>
      [...row.matchAll(/<td>(.*?)<\/td>/gs)].map(([, cell]) => textOf(cell)),
    );
    const options = Object.entries(entry.options as Record<string, Option<unknown>>);
    for (const [option, { expected }] of options) {
      const row = rows.find(([first]) => first === option);
      expect(row?.[2]).toBe(expected);
      expect(row?.[1]).not.toBe("undefined");
    }
    if (options.length === 0) expect(textOf(page)).toContain("No options.");
    expect(page).toContain("tsd-tag-example");
    const drawing = /<div class="curve">(<svg.*?<\/svg>)<p>.+?<\/p><\/div>/s.exec(page)?.[1];
    expect(drawing !== undefined).toBe(picture !== undefined);
    if (drawing === undefined) return;
    const paths = new DOMParser().parseFromString(drawing, "text/xml").getElementsByTagName("path");
    for (const path of Array.from(paths))
      expect(path.getAttribute("d")).toMatch(/^M[\d.]+ [\d.]+(L[\d.]+ [\d.]+){99,}$/);
    expect(paths.length).toBeGreaterThan(0);
  });
});

test("every exported table is included", () => {
  const shown = new Set(tables.flatMap((table) => table.entries.map(({ type }) => type)));
  const found = [myelin, ...Object.values(myelin)].flatMap((holder) =>
    Object.values(holder).filter(
      (value) => typeof value === "function" && "options" in value && "create" in value,
    ),
  );
  expect(found.length).toBeGreaterThan(30);
  for (const entry of found) expect(shown).toContain((entry as unknown as { type: string }).type);
});

const subpaths = Object.entries({ insight, plot, reports }).flatMap(([namespace, exports]) =>
  Object.keys(exports).map((name) => `${namespace}.${name}`),
);

test.each(subpaths)("%s has a page", (name) => {
  const page = readFileSync(join(folder, "functions", `${name}.html`), "utf8");
  expect(page).toContain("tsd-tag-example");
});
