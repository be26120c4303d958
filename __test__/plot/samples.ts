// All pictures, of ordinary and of difficult data, for the tests of all forms.

import { DOMParser } from "@xmldom/xmldom";
import { adam, dense, Model, relu } from "../../src/index.ts";
import * as plot from "../../src/plot/index.ts";

/** Parses SVG. The parser throws on anything that is not well-formed. */
export function parse(svg: string) {
  const onError = (level: string, message: string) => {
    if (level !== "warning") throw new Error(message);
  };
  return new DOMParser({ onError }).parseFromString(svg, "image/svg+xml");
}

/** Returns the texts of a drawing in order. */
export function textsOf(svg: string): string[] {
  return [...parse(svg).getElementsByTagName("text")].map((text) => text.textContent ?? "");
}

/** Returns the points of each line of a drawing, in pixels. */
export const linesOf = (svg: string) =>
  [...svg.matchAll(/<path d="M([^"]*)"/g)].map(([, d]) =>
    d.split("L").map((place) => place.split(" ").map(Number)),
  );

/** Returns numbers from 0 to 1 that are the same in each run. */
export function random(seed = 1): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

export const longName =
  'a very long name of a column that does not fit anywhere, with <b>markup</b> & "quotes"';

/** Returns points over the unit square. The value is the exclusive or of its halves. */
export function xorPoints(count: number): plot.ScatterPoint[] {
  const next = random();
  return Array.from({ length: count }, () => {
    const [x, y] = [next(), next()];
    return { x, y, value: x > 0.5 !== y > 0.5 ? 0.95 : 0.05, details: { x1: x, x2: y } };
  });
}

export const model = new Model({
  inputs: 2,
  layers: [dense(4), relu(), dense(1)],
  loss: "meanSquaredError",
  optimizer: adam(),
  seed: 3,
});

/** What pictures are drawn of. */
interface Data {
  readonly rows: number;
  /** The number of classes. */
  readonly classes?: number;
  /** What is added to each name. */
  readonly suffix?: string;
  /** Replaces the numbers, such as by equal ones or by NaN. */
  readonly change?: (value: number, row: number) => number;
}

