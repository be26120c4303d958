// What a model predicts over two columns: the areas of its classes, or the level of its value.

import { DataError, OptionError, ShapeError, show } from "../../errors.ts";
import { checkNames } from "../../options.ts";
import { SERIES, seriesPaint, valuePaint } from "../colors.ts";
import type { Key, Mark, PlotPanel, Rectangle } from "../figure.ts";
import { Picture } from "../picture.ts";
import { dateAxis, extentOf, isDrawable, linearAxis, roomFor } from "../scales.ts";
import { countOf, formatCount, formatNumber } from "../text.ts";
import {
  type Label,
  MOST_POINTS,
  OTHER,
  type PictureOptions,
  readCount,
  readList,
  readText,
  sample,
} from "../values.ts";
import { formatFor, isDated, numberOf, positionIn, type ScatterPoint, scatterPanel } from "./scatter.ts";

/** The columns of the places that are predicted, by name. */
export type GridColumns = Readonly<Record<string, Label[]>>;

/** Predictions for columns: numbers or classes, one for each row. */
export type GridPredict = (columns: GridColumns) => ArrayLike<number> | ArrayLike<Label>;

/** A model of a table, as `myelin/table` has it. */
export interface TableLike {
  // biome-ignore lint/suspicious/noExplicitAny: the overloads of a table model differ by its records
  predict(columns: any): any;
  readonly targets: ArrayLike<unknown>;
  /** The columns that it learned from. */
  readonly columns?: readonly { readonly name: string; readonly type: string }[];
}

/** A model whose rows are numbers, as `Model`. */
export interface NetworkLike {
  readonly inputs: number;
  readonly outputs: number;
  // biome-ignore lint/suspicious/noExplicitAny: the overloads of a model differ by the form of its rows
  predict(x: any): any;
}

/** Which columns to draw, and where. */
export interface DecisionBoundaryOptions extends PictureOptions {
  /**
   * The two columns: the names in a table, or the indices of inputs of a `Model`. By default "x" and "y" for
   * a function, and the inputs 0 and 1 of a `Model` of two.
   */
  readonly columns?: readonly [x: string | number, y: string | number] | undefined;
  /** From where to where on the horizontal axis; by default the range of the points. */
  readonly x?: readonly [low: number, high: number] | undefined;
  /** From where to where on the vertical axis; by default the range of the points. */
  readonly y?: readonly [low: number, high: number] | undefined;
  /** The values of all other columns: by name, or the whole row of a `Model`; by default none, and zeros. */
  readonly others?: Readonly<Record<string, Label>> | readonly number[] | undefined;
  /** The names of the classes, in the order of the outputs of a `Model`. */
  readonly classes?: readonly string[] | undefined;
  /** The class whose probability to draw, for a model of a table. */
  readonly probabilityOf?: Label | undefined;
  /** The values at the ends of the color ramp, for numbers; as for `scatter` by default. */
  readonly valueRange?: readonly [low: number, high: number] | undefined;
  /** The names of the axes and of the value; the names of the columns and "prediction" by default. */
  readonly xLabel?: string | undefined;
  readonly yLabel?: string | undefined;
  readonly valueLabel?: string | undefined;
  /** What marked points are; "marked" by default. */
  readonly markLabel?: string | undefined;
  /** The number of places in each direction, from 10 to 120; 60 by default. */
  readonly resolution?: number | undefined;
}

const CALL = "decisionBoundary";
const OPTIONS = [
  "title",
  "columns",
  "x",
  "y",
  "others",
  "classes",
  "probabilityOf",
  "valueRange",
  "xLabel",
  "yLabel",
  "valueLabel",
  "markLabel",
  "resolution",
];

/**
 * Draws what a model predicts over two columns, with the other columns fixed, and up to 2,000 points over it. The model is a function of columns, a `Model`, or a `TableModel`. The value of a point is its true
 * value or class.
 *
 * @example
 * ```ts
 * const points = [{ x: 0.1, y: 0.2, value: 0 }, { x: 0.9, y: 0.3, value: 1 }];
 * decisionBoundary(({ x, y }) => x.map((value, row) => (value > y[row] ? 1 : 0)), points).svg(); // "<svg …"
 * ```
 *
 * @throws OptionError for an unknown option or columns that the model does not have; ShapeError if the model
 * does not answer with a value for each row.
 */
