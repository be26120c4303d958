import { describe, expect, it } from "vitest";
import { scatterHtml } from "../../src/plot/scatter.ts";
import { oddLists, pointAt, xorGrid } from "./samples.ts";

/** Returns the data that the page's script reads. */
function embedded(page: string): Record<string, string>[] {
  const source = page.match(/<script type="application\/json" id="details">(.*?)<\/script>/s);
  return JSON.parse(source?.[1] ?? "");
}

describe("a scatter plot as a page", () => {
  const page = scatterHtml(xorGrid(10), { title: "XOR", valueLabel: "prediction" });

  it("contains everything that a page needs", () => {
    expect(page).toMatch(/^<!doctype html>\n<html lang="en">/);
    expect(page).toContain('<meta charset="utf-8">');
    expect(page).toContain('<meta name="viewport"');
    expect(page).toContain("<title>XOR</title>");
    expect(page).toContain("<h1>XOR</h1>");
  });

  it("embeds the details of every point in the order of the circles", () => {
    expect(page.match(/<circle /g)).toHaveLength(100);
    expect(embedded(page)).toHaveLength(100);
    expect(embedded(page)[0]).toEqual({ x1: "0.05", x2: "0.05", prediction: "0.05", label: "0" });
  });

  it("omits the details of skipped points", () => {
    const points = [pointAt(Number.NaN, 0, 0, { name: "bad" }), pointAt(0, 0, 0, { name: "good" })];
    expect(embedded(scatterHtml(points))).toEqual([{ name: "good" }]);
  });

  it("rounds numbers for display", () => {
    const details = { third: 1 / 3, big: 123_456_789, small: -1.23456e-9, count: 7, none: Number.NaN };
    expect(embedded(scatterHtml([pointAt(0, 0, 0, details)]))).toEqual([
      { third: "0.3333", big: "123500000", small: "-1.235e-9", count: "7", none: "NaN" },
    ]);
  });

  it("escapes all text", () => {
    const text = `</script><!--<script>&"'`;
    const hostile = scatterHtml([pointAt(0, 0, 0, { [text]: text })], {
      title: text,
      xLabel: text,
      valueLabel: text,
    });
    expect(hostile.match(/<\/?script|<!--/g)).toEqual(["<script", "</script", "<script", "</script"]);
    expect(embedded(hostile)).toEqual([{ [text]: text }]);
  });

  it("loads nothing from outside, and forbids it to the browser", () => {
    expect(page.match(/https?:[^"]*|\/\/[a-z0-9.-]+\.[a-z]+|@import|\bsrc=/g)).toEqual([
      "http://www.w3.org/2000/svg",
    ]);
    expect(page.match(/\bhref="[^"]*"/g)).toEqual(['href="data:,"']);
    expect(page).toContain(`content="default-src 'none';`);
  });

  it.each(Object.entries(oddLists))("shows %s", (_, points) => {
    const drawn = scatterHtml(points);
    expect(drawn.match(/<circle /g) ?? []).toHaveLength(embedded(drawn).length);
  });
});
