// Colors can be read on both grounds, without hues, and by people with color blindness.

import { lab, rgb } from "d3-color";
import { describe, expect, it } from "vitest";
import {
  AMOUNT_STEPS,
  amountPaint,
  colorOf,
  type Ground,
  type Paint,
  SERIES,
  seriesPaint,
  terminalColor,
  textPaint,
  VALUE_STEPS,
  valuePaint,
} from "../../src/plot/colors.ts";

const linear = (value: number) => {
  const share = value / 255;
  return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
};
const encoded = (value: number) => {
  const share = Math.max(0, Math.min(1, value));
  return 255 * (share <= 0.0031308 ? 12.92 * share : 1.055 * share ** (1 / 2.4) - 0.055);
};

// Relative luminance and contrast as WCAG 2 defines them.
function luminance(color: string): number {
  const { r, g, b } = rgb(color);
  return 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
}

function contrast(one: string, other: string): number {
  const [light, dark] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (light + 0.05) / (dark + 0.05);
}

/** How people without one kind of cones see. (Machado, Oliveira and Fernandes, 2009.) */
const blindness: Readonly<Record<string, readonly (readonly number[])[]>> = {
  deuteranopia: [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ],
  protanopia: [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
};

function seenWith(matrix: readonly (readonly number[])[], color: string): string {
  const { r, g, b } = rgb(color);
  const [red, green, blue] = matrix.map((row) =>
    encoded(row[0] * linear(r) + row[1] * linear(g) + row[2] * linear(b)),
  );
  return rgb(red, green, blue).formatHex();
}

/** The distance in CIELAB; about 2.3 is just visible. */
function distance(one: string, other: string): number {
  const [a, b] = [lab(one), lab(other)];
  return Math.hypot(a.l - b.l, a.a - b.a, a.b - b.b);
}

const count = (length: number) => Array.from({ length }, (_, at) => at);
const series = [...count(SERIES + 1).map(seriesPaint)];
const values = count(VALUE_STEPS + 1).map((at) => valuePaint(at / VALUE_STEPS));
const amounts = count(AMOUNT_STEPS + 1).map((at) => amountPaint(at / AMOUNT_STEPS));

describe.each(["light", "dark"] as const)("colors on a %s page", (ground: Ground) => {
  const color = (paint: Paint) => colorOf(paint, ground);
  const backgrounds = [color("page"), color("panel")];

  it("have a contrast of 3 for marks and 4.5 for text", () => {
    for (const background of backgrounds) {
      for (const paint of [...series, ...values, ...amounts]) {
        expect(contrast(color(paint), background), paint).toBeGreaterThanOrEqual(3);
      }
      for (const paint of ["text", "quiet"] as const)
        expect(contrast(color(paint), background)).toBeGreaterThanOrEqual(4.5);
    }
  });

  it("have a contrast of 4.5 for text on amounts", () => {
    for (const paint of amounts) expect(contrast(color(textPaint(paint)), color(paint))).toBeGreaterThan(4.5);
  });

  it("become lighter or darker from end to end, so that they can be read without hues", () => {
    for (const ramp of [values, amounts]) {
      const lightness = ramp.map((paint) => luminance(color(paint)));
      const sorted = [...lightness].sort((a, b) => a - b);
      expect([sorted, sorted.toReversed()]).toContainEqual(lightness);
      expect(contrast(color(ramp[0]), color(ramp[ramp.length - 1]))).toBeGreaterThan(2.4);
    }
  });

  it.each(Object.keys(blindness))("of series, and of low, middle and high values, differ with %s", (kind) => {
    const named = count(SERIES).map(seriesPaint);
    const groups: Paint[][] = [named, [values[0], values[VALUE_STEPS / 2], values[VALUE_STEPS]]];
    for (const group of groups) {
      for (const [at, one] of group.entries()) {
        for (const other of group.slice(0, at)) {
          const [a, b] = [color(one), color(other)];
          const least = Math.min(
            distance(a, b),
            distance(seenWith(blindness[kind], a), seenWith(blindness[kind], b)),
          );
          expect(least, `${one} and ${other}`).toBeGreaterThan(15);
        }
      }
    }
  });
});

describe("paints", () => {
  it("of values beyond the ends are those of the ends", () => {
    expect([valuePaint(-1), valuePaint(2)]).toEqual([valuePaint(0), valuePaint(1)]);
    expect([amountPaint(-1), amountPaint(2)]).toEqual([amountPaint(0), amountPaint(1)]);
  });

  it("of series and values have a color in a terminal", () => {
    for (const paint of [...series, ...values, ...amounts]) expect(terminalColor(paint)).toBeTypeOf("number");
  });
});
