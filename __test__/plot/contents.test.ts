// What each picture shows: the right numbers, in the right places.

import { describe, expect, it } from "vitest";
import { DataError, OptionError, ShapeError } from "../../src/errors.ts";
import { adam, dense, Model, metrics, relu, xor } from "../../src/index.ts";
import * as plot from "../../src/plot/index.ts";
import { linesOf, parse, textsOf, xorPoints } from "./samples.ts";

const { scatter, trainingCurves, confusionMatrix, rocCurve, precisionRecallCurve, calibration } = plot;

/** Returns the positions and paints of the circles of points, in the order of the file. */
function circlesOf(svg: string) {
  const file = parse(svg);
  return [...file.getElementsByTagName("circle")]
    .filter((circle) => circle.parentNode?.nodeName === "g" && circle.hasAttribute("r"))
    .map((circle) => {
      const group = circle.parentNode as unknown as { getAttribute(name: string): string };
      return {
        x: Number(circle.getAttribute("cx")),
        y: Number(circle.getAttribute("cy")),
        paint: /f-(\w+)/.exec(group.getAttribute("class") ?? "")?.[1],
      };
    });
}

describe("scatter", () => {
  it("draws every point in its color, x to the right and y upward", () => {
    const [origin, top, right] = circlesOf(
      scatter(
        [
          { x: 0, y: 0, value: 0 },
          { x: 1, y: 0, value: 1 },
          { x: 0, y: 1, value: 0.5 },
        ].toSorted((a, b) => a.value - b.value),
      ).svg(),
    );
    expect([origin.paint, top.paint, right.paint]).toEqual(["r0", "r10", "r20"]);
    expect(right.x).toBeGreaterThan(origin.x);
    expect(top.y).toBeLessThan(origin.y);
  });

  it("has a key for each class, the most frequent first, and one for all beyond the sixth", () => {
    const counts = [9, 8, 7, 6, 5, 4, 2, 1];
    const points = counts.flatMap((count, at) =>
      Array.from({ length: count }, (_, row) => ({ x: row, y: at, value: `class ${at}` })),
    );
    const texts = textsOf(scatter(points).svg());
    expect(texts.filter((text) => /^class|^other/.test(text))).toEqual([
      ...[0, 1, 2, 3, 4, 5].map((at) => `class ${at}`),
      "other (2 classes)",
    ]);
  });

  it("shows the most frequent class of a cell, even if many other classes share a color", () => {
    const list = ["a", "a", ...Array.from({ length: 20 }, (_, at) => `other ${at}`)];
    const cell = list.map((value) => ({ x: 0, y: 0, value }));
    const more = Array.from({ length: 3000 }, (_, at) => ({ x: 1, y: 1, value: "bcdef"[at % 5] }));
    const { panels } = scatter([...cell, ...more, ...more.slice(0, 2)].map((point) => point)).figure;
    const [mark] = panels[0].kind === "plot" ? panels[0].marks : [];
    const cells = mark.type === "rectangles" ? mark.rectangles : [];
    expect(cells.map(({ paint }) => paint)).toEqual(["s5", "s0"]);
  });

  it("marks points with rings and counts them", () => {
    const svg = scatter(
      [
        { x: 0, y: 0, marked: true },
        { x: 1, y: 1 },
      ],
      { markLabel: "misclassified" },
    ).svg();
    expect(svg).toContain(">1 misclassified<");
    expect(svg.match(/stroke-width="1.5"/g)).toHaveLength(2);
  });

  it("says where values exceed the range", () => {
    const texts = textsOf(
      scatter(
        [
          { x: 0, y: 0, value: -1 },
          { x: 1, y: 1, value: 0.5 },
        ],
        { valueRange: [0, 1] },
      ).svg(),
    );
    expect(texts).toContain("≤ 0.0");
    expect(texts).not.toContain("≥ 1.0");
  });

  it("shows the means of many points in cells, and points in text as marks", () => {
    const many = scatter(xorPoints(5000));
    expect(many.svg()).not.toContain("<circle");
    const lines = many
      .terminal()
      .split("\n")
      .filter((line) => /[┤│]/.test(line));
    expect(lines[2]).toMatch(/[┤│][ ●+]*[ ·+]*$/);
    expect(lines.at(-3)).toMatch(/[┤│][ ·+]*[ ●+]*$/);
  });
});