export function decisionBoundary(
  model: GridPredict | TableLike | NetworkLike,
  points: readonly ScatterPoint[] = [],
  options: DecisionBoundaryOptions = {},
): Picture {
  checkNames(options, OPTIONS, CALL);
  const resolution = readCount(options.resolution, 60, [10, 120], `${CALL}: resolution`);
  const [first, second] = readColumns(model, options.columns);
  const nameOf = (column: string | number) => (typeof column === "number" ? `input ${column}` : column);
  const labels = {
    xLabel: readText(options.xLabel, nameOf(first), `${CALL}: xLabel`),
    yLabel: readText(options.yLabel, nameOf(second), `${CALL}: yLabel`),
    valueLabel: readText(options.valueLabel, "prediction", `${CALL}: valueLabel`),
    ...(options.markLabel !== undefined && { markLabel: options.markLabel }),
  };
  if (!Array.isArray(points))
    throw new DataError(`${CALL}: points: expected an array of points, received ${show(points)}`);
  const given = [points.map(({ x }) => x), points.map(({ y }) => y)];
  const [xRange, yRange] = [
    readInterval(options.x, given[0], `${CALL}: x`),
    readInterval(options.y, given[1], `${CALL}: y`),
  ];
  const [formatX, formatY] = given.map(formatFor);
  const at = ([low, high]: readonly [number, number], index: number) =>
    low + ((index + 0.5) / resolution) * (high - low);
  const [xs, ys]: number[][] = [[], []];
  for (let row = 0; row < resolution; row++) {
    for (let column = 0; column < resolution; column++) {
      xs.push(at(xRange, column));
      ys.push(at(yRange, row));
    }
  }
  const places = [xs, ys].map((list, at) => (isDated(given[at]) ? list.map((time) => new Date(time)) : list));
  const answers = predictions(model, [first, second], places, options);
  if (answers.length !== xs.length)
    throw new ShapeError(
      `${CALL}: predict: expected ${xs.length} values, one for each row, received ${answers.length}`,
    );
  const isNumeric =
    Array.from(answers).every((value) => typeof value === "number") && options.classes === undefined;
  const values = answers as ArrayLike<number>;
  const extent = extentOf(Array.from(isNumeric ? values : []));
  const range =
    options.valueRange ??
    (extent === undefined || (extent[0] >= -1e-6 && extent[1] <= 1 + 1e-6) ? ([0, 1] as const) : extent);
  const names = isNumeric ? [] : classesOf(answers, points, options.classes);
  const step = (interval: readonly [number, number]) => (interval[1] - interval[0]) / resolution / 2;
  const [halfX, halfY] = [step(xRange), step(yRange)];
  const rectangles = xs.flatMap((x, row): Rectangle[] => {
    const value = answers[row];
    if (isNumeric && !isDrawable(value)) return [];
    const paint = isNumeric
      ? valuePaint(positionIn(value as number, range))
      : seriesPaint(names.indexOf(String(value)));
    const shown = typeof value === "number" && isNumeric ? formatNumber(value) : String(value);
    const rows = [
      [labels.xLabel, formatX(x)],
      [labels.yLabel, formatY(ys[row])],
      [labels.valueLabel, shown],
    ] as const;
    return [{ x: [x - halfX, x + halfX], y: [ys[row] - halfY, ys[row] + halfY], paint, rows }];
  });
  const background: Mark = { type: "rectangles", rectangles, opacity: 0.45 };
  const isBeyond = (place: number | Date, [low, high]: readonly [number, number]) =>
    numberOf(place) < low || numberOf(place) > high;
  const isOutside = ({ x, y }: ScatterPoint) => isBeyond(x, xRange) || isBeyond(y, yRange);
  const inside = points.filter((point) => !isOutside(point));
  // Cells of a grid would hide what is behind them.
  const drawn = sample(inside, MOST_POINTS);
  const look = { ...labels, ...(isNumeric && { valueRange: range }) };
  const over =
    points.length === 0 ? undefined : scatterPanel(drawn, look, CALL, isNumeric ? undefined : names);
  const omitted = [
    ...(drawn.length < inside.length
      ? [`${formatCount(drawn.length)} of ${formatCount(inside.length)} points are drawn.`]
      : []),
    ...(inside.length < points.length
      ? [`${countOf(points.length - inside.length, "point")} outside the picture.`]
      : []),
  ];
  const panel: PlotPanel = {
    kind: "plot",
    x: { kind: isDated(given[0]) ? "date" : "number", label: labels.xLabel, domain: xRange },
    y: { kind: isDated(given[1]) ? "date" : "number", label: labels.yLabel, domain: yRange },
    marks: [background, ...(over?.panel.marks ?? [])],
    aspect: 0.8,
  };
  const keys: Key[] = names
    .slice(0, SERIES)
    .map((name, index) => ({ name, paint: seriesPaint(index), mark: "area" }));
  if (names.length > SERIES) keys.push({ name: OTHER, paint: "other", mark: "area" });
  const rings = over?.keys.filter(({ mark }) => mark === "ring") ?? [];
  const title = readText(options.title, "Decision boundary", `${CALL}: title`);
  const missing = xs.length - rectangles.length;
  return new Picture({
    title,
    description: `What the model predicts for each ${labels.xLabel} (from left to right) and ${labels.yLabel} (from bottom to top)${isNumeric ? ", from blue (low) to orange (high)" : `: ${names.slice(0, SERIES).join(", ")}`}.${over === undefined ? "" : ` Over it, ${over.summary}`}`,
    notes: [
      `Predicted at ${resolution} × ${resolution} places${missing > 0 ? `, ${countOf(missing, "place")} without a finite prediction` : ""}.`,
      ...othersOf(model, [first, second], options.others),
      ...omitted,
      ...(over?.notes ?? []),
    ],
    keys: [...keys, ...rings],
    ...(isNumeric && { ramp: { label: labels.valueLabel, range, exceeded: [false, false] as const } }),
    panels: [panel],
  });
}

