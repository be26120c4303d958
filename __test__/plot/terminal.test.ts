import { stripVTControlCharacters } from "node:util";
import { describe, expect, it } from "vitest";
import { scatterText } from "../../src/plot/scatter.ts";
import { oddLists, pointAt, xorGrid } from "./samples.ts";

const escapeCode = "\u001b";

/** Returns the lines between the axes, without labels. */
function drawing(text: string): string[] {
  return text
    .split("\n")
    .filter((line) => /[┤│]/.test(line))
    .map((line) => line.replace(/^.*?[┤│]/, "").padEnd(75));
}

/** Returns the different marks in the four quadrants, from the upper left in reading order. */
function quadrants(lines: readonly string[]): string[] {
  const rows = lines.length / 2;
  const columns = lines[0].length / 2;
  return [lines.slice(0, rows), lines.slice(rows)].flatMap((half) => [
    marksOf(half.map((line) => line.slice(0, columns))),
    marksOf(half.map((line) => line.slice(columns))),
  ]);
}

function marksOf(lines: readonly string[]): string {
  return [...new Set(lines.join("").replaceAll(" ", ""))].join("");
}

describe("a scatter plot as text", () => {
  it("shows the four quadrants of XOR without colors", () => {
    const text = scatterText(xorGrid(32), {
      title: "XOR",
      xLabel: "x1",
      yLabel: "x2",
      valueLabel: "prediction",
    });
    expect(quadrants(drawing(text))).toEqual(["●", "·", "·", "●"]);
    expect(text).not.toContain(escapeCode);
  });

  it("shows the same quadrants in colors", () => {
    const text = scatterText(xorGrid(32), { color: true });
    const lines = text.split("\n").filter((line) => /[┤│]/.test(line));
    const upper = lines.slice(0, 9).join("\n");
    expect(upper.indexOf("38;5;208")).toBeLessThan(upper.indexOf("38;5;26"));
    expect(lines[0].match(/38;5;\d+/g)?.at(0)).toBe("38;5;208");
    expect(lines[0].match(/38;5;\d+/g)?.at(-1)).toBe("38;5;26");
    expect(
      lines
        .at(-1)
        ?.match(/38;5;\d+/g)
        ?.at(0),
    ).toBe("38;5;26");
    expect(
      lines
        .at(-1)
        ?.match(/38;5;\d+/g)
        ?.at(-1),
    ).toBe("38;5;208");
  });

  it("resets every color", () => {
    for (const line of scatterText(xorGrid(16), { color: true }).split("\n")) {
      expect(line.split(`${escapeCode}[`).length % 2).toBe(1);
      expect(line.split(`${escapeCode}[0m`).length).toBe(Math.ceil(line.split(`${escapeCode}[`).length / 2));
    }
  });

  it("shows the mean of points that share a cell", () => {
    const corners = [pointAt(0, 0, 0), pointAt(1, 1, 0)];
    const text = scatterText([...corners, pointAt(0.5, 0.5, 0), pointAt(0.5, 0.5, 1)]);
    expect(drawing(text).join("").match(/[·+●]/g)).toEqual(["·", "+", "·"]);
  });

  it("labels the axes and the marks, and counts the points", () => {
    const text = scatterText([...xorGrid(4), pointAt(Number.NaN, 0, 0)], {
      title: "T",
      xLabel: "x1",
      yLabel: "x2",
    });
    expect(text).toMatch(/^ +T\n +x2 +16 points, 1 skipped \(not finite\)\n/);
    expect(text).toMatch(/\n +x1\n +value {2}· below 0.33 {2}\+ between {2}● above 0.67$/);
  });

  it.each([
    { width: 80, height: 24 },
    { width: 120, height: 40 },
    { width: 40, height: 10 },
    { width: 1, height: 1 },
  ])("stays within $width columns and $height lines, or its minimum size", ({ width, height }) => {
    const long = "a very long name that has no end in sight, ".repeat(4);
    for (const color of [false, true]) {
      const options = { width, height, color, title: long, xLabel: long, yLabel: long, valueLabel: long };
      const lines = stripVTControlCharacters(scatterText(xorGrid(16), options)).split("\n");
      expect(lines).toHaveLength(Math.max(10, height));
      expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(Math.max(40, width));
    }
  });

  it("removes control characters from names", () => {
    const text = scatterText([], { title: `${escapeCode}[31mred\u0007\n` });
    expect(text).toMatch(/^ +\[31mred\n/);
    expect(stripVTControlCharacters(text)).toBe(text);
  });

  it.each(Object.entries(oddLists))("draws %s", (_, points) => {
    for (const color of [false, true]) {
      const text = scatterText(points, { color });
      expect(text.split("\n")).toHaveLength(24);
      expect(text).not.toMatch(/NaN|Infinity|undefined/);
    }
  });
});
