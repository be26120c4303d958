// Predicted against true numbers, with the residuals.

import { checkNames } from "../../options.ts";
import { binPoints } from "../bins.ts";
import type { Axis, Mark, PlotPanel, Point } from "../figure.ts";
import { Picture } from "../picture.ts";
import { extentOf, linearAxis, roomFor } from "../scales.ts";
import { countOf, formatNumber } from "../text.ts";
import {
  checkRows,
  leftOut,
  MOST_POINTS,
  type Numbers,
  type PictureOptions,
  readNumbers,
  readText,
} from "../values.ts";

/** How to draw predictions of numbers. */
export interface PredictedVsActualOptions extends PictureOptions {
  /** The name of what is predicted, with its unit, such as "price ($)"; "value" by default. */
  readonly label?: string | undefined;
}

const CALL = "predictedVsActual";

/**
 * Draws predictions against true values, and the residuals (actual - predicted) against the predictions. On
 * the diagonal, and on the zero line, the predictions are right. Of more than 2,000 rows the picture shows the
 * numbers of rows in the cells of a grid.
 *
 * @example
 * ```ts
 * predictedVsActual([10, 20, 30], [12, 19, 33], { label: "price ($)" }).svg(); // "<svg …"
 * ```
 *
 * @throws ShapeError if the numbers of rows differ; DataError for a row that is not a number; OptionError for
 * an unknown option.
 */
export function predictedVsActual(
  actual: Numbers,
  predicted: Numbers,
  options: PredictedVsActualOptions = {},
): Picture {
  checkNames(options, ["title", "label"], CALL);
  const label = readText(options.label, "value", `${CALL}: label`);
  const truth = readNumbers(actual, `${CALL}: actual`);
  const answers = readNumbers(predicted, `${CALL}: predicted`);
  const length = checkRows(CALL, { actual: truth, predicted: answers });
  const rows = Array.from({ length }, (_, row) => row).filter(
    (row) => !Number.isNaN(truth[row] - answers[row]),
  );
  const isBinned = rows.length > MOST_POINTS;
  const residuals = rows.map((row) => truth[row] - answers[row]);
  const rootMeanSquare = Math.sqrt(
    residuals.reduce((sum, value) => sum + value * value, 0) / residuals.length,
  );
  const pointsOf = (y: (row: number) => number): Point[] =>
    rows.map((row) => ({
      x: answers[row],
      y: y(row),
      paint: isBinned ? "d0" : "s0",
      ...(!isBinned && {
        rows: [
          ["row", String(row)],
          ["predicted", formatNumber(answers[row])],
          ["actual", formatNumber(truth[row])],
          ["actual - predicted", formatNumber(truth[row] - answers[row])],
        ],
      }),
    }));
  const both = roomFor(extentOf(rows.flatMap((row) => [truth[row], answers[row]])));
  const [x, y, below] = [
    linearAxis(`predicted ${label}`, both),
    linearAxis(`actual ${label}`, both),
    linearAxis("residual: actual - predicted", residuals, [0]),
  ];
  const predictions = linearAxis(
    `predicted ${label}`,
    rows.map((row) => answers[row]),
  );
  const diagonal: Mark = {
    type: "line",
    points: both.map((end) => [end, end] as const),
    paint: "text",
    style: "dashes",
  };
  const marksOf = (points: Point[], across: Axis, up: Axis, name: string): Mark =>
    isBinned
      ? { type: "rectangles", rectangles: binPoints(points, across, up, { x: "predicted", y: name }) }
      : { type: "points", points };
  const panels: PlotPanel[] = [
    {
      kind: "plot",
      title: "Predicted and actual",
      x,
      y,
      marks: [
        marksOf(
          pointsOf((row) => truth[row]),
          x,
          y,
          "actual",
        ),
        diagonal,
      ],
      aspect: 0.8,
    },
    {
      kind: "plot",
      title: "Residuals",
      x: predictions,
      y: below,
      marks: [
        marksOf(
          pointsOf((row) => truth[row] - answers[row]),
          predictions,
          below,
          "actual - predicted",
        ),
        { type: "rule", y: 0 },
      ],
      aspect: 0.8,
    },
  ];
  const errors = rows.length > 0 ? [`root mean squared error ${formatNumber(rootMeanSquare)}`] : [];
  return new Picture({
    title: readText(options.title, "Predicted and actual values", `${CALL}: title`),
    description: `Two plots of ${countOf(rows.length, "row")}: the actual ${label} against the predicted ${label}, and the residuals against the predicted ${label}.`,
    notes: [
      [countOf(rows.length, "row"), ...leftOut(length - rows.length), ...errors].join(", "),
      ...(isBinned
        ? ["Too many to draw one by one: each cell shows its number of rows, on a logarithmic scale."]
        : []),
    ],
    keys: [{ name: "predicted = actual", paint: "text", mark: "dashes" }],
    panels,
    columns: 2,
  });
}