describe("dates", () => {
  const points = Array.from({ length: 40 }, (_, day) => ({
    ...{ x: new Date(Date.UTC(2024, 0, 1 + day)), y: day, value: day > 20 ? "late" : "early" },
  }));

  it("have an axis of dates", () => {
    const picture = scatter(points, { xLabel: "sold" });
    expect(picture.figure.panels[0]).toMatchObject({ x: { kind: "date" }, y: { kind: "number" } });
    expect(picture.terminal()).toMatch(/2024-0\d/);
    expect(picture.html()).toContain("2024-01-01");
  });

  it("are given to a model as dates", () => {
    const seen: unknown[] = [];
    const answer = ({ x }: { readonly x: readonly unknown[] }) => {
      seen.push(...x);
      return x.map(() => "early");
    };
    const picture = plot.decisionBoundary(answer as never, points);
    expect(seen.every((place) => place instanceof Date)).toBe(true);
    expect(picture.figure.panels[0]).toMatchObject({ x: { kind: "date" } });
  });
});

describe("decisionBoundary", () => {
  const level = ({ x }: plot.GridColumns) => x.map(Number);

  it("draws up to 2,000 points over the predictions, and none outside", () => {
    const picture = plot.decisionBoundary(level, xorPoints(5000), { x: [0, 1], y: [0, 0.5] });
    expect(picture.description).toMatch(/2,000 of 2,[45]\d\d points are drawn\. 2,[45]\d\d points outside/);
    expect(circlesOf(picture.svg())).toHaveLength(2000);
    expect(picture.svg().length).toBeLessThan(1_000_000);
  });
});

describe("trainingCurves", () => {
  const history = {
    epoch: [5, 6, 7, 8],
    loss: [1, 0.1, 0.01, 0.001],
    validationLoss: [1, 0.2, 0.3, 0.4],
    accuracy: [0.5, 0.6, 0.7, 0.8],
    learningRate: [1, 1, 1, 1],
    bestEpoch: 6,
  };

  it("draws the loss on a logarithmic axis with its validation, each metric, and the best epoch", () => {
    const svg = trainingCurves(history).svg();
    const [validation, training] = [linesOf(svg)[1], linesOf(svg)[0]];
    const steps = training.slice(1).map(([, y], at) => y - training[at][1]);
    expect(steps[1]).toBeCloseTo(steps[0], 0);
    expect(validation).toHaveLength(4);
    expect(textsOf(svg)).toEqual(
      expect.arrayContaining([
        "4 epochs, best epoch 7",
        "loss",
        "accuracy: 0.8 in epoch 9",
        "training",
        "validation",
        "best epoch",
      ]),
    );
    expect(svg).not.toContain("learning rate");
  });

  it("takes a trained model, and only the values that were asked for", () => {
    const trained = new Model({
      inputs: 2,
      layers: [dense(2), relu(), dense(1)],
      loss: "meanSquaredError",
      optimizer: adam(),
      metrics: ["meanAbsoluteError"],
    });
    expect(() => trainingCurves(trained)).toThrow(
      "trainingCurves: expected a trained model, received one without a history. Fix: train it first",
    );
    trained.fitSync(xor({ examples: 20, seed: 1 }), { epochs: 3 });
    expect(trainingCurves(trained).description).toContain("Curves of loss, mean absolute error by epoch.");
    expect(trainingCurves(trained, { values: ["loss"] }).figure.panels).toHaveLength(1);
    expect(() => trainingCurves(trained, { values: ["los"] })).toThrow(OptionError);
  });

  it("keeps peaks of 100,000 epochs", () => {
    const loss = Array.from({ length: 100_000 }, (_, epoch) => (epoch === 54_321 ? 100 : 1));
    const [line] = linesOf(trainingCurves({ loss }).svg());
    expect(line.length).toBeLessThan(700);
    expect(Math.min(...line.map(([, y]) => y))).toBeLessThan(line[0][1] - 100);
  });
});