/** Returns every picture of the same kind of data, by name. */
export function allPictures({ rows, classes = 3, suffix = "", change = (value) => value }: Data) {
  const next = random(rows + classes);
  const list = (draw: (row: number) => number) =>
    Array.from({ length: rows }, (_, row) => change(draw(row), row));
  const truth = Array.from({ length: rows }, (_, row) => (row < 2 ? row : Number(next() < 0.4)));
  const scores = list((row) => Math.min(1, Math.max(0, truth[row] * 0.3 + next() * 0.7)));
  const actual = list(() => 100 * next());
  const predicted = list((row) => actual[row] + 10 * next());
  const names = Array.from({ length: classes }, (_, at) => `class ${at}${suffix}`);
  const labels = Array.from({ length: rows }, () => names[Math.floor(next() * classes)]);
  const points = list(() => next()).map((x, row) => ({ x, y: predicted[row] ?? 0, value: labels[row] }));
  const losses = list((row) => 1 / (row + 1));
  const columns = Array.from({ length: classes }, (_, at) => ({
    name: `column ${at}${suffix}`,
    mean: change(next() - 0.2, at),
    stddev: 0.05,
  }));
  const title = (name: string) => ({ title: `${name}${suffix}` });
  const grid = Array.from({ length: 10 }, (_, at) => at);
  return {
    scatter: plot.scatter(
      points.map(({ x, y }, row) => ({ x, y, value: scores[row], marked: row % 7 === 0 })),
      {
        ...title("Scatter"),
        xLabel: `x${suffix}`,
        yLabel: `y${suffix}`,
        valueLabel: `value${suffix}`,
        losses: { name: "loss", values: losses },
      },
    ),
    scatterOfClasses: plot.scatter(points, title("Classes")),
    decisionBoundary: plot.decisionBoundary(
      ({ x, y }) => x.map((value, at) => Number(value) * Number(y[at])),
      points.map(({ x, y }, row) => ({ x, y, value: scores[row] })),
      { ...title("Decision"), x: [0, 1], y: [0, 100] },
    ),
    decisionOfClasses: plot.decisionBoundary(
      ({ x }) => x.map((value) => names[Math.min(classes - 1, Math.floor(Number(value) * classes))]),
      points,
      { ...title("Areas"), x: [0, 1], y: [0, 100] },
    ),
    trainingCurves: plot.trainingCurves(
      {
        epoch: losses.map((_, at) => at),
        loss: losses,
        validationLoss: losses.map((loss) => loss * 1.2),
        accuracy: scores,
        bestEpoch: Math.floor(rows / 2),
      },
      title("Training"),
    ),
    confusionMatrix: plot.confusionMatrix(
      labels,
      labels.map((name, row) => (row % 4 === 0 ? names[0] : name)),
      title("Confusion"),
    ),
    rocCurve: plot.rocCurve(
      [0, 1, ...truth],
      {
        [`network${suffix}`]: [0.1, 0.9, ...scores],
        [`other${suffix}`]: [0.1, 0.9, ...actual.map((value) => value / 100)],
      },
      { ...title("ROC"), threshold: 0.5 },
    ),
    precisionRecallCurve: plot.precisionRecallCurve([0, 1, ...truth], [0.1, 0.9, ...scores], {
      ...title("Precision"),
      threshold: 0.5,
    }),
    calibration: plot.calibration(
      truth,
      scores.map((score) => (score > 1 || score < 0 ? 0.5 : score)),
      title("Calibration"),
    ),
    predictedVsActual: plot.predictedVsActual(actual, predicted, {
      ...title("Predicted"),
      label: `price${suffix}`,
    }),
    distribution: plot.distribution(actual, { label: `price${suffix}` }),
    distributionOfDates: plot.distribution(
      actual.map((value) => new Date(Number.isFinite(value) ? value * 1e10 : Number.NaN)),
      { label: `sold${suffix}` },
    ),
    distributionOfNames: plot.distribution(labels, { label: `species${suffix}` }),
    importanceBars: plot.importanceBars({ columns }, title("Importance")),
    dependenceCurves: plot.dependenceCurves(
      [
        {
          column: `length${suffix}`,
          target: "species",
          grid,
          means: grid.map((at) => names.slice(0, 3).map((_, output) => change((at * output) / 20, at))),
          classes: names.slice(0, 3),
        },
        {
          column: `island${suffix}`,
          target: "species",
          grid: names.slice(0, 40),
          means: names
            .slice(0, 40)
            .map(() => names.slice(0, 3).map((_, output) => change(output / 3, output))),
        },
      ],
      title("Dependence"),
    ),
    weightHistograms: plot.weightHistograms(
      [{ weight: [actual, predicted], bias: losses }, {}, { layers: [{ weight: [scores] }] }],
      title("Weights"),
    ),
    networkDiagram: plot.networkDiagram(model, title("Network")),
  } satisfies Record<string, plot.Picture>;
}

/** Difficult data by name. */
export const difficult: Readonly<Record<string, Data>> = {
  "no rows": { rows: 0 },
  "one row": { rows: 1 },
  "equal values": { rows: 20, change: () => 0.25 },
  "some values that are not finite": {
    rows: 30,
    change: (value, row) => [value, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY][row % 4],
  },
  "only NaN": { rows: 20, change: () => Number.NaN },
  "huge and tiny values": {
    rows: 20,
    change: (value, row) => value * [1e300, 1e-300, -1e300, 1.7e308][row % 4],
  },
  "one class": { rows: 20, classes: 1 },
  "two classes": { rows: 20, classes: 2 },
  "fifty classes": { rows: 400, classes: 50 },
  "thousands of columns": { rows: 50, classes: 3000 },
  "long names": { rows: 60, classes: 12, suffix: ` ${longName}` },
};