/** Columns that a note names. */
const MOST_OTHERS = 8;

/** Says which values the other columns of a table model have. */
function othersOf(model: unknown, drawn: readonly unknown[], others: unknown): string[] {
  if (typeof model === "function" || isNetwork(model)) return [];
  const values = (others ?? {}) as Readonly<Record<string, Label>>;
  const known = ((model as TableLike).columns ?? []).filter(({ type }) => type !== "ignore");
  const names = known.map(({ name }) => name).filter((name) => !drawn.includes(name));
  if (names.length === 0) return [];
  const texts = names.slice(0, MOST_OTHERS).map((name) => {
    const value = values[name] ?? "missing";
    return `${name} ${typeof value === "number" ? formatNumber(value) : String(value)}`;
  });
  const more = names.length - texts.length;
  if (more > 0) texts.push(`${countOf(more, "more column", "more columns")}`);
  return [`The other columns are fixed: ${texts.join(", ")}.`];
}

const isNetwork = (model: unknown): model is NetworkLike =>
  typeof (model as NetworkLike).predict === "function" && typeof (model as NetworkLike).inputs === "number";

function readColumns(model: unknown, given: unknown): [string | number, string | number] {
  const hasPredict =
    model !== null && typeof model === "object" && typeof (model as TableLike).predict === "function";
  if (typeof model !== "function" && !hasPredict)
    throw new DataError(
      `${CALL}: expected a function of columns, or a model with "predict", received ${show(model)}`,
    );
  const network = typeof model !== "function" && isNetwork(model) ? model : undefined;
  if (given === undefined) {
    if (network?.inputs === 2) return [0, 1];
    if (typeof model === "function") return ["x", "y"];
    throw new OptionError(
      `${CALL}: columns: expected the two columns to draw, received nothing. Fix: columns: ${network === undefined ? '["first", "second"]' : "[0, 1]"}`,
    );
  }
  const isColumn = (column: unknown) =>
    network === undefined
      ? typeof column === "string"
      : Number.isInteger(column) && (column as number) >= 0 && (column as number) < network.inputs;
  if (Array.isArray(given) && given.length === 2 && given.every(isColumn) && given[0] !== given[1])
    return [given[0], given[1]];
  const expected =
    network === undefined ? "two different names" : `two different integers from 0 to ${network.inputs - 1}`;
  throw new OptionError(
    `${CALL}: columns: expected ${expected}, received ${Array.isArray(given) ? given.map(show).join(", ") : show(given)}`,
  );
}

