// Every picture in every form, of ordinary and of difficult data.

import { stripVTControlCharacters } from "node:util";
import { describe, expect, it } from "vitest";
import type { Picture } from "../../src/plot/index.ts";
import { allPictures, difficult, longName, parse } from "./samples.ts";

/** Returns the numbers of an element's attributes. */
function numbers(element: { getAttribute(name: string): string | null }, ...names: string[]): number[] {
  return names.map((name) => Number(element.getAttribute(name)));
}

const ordinary = allPictures({ rows: 200 });
const large = allPictures({ rows: 100_000 });
const hard = Object.entries(difficult).map(([data, given]) => [data, allPictures(given)] as const);
const names = Object.keys(ordinary) as (keyof typeof ordinary)[];

function expectValid(picture: Picture, width: number): void {
  const svg = picture.svg({ width });
  expect(svg).not.toMatch(/="[^"]*(NaN|Infinity|undefined)[^"]*"/);
  const file = parse(svg);
  const root = file.documentElement!;
  expect(root.getAttribute("width")).toBe(String(width));
  const height = Number(root.getAttribute("height"));
  for (const rect of file.getElementsByTagName("rect")) {
    const [x, y, wide, high] = numbers(rect, "x", "y", "width", "height");
    expect(x >= -0.1 && y >= -0.1 && x + wide <= width + 0.6 && y + high <= height + 0.1).toBe(true);
  }
  for (const circle of file.getElementsByTagName("circle")) {
    const [x, y] = numbers(circle, "cx", "cy");
    expect(x >= 0 && x <= width && y >= 0 && y <= height).toBe(true);
  }
}

describe.each(names)("%s", (name) => {
  const picture = ordinary[name];

  it("is a whole SVG with a title, a description and a role", () => {
    const file = parse(picture.svg());
    const root = file.documentElement!;
    expect(root.namespaceURI).toBe("http://www.w3.org/2000/svg");
    expect(root.getAttribute("role")).toBe("img");
    const [title, description] = (root.getAttribute("aria-labelledby") ?? "").split(" ");
    const byId = (id: string) =>
      [...file.getElementsByTagName("*")].find((element) => element.getAttribute("id") === id);
    expect(byId(title)?.textContent).toBe(picture.title);
    expect(byId(description)?.textContent).toBe(picture.description);
    expect(picture.description).toMatch(/\.( |$)/);
  });

  it("loads nothing", () => {
    const addresses = picture.svg().match(/https?:[^"]*|\bhref\b|@import|url\(/g);
    expect(addresses).toEqual(["http://www.w3.org/2000/svg"]);
  });

  it.each([320, 720, 1600])("fits into %i pixels", (width) => expectValid(picture, width));

  it.each([
    { width: 40, height: 10 },
    { width: 80, height: 20 },
    { width: 200, height: 50 },
  ])("fits into $width columns of a terminal", ({ width, height }) => {
    for (const color of [false, true]) {
      const text = picture.terminal({ width, height, color });
      const plain = stripVTControlCharacters(text);
      expect(Math.max(...plain.split("\n").map((line) => [...line].length))).toBeLessThanOrEqual(width);
      expect(plain.startsWith(picture.title.slice(0, 20))).toBe(true);
      if (!color) expect(text).toBe(plain);
      for (const line of text.split("\n")) {
        expect(line.split("\u001b[0m").length - 1).toBe((line.split("\u001b[").length - 1) / 2);
      }
    }
  });

  it.each(hard)("draws %s", (_, pictures) => {
    const drawn = pictures[name];
    for (const width of [320, 1600]) expectValid(drawn, width);
    expect(drawn.terminal()).not.toMatch(/undefined/);
    expect(drawn.html()).toMatch(/^<!doctype html>/);
  });

  it("is smaller than 1 MB for 100,000 rows, and says what it left out", () => {
    const drawn = large[name];
    for (const width of [320, 1600]) expect(drawn.svg({ width }).length).toBeLessThan(1_000_000);
    expect(drawn.html().length).toBeLessThan(2_000_000);
    const isBinned = /^(scatter|decision|predicted)/.test(name);
    if (isBinned)
      expect(drawn.description).toMatch(/Too many to draw one by one|2,000 of [\d,]+ points are drawn/);
  });

  it("shortens long names, and has the whole names as titles", () => {
    const drawn = allPictures(difficult["long names"])[name];
    const file = parse(drawn.svg({ width: 320 }));
    const texts = [...file.getElementsByTagName("text")];
    const shortened = texts.filter((text) => text.textContent?.endsWith("…"));
    expect(shortened.length).toBeGreaterThan(0);
    const whole = [...file.getElementsByTagName("title")].map((title) => title.textContent);
    expect(whole.some((text) => text?.includes(longName))).toBe(true);
  });
});

describe("values that cannot be drawn", () => {
  const changed = allPictures(difficult["some values that are not finite"]);
  it.each([
    "scatter",
    "trainingCurves",
    "rocCurve",
    "calibration",
    "predictedVsActual",
    "distribution",
    "importanceBars",
    "weightHistograms",
    "dependenceCurves",
  ] as const)("are counted in the caption of %s", (name) => {
    // Calibration refuses infinite probabilities, so its sample has none.
    if (name !== "calibration")
      expect(changed[name].description).toMatch(/left out \(missing or not finite\)/);
    else expect(changed[name].description).toMatch(/rows/);
  });
});