describe("confusionMatrix", () => {
  const actual = ["cat", "cat", "dog", "bird", "dog"];
  const predicted = ["cat", "dog", "dog", "bird", "cat"];

  it("counts as metrics.confusionMatrix does", () => {
    const [panel] = confusionMatrix(actual, predicted).figure.panels;
    const texts =
      panel.kind === "matrix" ? panel.cells.map((row) => row.map(({ text }) => Number(text))) : [];
    expect(texts).toEqual(metrics.confusionMatrix(actual, predicted));
    expect(
      confusionMatrix(metrics.confusionMatrix(actual, predicted), {
        classes: ["bird", "cat", "dog"],
      }).terminal(),
    ).toBe(confusionMatrix(actual, predicted).terminal());
    expect(confusionMatrix(actual, predicted).description).toContain("5 rows, accuracy 60 %");
  });

  it("takes scores with a threshold, and shows shares", () => {
    const picture = confusionMatrix([0, 1, 1, 0], [0.2, 0.7, 0.4, 0.1], { threshold: 0.5, show: "rows" });
    expect(picture.terminal()).toMatch(/0 +100 % +0 %\n *1 +50 % +50 %/);
  });

  it("combines the rarest of too many classes", () => {
    const many = Array.from({ length: 200 }, (_, row) => `class ${row}`);
    const picture = confusionMatrix([...many, "class 3"], [...many, "class 3"], { maximumClasses: 10 });
    expect(picture.description).toContain("The 191 rarest of 200 classes are one.");
    expect(picture.description).toContain("accuracy 100 %");
  });

  it("refuses what it cannot count", () => {
    expect(() => confusionMatrix(["a"], ["a", "b"])).toThrow(ShapeError);
    expect(() => confusionMatrix([[1, 2]])).toThrow("confusionMatrix: matrix: row 0: expected 1 counts");
    expect(() => confusionMatrix(["a"], [{}] as never)).toThrow(DataError);
    expect(() => confusionMatrix(["a"], ["b"], { classes: ["a"] })).toThrow('received none for "b"');
    expect(() => confusionMatrix(["a"], ["b"], { class: ["a"] } as never)).toThrow(OptionError);
  });
});

describe("curves over thresholds", () => {
  const truth = [0, 0, 1, 1, 0, 1, 1, 0];
  const scores = [0.1, 0.4, 0.35, 0.8, 0.4, 0.4, 0.9, 0.2];

  it("have the areas of the metrics", () => {
    const rocAuc = metrics.measure("rocAuc", truth, scores);
    expect(rocCurve(truth, scores).description).toContain(`area ${Number(rocAuc.toPrecision(4))}`);
    const average = metrics.measure("averagePrecision", truth, scores);
    expect(precisionRecallCurve(truth, scores).description).toContain(
      `average precision ${Number(average.toPrecision(4))}`,
    );
  });

  it("mark the rates at a threshold, above which scores are positive", () => {
    const { panels } = rocCurve(truth, scores, { threshold: 0.4 }).figure;
    const marks = panels[0].kind === "plot" ? panels[0].marks : [];
    const marked = marks.flatMap((mark) =>
      mark.type === "points" ? mark.points.filter(({ isMarked }) => isMarked) : [],
    );
    expect(marked.map(({ x, y }) => [x, y])).toEqual([[0, 0.5]]);
  });

  it("take labels, booleans and several scores", () => {
    const names = truth.map((value) => (value === 1 ? "yes" : "no"));
    expect(rocCurve(names, scores).description).toContain("4 positive (yes) and 4 other rows");
    expect(rocCurve(names, scores, { positive: "no" }).description).toContain("4 positive (no)");
    const same = rocCurve(
      truth.map((value) => value === 1),
      { a: scores, b: scores },
    ).description;
    const area = rocCurve(truth, scores).description.match(/area [\d.]+\d/)![0];
    expect(same).toContain(`a: ${area}, b: ${area}.`);
  });

  it("refuse rows of one class, unknown classes and other lengths", () => {
    expect(() => rocCurve([1, 1], [0.1, 0.2])).toThrow(
      "rocCurve: actual: expected rows of both classes, received 2 positive and 0 other rows",
    );
    expect(() => rocCurve(["a", "b", "c"], [1, 2, 3])).toThrow(
      /positive: expected the positive class, because there are 3 classes/,
    );
    expect(() => rocCurve(["a", "b"], [1, 2], { positive: "c" })).toThrow(OptionError);
    expect(() => rocCurve([0, 1], [1])).toThrow(ShapeError);
    expect(() => precisionRecallCurve([0, 0], [1, 2])).toThrow(DataError);
    expect(() => rocCurve([0, 1], ["a", "b"] as never)).toThrow(
      'rocCurve: scores: row 0: expected a number, received "a"',
    );
  });
});

