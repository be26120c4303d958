import { stripVTControlCharacters } from "node:util";
import { DOMParser } from "@xmldom/xmldom";
import { describe, expect, it } from "vitest";
import { prepareLosses } from "../../src/plot/losses.ts";
import { scatterHtml, scatterSvg, scatterText } from "../../src/plot/scatter.ts";
import { pointAt, xorGrid } from "./samples.ts";

const name = "mean squared error";
const falling = Array.from({ length: 2000 }, (_, epoch) => 4 / (epoch + 1));
const losses = { name, values: falling };

/** Difficult lists of losses, by name, with the number of losses that can be drawn. */
const odd: Record<string, [values: number[], drawn: number]> = {
  "one epoch": [[0.25], 1],
  "equal losses": [[0.1, 0.1, 0.1], 3],
  "losses that differ by a bit": [[0.1, 0.1 + 1e-17], 2],
  "a loss of 0 and one that is not finite": [[0.5, 0, Number.NaN, Number.POSITIVE_INFINITY, 0.2], 2],
  "huge and tiny losses": [[1e300, 1e-300], 2],
};

function parse(svg: string) {
  const file = new DOMParser().parseFromString(svg, "image/svg+xml");
  const texts = [...file.getElementsByTagName("text")].map((text) => text.textContent ?? "");
  const path = [...file.getElementsByTagName("path")].find((path) => path.getAttribute("class") === "loss");
  const places = path?.getAttribute("d")?.slice(1).split("L") ?? [];
  return { texts, places: places.map((place) => place.split(" ").map(Number)) };
}

describe("the losses of a training", () => {
  it("are a curve below the points, from the first epoch to the last, with the last loss", () => {
    const { texts, places } = parse(scatterSvg(xorGrid(4), { losses }));
    expect(texts).toEqual(expect.arrayContaining([`${name}: 0.002 in epoch 2000`, "epoch", "2,000", "0.1"]));
    const [x, y] = [places.map(([x]) => x), places.map(([, y]) => y)];
    expect(x).toEqual(x.toSorted((a, b) => a - b));
    expect(y).toEqual(y.toSorted((a, b) => a - b));
    expect(places.length).toBeLessThanOrEqual(600);
    // A power law is a straight line over powers of ten. Half of the decades are in the first 2 % of the
    // epochs.
    const middle = (y[0] + y[y.length - 1]) / 2;
    expect(places.find(([, y]) => y > middle)?.[0]).toBeLessThan(x[0] + (x[x.length - 1] - x[0]) * 0.04);
  });

  it.each([
    [1, ["1", "2"]],
    [3, ["1", "2", "3"]],
    [30, ["5", "10", "15", "20", "25", "30"]],
  ])("of %i epochs have integers on their axis", (epochs, labels) => {
    const { texts } = parse(scatterSvg([], { losses: { name, values: falling.slice(0, epochs) } }));
    expect(texts.slice(texts.indexOf("y") + 1, texts.indexOf("epoch"))).toEqual(labels);
  });

  it("are in the page as in the file", () => {
    const path = /<path class="loss" d="([^"]*)"/;
    const drawn = (text: string) =>
      path
        .exec(text)?.[1]
        .split("L")
        .map((place) => place.split(" ")[0]);
    expect(drawn(scatterHtml([], { losses }))).toEqual(drawn(scatterSvg([], { losses })));
  });

  it.each([
    { width: 80, height: 24 },
    { width: 120, height: 40 },
    { width: 40, height: 10 },
  ])("take ten lines of $width columns below a plot of $height", ({ width, height }) => {
    for (const color of [false, true]) {
      const text = stripVTControlCharacters(scatterText(xorGrid(16), { width, height, color, losses }));
      const lines = text.split("\n");
      expect(lines).toHaveLength(height + 10);
      expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(width);
      const [blank, heading, ...curve] = lines.slice(height);
      expect(blank).toBe("");
      // A terminal that is too narrow shows the beginning.
      expect(`${name}: 0.002 in epoch 2000`).toContain(heading.trim().replace("…", ""));
      expect(curve[0]).toMatch(/[│┤][⠉⠒⠤⣀]/);
      expect(curve[5]).toMatch(/[⠉⠒⠤⣀]$/);
    }
  });

  it.each(Object.entries(odd))("can be %s", (_, [values, drawn]) => {
    const options = { losses: { name, values } };
    expect(prepareLosses(options.losses)?.points).toHaveLength(drawn);
    const { places, texts } = parse(scatterSvg([pointAt(0, 0, 0)], options));
    expect(places).toHaveLength(drawn);
    expect(places.flat().every(Number.isFinite)).toBe(true);
    expect(texts.join()).not.toMatch(/NaN|Infinity|undefined/);
    expect(scatterText([], options)).not.toMatch(/NaN|Infinity|undefined/);
  });

  it.each([[[]], [[0]], [[Number.NaN]]])("are omitted if %s cannot be drawn", (values) => {
    const options = { losses: { name, values } };
    expect(scatterSvg([], options)).toBe(scatterSvg([]));
    expect(scatterText([], options)).toBe(scatterText([]));
  });
});

describe("a marked point", () => {
  const points = [pointAt(0, 0, 0), { ...pointAt(0.5, 0.5, 0.4), marked: true }, pointAt(1, 1, 1)];
  const options = { markLabel: "misclassified" };

  it("has a ring, and the rings are counted", () => {
    const file = new DOMParser().parseFromString(scatterSvg(points, options), "image/svg+xml");
    const circles = [...file.getElementsByTagName("circle")];
    const at = (circle: (typeof circles)[number]) => ["cx", "cy"].map((name) => circle.getAttribute(name));
    const [inLegend, ring] = circles.filter((circle) => circle.getAttribute("class") === "mark");
    expect(inLegend).toBeDefined();
    const drawn = circles.filter((circle) => circle.getAttribute("class") !== "mark");
    expect(at(ring)).toEqual(at(drawn[1]));
    expect(file.getElementsByTagName("desc")[0]?.textContent).toContain("Rings mark the 1 misclassified.");
    expect(scatterSvg(points, options)).toContain(">1 misclassified<");
    expect(scatterSvg([points[0]], options)).not.toMatch(/mark|misclassified/);
  });

  it("is a cross in text, over other points in its cell", () => {
    for (const color of [false, true]) {
      const lines = stripVTControlCharacters(
        scatterText([...points, pointAt(0.5, 0.5, 1)], { ...options, color }),
      );
      expect(lines.match(/×/g)).toHaveLength(2);
      expect(lines).toMatch(/4 points, 1 misclassified\n/);
      expect(lines).toMatch(/ {2}× misclassified$/);
    }
    expect(scatterText([points[0]], options)).not.toMatch(/×|misclassified/);
  });
});
