import { describe, expect, it } from "vitest";
import { rampColor, terminalColor, terminalColors } from "../../src/plot/ramp.ts";

const positions = Array.from({ length: 21 }, (_, index) => index / 20);

// Relative luminance and contrast as WCAG 2 defines them.
function luminance(color: string): number {
  const [red, green, blue] = [1, 3, 5].map((start) => {
    const share = Number.parseInt(color.slice(start, start + 2), 16) / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(one: string, other: string): number {
  const [light, dark] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (light + 0.05) / (dark + 0.05);
}

describe("the color ramp", () => {
  it("becomes lighter from end to end, so that it can be read without hues", () => {
    const lightness = positions.map((position) => luminance(rampColor(position)));
    expect(lightness).toEqual([...lightness].sort((a, b) => a - b));
    expect(contrast(rampColor(0), rampColor(1))).toBeGreaterThan(2.3);
  });

  it("has enough contrast with a white page and with a dark one", () => {
    for (const position of positions) {
      expect(contrast(rampColor(position), "#ffffff")).toBeGreaterThan(2.2);
      expect(contrast(rampColor(position), "#15171c")).toBeGreaterThan(2.8);
    }
  });

  it("uses its end colors beyond its ends", () => {
    expect([rampColor(-1), rampColor(2)]).toEqual([rampColor(0), rampColor(1)]);
  });

  it("has a terminal color for every position", () => {
    expect(new Set(positions.map(terminalColor)).size).toBe(terminalColors);
  });
});
