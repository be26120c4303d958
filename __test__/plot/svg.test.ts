import { DOMParser } from "@xmldom/xmldom";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { rampColor } from "../../src/plot/ramp.ts";
import { type ScatterOptions, type ScatterPoint, scatterSvg } from "../../src/plot/scatter.ts";
import { oddLists, pointAt, xorGrid } from "./samples.ts";

const words = { title: "XOR", xLabel: "x1", yLabel: "x2", valueLabel: "prediction" };

/** Parses the file. The parser throws on anything that is not well-formed. */
function parse(points: readonly ScatterPoint[], options: ScatterOptions = {}) {
  return new DOMParser({ onError: raise }).parseFromString(scatterSvg(points, options), "image/svg+xml");
}

function raise(level: string, message: string): void {
  if (level !== "warning") throw new Error(message);
}

type Parsed = ReturnType<typeof parse>;

function texts(file: Parsed): string[] {
  return [...file.getElementsByTagName("text")].map((text) => text.textContent ?? "");
}

function circles(file: Parsed): { x: number; y: number; fill: string }[] {
  return [...file.getElementsByTagName("circle")].map((circle) => ({
    x: Number(circle.getAttribute("cx")),
    y: Number(circle.getAttribute("cy")),
    fill: circle.getAttribute("fill") ?? "",
  }));
}

describe("a scatter plot as SVG", () => {
  it("is a well-formed standalone file with all labels", () => {
    const file = parse(xorGrid(10), words);
    expect(file.documentElement?.namespaceURI).toBe("http://www.w3.org/2000/svg");
    expect(texts(file)).toEqual(
      expect.arrayContaining(["XOR", "x1", "x2", "prediction", "100 points", "0.0", "1.0"]),
    );
    expect(file.getElementsByTagName("title")[0]?.textContent).toBe("XOR");
    expect(file.getElementsByTagName("desc")[0]?.textContent).toMatch(/^Scatter plot of 100 points: x1 runs/);
  });

  it("draws every point in its color, x to the right and y upward", () => {
    const points = [pointAt(0, 0, 0), pointAt(1, 0, 0.5), pointAt(0, 1, 1)];
    const [origin, right, top] = circles(parse(points));
    expect([origin.fill, right.fill, top.fill]).toEqual([0, 0.5, 1].map(rampColor));
    expect(right.x).toBeGreaterThan(origin.x);
    expect(top.y).toBeLessThan(origin.y);
  });

  it("paints its own background over the whole size", () => {
    const file = parse([]);
    const page = file.getElementsByTagName("rect")[0];
    expect(page.getAttribute("fill")).toBe("#ffffff");
    expect(file.documentElement?.getAttribute("viewBox")).toBe(
      `0 0 ${page.getAttribute("width")} ${page.getAttribute("height")}`,
    );
  });

  it("shows the whole ramp in the legend, and marks ends that values exceed", () => {
    const file = parse([pointAt(0, 0, -0.1), pointAt(0, 0, 0.9)]);
    const stops = [...file.getElementsByTagName("stop")].map((stop) => stop.getAttribute("stop-color"));
    expect([stops[0], stops.at(-1)]).toEqual([rampColor(0), rampColor(1)]);
    expect(texts(file)).toContain("≤ 0.0");
    expect(texts(file)).not.toContain("≥ 1.0");
  });

  it("escapes any text", () => {
    const title = `</text><script>"&'\u0000\u001b\uD800\uFFFF`;
    const file = parse([], { title, xLabel: "<a", yLabel: "]]>", valueLabel: "&lt;" });
    expect(texts(file)).toEqual(expect.arrayContaining([`</text><script>"&'  \uFFFD `, "<a", "]]>", "&lt;"]));
    expect(file.getElementsByTagName("script")).toHaveLength(0);
  });

  it("loads nothing from outside", () => {
    const addresses = scatterSvg(xorGrid(4), words).match(/https?:[^"]*|\bhref\b|@import/g);
    expect(addresses).toEqual(["http://www.w3.org/2000/svg"]);
  });

  it.each(Object.entries(oddLists))("draws %s without invalid numbers", (_, points) => {
    const source = scatterSvg(points, words);
    expect(source).not.toMatch(/NaN|Infinity|undefined/);
    expect(() => parse(points)).not.toThrow();
  });

  it("keeps points of any size inside the frame", () => {
    const number = fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e300, max: 1e300 });
    const point = fc.tuple(number, number, number).map(([x, y, value]) => pointAt(x, y, value));
    fc.assert(
      fc.property(fc.array(point, { maxLength: 5 }), (points) => {
        const file = parse(points);
        const panel = [...file.getElementsByTagName("rect")].find(
          (rect) => rect.getAttribute("class") === "panel",
        );
        const [left, top, width, height] = ["x", "y", "width", "height"].map((name) =>
          Number(panel?.getAttribute(name)),
        );
        expect(circles(file)).toHaveLength(points.length);
        for (const { x, y } of circles(file)) {
          expect(x >= left && x <= left + width && y >= top && y <= top + height).toBe(true);
        }
      }),
    );
  });
});
