import { describe, expect, it } from "vitest";
import { caption, prepareScatter, rampPosition } from "../../src/plot/points.ts";
import { pointAt } from "./samples.ts";

describe("preparing a scatter plot", () => {
  it("extends the axes to round numbers", () => {
    const scatter = prepareScatter([pointAt(0.003, 12, 0), pointAt(0.998, 97, 1)], {});
    expect(scatter.x.domain()).toEqual([0, 1]);
    expect(scatter.y.domain()).toEqual([0, 100]);
  });

  it("puts equal coordinates in the middle of an axis", () => {
    const scatter = prepareScatter([pointAt(4, 0, 0), pointAt(4, 0, 1)], {});
    expect(scatter.x.domain()).toEqual([2, 6]);
    expect(scatter.y.domain()).toEqual([-0.6, 0.6]);
  });

  it("gives axes from 0 to 1 to an empty plot", () => {
    const scatter = prepareScatter([], {});
    expect([scatter.x.domain(), scatter.y.domain()]).toEqual([
      [0, 1],
      [0, 1],
    ]);
  });

  it("skips points with a coordinate or value that is not finite, and counts them", () => {
    const bad = [
      pointAt(Number.NaN, 0, 0),
      pointAt(0, Number.POSITIVE_INFINITY, 0),
      pointAt(0, 0, Number.NaN),
    ];
    const scatter = prepareScatter([pointAt(0, 0, 0), ...bad], {});
    expect(scatter.points).toHaveLength(1);
    expect(caption(scatter)).toBe("1 point, 3 skipped (not finite)");
  });

  it("counts the points", () => {
    const many = Array.from({ length: 1000 }, () => pointAt(0, 0, 0));
    expect(caption(prepareScatter(many, {}))).toBe("1,000 points");
  });
});

describe("the position on the ramp", () => {
  it("is proportional within the range, and is limited to the ramp", () => {
    expect([-5, 0, 0.25, 1, 7].map((value) => rampPosition(value, [0, 1]))).toEqual([0, 0, 0.25, 1, 1]);
    expect([5, 15, 20].map((value) => rampPosition(value, [10, 20]))).toEqual([0, 0.5, 1]);
  });

  it("is one of three values for a range of width 0", () => {
    expect([1, 2, 3].map((value) => rampPosition(value, [2, 2]))).toEqual([0, 0.5, 1]);
  });
});
