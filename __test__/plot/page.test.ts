// Pages: what they contain, and in Chromium what hovering shows, and that axe finds nothing.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { describe, expect, it } from "vitest";
import { DataError, OptionError } from "../../src/errors.ts";
import { colorOf, valuePaint } from "../../src/plot/colors.ts";
import { confusionMatrix, distribution, page, scatter } from "../../src/plot/index.ts";
import { allowing, browser, darkSystem, pageAfter, printedColors } from "./browser.ts";
import { allPictures, xorPoints } from "./samples.ts";

interface Details {
  readonly names: readonly string[];
  readonly colors: readonly string[];
  readonly rows: readonly (readonly (readonly [number, string])[])[];
  readonly drawings: readonly (readonly (readonly number[])[])[];
}

/** Returns what the page's script reads, with names instead of their indices. */
function detailsOf(text: string): Record<string, string>[] {
  const source = text.match(/<script type="application\/json">(.*?)<\/script>/s);
  const { names, rows } = JSON.parse(source?.[1] ?? "") as Details;
  return rows.map((row) => Object.fromEntries(row.map(([name, value]) => [names[name], value])));
}

const hostile = `</script><!--<script>&"'`;

describe("a page of one picture", () => {
  const text = scatter(xorPoints(100), { title: "XOR", valueLabel: "prediction" }).html();

  it("contains everything that a page needs", () => {
    expect(text).toMatch(/^<!doctype html>\n<html lang="en">/);
    expect(text).toContain('<meta charset="utf-8">');
    expect(text).toContain('<meta name="viewport"');
    expect(text).toContain("<title>XOR</title>");
    expect(text.match(/<h1>XOR<\/h1>/g)).toHaveLength(1);
  });

  it("has the details of every point once, for a wide and a narrow drawing", () => {
    expect(detailsOf(text)).toHaveLength(100);
    expect(Object.keys(detailsOf(text)[0])).toEqual(["x1", "x2"]);
    expect(text.match(/<svg /g)).toHaveLength(2);
    expect(text.match(/<circle /g)).toHaveLength(200);
  });

  it("rounds numbers for display", () => {
    const details = { third: 1 / 3, big: 123_456_789, small: -1.23456e-9, count: 7, none: Number.NaN };
    expect(detailsOf(scatter([{ x: 0, y: 0, details }]).html())).toEqual([
      { third: "0.3333", big: "123,500,000", small: "-1.235e-9", count: "7", none: "NaN" },
    ]);
  });

  it("escapes all text", () => {
    const points = [{ x: 0, y: 0, value: hostile, details: { [hostile]: hostile } }];
    const drawn = scatter(points, {
      title: hostile,
      xLabel: hostile,
      yLabel: hostile,
      markLabel: hostile,
    }).html();
    expect(drawn.match(/<\/?script|<!--/g)).toEqual(["<script", "</script", "<script", "</script"]);
    expect(detailsOf(drawn)).toEqual([{ [hostile]: hostile }]);
  });

  it("loads nothing from outside, and forbids it to the browser", () => {
    expect(new Set(text.match(/https?:[^"]*|\/\/[a-z0-9.-]+\.[a-z]+|@import|\bsrc=/g))).toEqual(
      new Set(["http://www.w3.org/2000/svg"]),
    );
    expect(text.match(/\bhref="[^"]*"/g)).toEqual(['href="data:,"']);
    expect(text).toContain(`content="default-src 'none';`);
  });
});

describe("a page of several pictures", () => {
  const matrix = confusionMatrix([
    [8, 2],
    [1, 9],
  ]);
  const text = page(
    [{ heading: "The model" }, `It <is> good. ${hostile}`, matrix, { code: "a  b\n1  2" }, matrix],
    { title: "Report", language: "de-CH" },
  );

  it("has texts and pictures in order, with headings and escaped text", () => {
    const parts = text.match(
      /<h1>.*?<\/h1>|<h2>.*?<\/h2>|<h3>.*?<\/h3>|<p>.*?<\/p>|<pre[^>]*>[^<]*<\/pre>|<figure/g,
    );
    expect(parts?.map((part) => part.replace(/<\/?(h1|h2|h3|p)>/g, "").slice(0, 24))).toEqual([
      "Report",
      "The model",
      "It &#60;is&#62; good. &#",
      "Confusion matrix",
      "<figure",
      '<pre tabindex="0">a  b\n1',
      "Confusion matrix",
      "<figure",
    ]);
    expect(text.match(/<h3>/g)).toHaveLength(2);
    expect(text).toContain('<html lang="de-CH">');
    const ids = [...text.matchAll(/ id="([^"]*)"/g)].map(([, id]) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it("refuses other parts, and a missing title", () => {
    expect(() => page([3 as never], { title: "T" })).toThrow(DataError);
    expect(() => page([], {} as never)).toThrow(OptionError);
    expect(() => page([], { title: "T", theme: "blue" as never })).toThrow(
      /theme: expected one of "auto", "light", "dark"/,
    );
    expect(() => page([], { title: "T", language: "<b>" })).toThrow(/language/);
  });
});

describe.skipIf(!browser)("in Chromium (skipped if there is none; CHROMIUM can give its path)", () => {
  const hovered = scatter([
    { x: 0, y: 0, value: 0.1, details: { name: "left" } },
    { x: 1, y: 0, value: 0.9, details: { name: "right <b>" } },
    { x: 1, y: 1, value: 0.1, details: { name: "top" } },
  ]).html();

  /** Returns the text and the visibility of the tooltip after some steps inside the page. */
  function tooltipAfter(text: string, steps: string, width = 1000): { text: string; hidden: boolean } {
    const result = pageAfter(allowing(text, steps), steps, { width });
    const [, attributes, content] = result.match(/<output([^>]*)>(.*?)<\/output>/s)!;
    return { text: content, hidden: /\bhidden\b/.test(attributes) };
  }

  const visible = `[...document.querySelectorAll("figure svg")].find((svg) => svg.getClientRects().length > 0)`;
  const pointAt = (selector: string, index: number) => `{
    const svg = ${visible};
    const box = [...svg.querySelectorAll("${selector}")].at(${index}).getBoundingClientRect();
    const place = { clientX: box.x + box.width / 2, clientY: box.y + box.height / 2, pointerType: "mouse" };
    svg.dispatchEvent(new PointerEvent("pointermove", place));
  }`;
  const press = (...keys: string[]) => `for (const key of ${JSON.stringify(keys)})
    document.querySelector("figure").dispatchEvent(new KeyboardEvent("keydown", { key }));`;

  it.each([400, 1000])(
    "shows the details of the point under the pointer, as text, %i pixels wide",
    (width) => {
      expect(tooltipAfter(hovered, pointAt("circle", -1), width)).toEqual({
        text: "<div>name <b>right &lt;b&gt;</b></div>",
        hidden: false,
      });
    },
  );

  it("moves from point to point with the arrow keys", () => {
    const walked = tooltipAfter(hovered, pointAt("circle", 0) + press("ArrowRight", "ArrowUp"));
    expect(walked).toEqual({ text: "<div>name <b>top</b></div>", hidden: false });
  });

  it("has the color of the point at the edge, on a light and on a dark screen", () => {
    const edge = `document.body.dataset.edge = document.querySelector("output").style.getPropertyValue("--color");`;
    const steps = pointAt("circle", 0) + edge;
    const edgeOn = (flags: string[]) =>
      /data-edge="([^"]*)"/.exec(pageAfter(allowing(hovered, steps), steps, { flags }))?.[1];
    const [light, dark] = [edgeOn([]), edgeOn(darkSystem)];
    expect([light, dark]).toEqual([colorOf(valuePaint(0.1), "light"), colorOf(valuePaint(0.1), "dark")]);
  });

  it.each(["auto", "dark"] as const)("with the theme %s is light on paper, on a dark system", (theme) => {
    const colors = printedColors(distribution([1, 2, 2, 3]).html({ theme }));
    for (const paint of ["text", "quiet", "s0"] as const) {
      expect([...colors]).toContain(colorOf(paint, "light"));
      expect([...colors]).not.toContain(colorOf(paint, "dark"));
    }
    // The ground, and that of the browser in the margins.
    for (const ground of [colorOf("page", "dark"), "#121212"]) expect([...colors]).not.toContain(ground);
  });

  it("hides on Escape", () => {
    expect(tooltipAfter(hovered, pointAt("circle", 0) + press("Escape")).hidden).toBe(true);
  });

  it("shows the details of a cell", () => {
    const matrix = confusionMatrix(
      [
        [8, 2],
        [1, 9],
      ],
      { classes: ["no", "yes"] },
    ).html();
    expect(tooltipAfter(matrix, pointAt("rect[rx], g > rect", -1)).text).toMatch(
      /actual <b>\w+<\/b>.*rows <b>\d<\/b>/,
    );
  });

  it.each(["light", "dark"])("axe finds no violation on a %s page of all pictures", (theme) => {
    const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
    const all = page(["All pictures.", ...Object.values(allPictures({ rows: 100 })), { code: "a table" }], {
      title: "All",
      theme: theme as "light",
    });
    const steps = `${axe.replaceAll("</script", "<\\/script")};
      const { violations } = await window.axe.run(document, { resultTypes: ["violations"] });
      document.body.replaceChildren();
      document.body.append("VIOLATIONS", JSON.stringify(violations.map(({ id, nodes }) => [id, nodes[0].html.slice(0, 200)])), "END");`;
    const found = /VIOLATIONS(.*)END/s.exec(
      pageAfter(allowing(all, steps), steps).replaceAll(/<script[\s\S]*<\/script>/g, ""),
    )?.[1];
    expect(found).toBe("[]");
  });
});