function readInterval(
  given: unknown,
  values: readonly (number | Date)[],
  place: string,
): readonly [number, number] {
  if (given !== undefined) {
    if (Array.isArray(given) && given.length === 2 && given.every(isDrawable) && given[0] < given[1])
      return [given[0], given[1]];
    throw new OptionError(`${place}: expected two finite numbers, the lower first, received ${show(given)}`);
  }
  const numbers = values.map(numberOf);
  return isDated(values) ? dateAxis("", numbers).domain : linearAxis("", roomFor(extentOf(numbers))).domain;
}

/** Returns the predictions for the rows: numbers, or classes. */
function predictions(
  model: GridPredict | TableLike | NetworkLike,
  [first, second]: readonly (string | number)[],
  [xs, ys]: readonly (readonly (number | Date)[])[],
  options: DecisionBoundaryOptions,
): ArrayLike<unknown> {
  const { others } = options;
  if (typeof model !== "function" && isNetwork(model)) {
    const row =
      others === undefined
        ? new Array<number>(model.inputs).fill(0)
        : Array.from(others as readonly number[]);
    if (row.length !== model.inputs)
      throw new ShapeError(
        `${CALL}: others: expected a row of ${model.inputs} numbers, received ${show(others)}`,
      );
    const x = xs.map((value, at) =>
      row.map((other, input) => (input === first ? value : input === second ? ys[at] : other)),
    );
    return outputsOf(Array.from(model.predict(x) as ArrayLike<unknown>), options.classes);
  }
  const fixed = Object.entries(others ?? {}).map(([name, value]) => [
    name,
    new Array<Label>(xs.length).fill(value),
  ]);
  const columns: GridColumns = { ...Object.fromEntries(fixed), [first]: xs, [second]: ys };
  const answer = typeof model === "function" ? model(columns) : model.predict(columns);
  if (Array.isArray(answer) || ArrayBuffer.isView(answer)) return readList(answer, `${CALL}: predict`);
  const { value, probabilities } = (answer ?? {}) as {
    value?: unknown;
    probabilities?: Record<string, ArrayLike<number>>;
  };
  if (options.probabilityOf === undefined) return readList(value, `${CALL}: predict`);
  const found = probabilities?.[String(options.probabilityOf)];
  if (found !== undefined) return found;
  throw new OptionError(
    `${CALL}: probabilityOf: expected one of ${
      Object.keys(probabilities ?? {})
        .map(show)
        .join(", ") || "no classes"
    }, received ${show(options.probabilityOf)}`,
  );
}

/** Returns the single output of each row, or the class of the largest output. */
function outputsOf(rows: readonly unknown[], classes: readonly string[] | undefined): (number | string)[] {
  return rows.map((row) => {
    const outputs = Array.from(typeof row === "number" ? [row] : (row as ArrayLike<number>));
    if (outputs.length === 1) return classes === undefined ? outputs[0] : classes[Number(outputs[0] > 0.5)];
    const index = outputs.indexOf(Math.max(...outputs));
    return classes?.[index] ?? String(index);
  });
}

function classesOf(
  answers: ArrayLike<unknown>,
  points: readonly ScatterPoint[],
  given: readonly string[] | undefined,
): string[] {
  if (given !== undefined) return given.map(String);
  const found = new Set([
    ...Array.from(answers, String),
    ...points.flatMap(({ value }) => (value === undefined ? [] : [String(value)])),
  ]);
  return [...found].sort();
}