describe("calibration", () => {
  it("draws the share of each bin against its mean probability", () => {
    const picture = calibration([0, 1, 1, 0, 1, 1], [0.1, 0.3, 0.9, 0.2, 0.8, 0.7], { bins: 2 });
    const [panel] = picture.figure.panels;
    const marks = panel.kind === "plot" ? panel.marks : [];
    const points = marks.flatMap((mark) => (mark.type === "points" ? mark.points : []));
    expect(points.map(({ x, y }) => [x, y])).toEqual([
      [expect.closeTo(0.2), expect.closeTo(1 / 3)],
      [expect.closeTo(0.8), 1],
    ]);
    expect(picture.description).toContain("expected calibration error 0.1667");
    expect(() => calibration([0, 1], [0.5, 1.5])).toThrow(
      "calibration: probabilities: row 1: expected a number from 0 to 1, received 1.5",
    );
  });
});

describe("predictedVsActual", () => {
  it("draws predictions and residuals, and the error", () => {
    const picture = plot.predictedVsActual([10, 20, 30, Number.NaN], [12, 19, 33, 1], { label: "price ($)" });
    expect(picture.description).toContain(
      "3 rows, 1 row left out (missing or not finite), root mean squared error 2.16",
    );
    const [, panel] = picture.figure.panels;
    const points =
      panel.kind === "plot" ? panel.marks.flatMap((mark) => (mark.type === "points" ? mark.points : [])) : [];
    expect(points.map(({ x, y }) => [x, y])).toEqual([
      [12, -2],
      [19, 1],
      [33, -3],
    ]);
  });
});

describe("distribution", () => {
  it("counts numbers in bins, and says what is missing", () => {
    const picture = plot.distribution([1, 2, 2, 3, null, Number.NaN], { bins: 2 });
    expect(picture.description).toContain("4 values, 1 missing, 1 left out (missing or not finite)");
    const [panel] = picture.figure.panels;
    const bars =
      panel.kind === "plot"
        ? panel.marks.flatMap((mark) => (mark.type === "rectangles" ? mark.rectangles : []))
        : [];
    expect(bars.map(({ y }) => y[1])).toEqual([1, 3]);
  });

  it("counts names, the rarest as one", () => {
    const cells = ["a", "b", "a", "c", "d", "a", "b", true, null];
    const [panel] = plot.distribution(cells, { top: 3 }).figure.panels;
    expect(panel.kind === "bars" && panel.bars.map(({ name, value }) => [name, value])).toEqual([
      ["a", 3],
      ["b", 2],
      ["other (3 values)", 3],
    ]);
  });

  it("has dates on its axis", () => {
    const dates = Array.from({ length: 24 }, (_, month) => new Date(Date.UTC(2020, month, 1)));
    expect(textsOf(plot.distribution(dates).svg())).toEqual(
      expect.arrayContaining(["2020-07", "2021-01", "2021-07"]),
    );
  });

  it("refuses cells of several types", () => {
    expect(() => plot.distribution(["a", new Date()])).toThrow(DataError);
    expect(() => plot.distribution("text" as never)).toThrow(
      "distribution: values: expected an array or a typed array",
    );
  });
});
