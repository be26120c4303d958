/** The pictures of `myelin plot`, from a table, the model of a table, or a network. */
import type { Model } from "myelin";
import {
  calibration,
  confusionMatrix,
  type Dependence,
  decisionBoundary,
  dependenceCurves,
  distribution,
  importanceBars,
  networkDiagram,
  type Picture,
  precisionRecallCurve,
  predictedVsActual,
  rocCurve,
  scatter,
  trainingCurves,
  weightHistograms,
} from "myelin/plot";
import {
  type ColumnAnswers,
  columnValues,
  describe,
  type Frame,
  importanceAsync,
  partialDependenceAsync,
  type TableDependence,
  type TableModel,
} from "myelin/table";
import { unknownName } from "../../options/names.ts";
import { failure, wrongUse } from "../failures.ts";

/** What the pictures take of the command line. */
export interface PlotOptions {
  readonly columns?: readonly string[];
  readonly color?: string;
  readonly class?: string;
  readonly target?: string;
  readonly title?: string;
}

type Cell = string | number | boolean | Date | null;

const titled = (title: string | undefined) => (title === undefined ? {} : { title });

/** Returns the cells of a column, or throws with the nearest name. */
function cellsOf(frame: Frame, name: string, option: string): Cell[] {
  const cells = frame.cells.get(name);
  if (cells === undefined) throw wrongUse(unknownName(option, "column", name, frame.names).message);
  return Array.from(cells, (cell) => (cell === "" || cell === undefined ? null : (cell as Cell)));
}

/** Returns the cells of a column, with dates where its texts are dates: CSV and JSON have no type for them. */
function typedCells(frame: Frame, name: string, option: string): Cell[] {
  const cells = cellsOf(frame, name, option);
  if (!cells.some((cell) => typeof cell === "string")) return cells;
  const values = columnValues(frame, name) as Cell[];
  return values.some((value) => value instanceof Date) ? values : cells;
}

/** Returns the cells of a column of numbers or dates. */
function placesOf(frame: Frame, name: string): (number | Date)[] {
  return typedCells(frame, name, "--columns").map((cell) => {
    if (cell === null) return Number.NaN;
    if (cell instanceof Date) return cell;
    const value = Number(cell);
    if (!Number.isNaN(value) || typeof cell === "number") return value;
    throw wrongUse(
      `--columns: expected a column of numbers or dates, and ${JSON.stringify(name)} has ${JSON.stringify(cell)}`,
    );
  });
}

/** A picture of a table. */
export function ofTable(kind: string, frame: Frame, options: PlotOptions): Picture {
  const { columns = [], color, title } = options;
  const [first, second] = columns;
  if (kind === "distribution")
    return distribution(typedCells(frame, first, "--columns"), { label: first, ...titled(title) });
  const [x, y] = [placesOf(frame, first), placesOf(frame, second)];
  const values = color === undefined ? undefined : cellsOf(frame, color, "--color");
  const points = x.map((value, row) => {
    const cell = values?.[row];
    const shown = cell instanceof Date ? cell.toISOString() : cell;
    return { x: value, y: y[row], ...(shown !== undefined && shown !== null && { value: shown }) };
  });
  return scatter(points, {
    ...{ xLabel: first, yLabel: second, title: title ?? `${second} by ${first}` },
    ...(color !== undefined && { valueLabel: color }),
  });
}

/** A picture of a network. */
export function ofNetwork(kind: string, model: Model, { title }: PlotOptions): Picture {
  switch (kind) {
    case "curves":
      if (model.history === undefined)
        throw failure("the file has no history of a training. Fix: train, then save");
      return trainingCurves(model.history, titled(title));
    case "weights":
      return weightHistograms(model, titled(title));
    default:
      return networkDiagram(model, titled(title));
  }
}

/** The answers for rows, beside what they should be. */
interface Answered {
  readonly name: string;
  readonly classes: readonly (string | number | boolean)[] | undefined;
  readonly positive: string | number | boolean | undefined;
  readonly threshold: number | undefined;
  readonly actual: readonly (string | number)[];
  readonly answers: ColumnAnswers;
}

function answered(model: TableModel, given: Frame, asked: string | undefined): Answered {
  const names = model.targets.map(({ name }) => name);
  if (asked === undefined && names.length > 1)
    throw wrongUse(`--target: expected one of ${names.join(", ")}, because the model has several`);
  const target = model.targets.find(({ name }) => name === (asked ?? names[0]));
  if (target === undefined) throw wrongUse(unknownName("--target", "target", asked as string, names).message);
  const { name, classes, positive, threshold } = target;
  const cells = cellsOf(given, name, "--data");
  const known = Array.from(cells.keys()).filter((row) => cells[row] !== null);
  if (known.length === 0) throw failure(`--data: no row has a value of the target ${JSON.stringify(name)}`);
  const frame = given.take(known);
  const found = model.predict(frame) as unknown as Readonly<Record<string, ColumnAnswers>>;
  const answers = names.length === 1 ? (found as unknown as ColumnAnswers) : found[name];
  const actual = known.map((row) => (classes === undefined ? Number(cells[row]) : String(cells[row])));
  return { ...{ name, classes, actual, answers, threshold }, positive: positive ?? classes?.[1] };
}

/** A picture of what the model of a table answers for rows. */
export async function ofTableModel(
  kind: string,
  model: TableModel,
  rows: Frame,
  options: PlotOptions,
): Promise<Picture> {
  const { columns = [], title, target } = options;
  const given = titled(title);
  if (kind === "importance") return importanceBars(await importanceAsync(model, rows, { target }), given);
  if (kind === "dependence") {
    const [column] = columns;
    const found = await partialDependenceAsync(model, rows, column, { target });
    return dependenceCurves(ofClass(found, options.class), given);
  }
  const found = answered(model, rows, target);
  if (kind === "boundary") return boundary(model, rows, found, options);
  const { classes, actual, answers, threshold } = found;
  if (kind === "predicted-vs-actual") {
    if (classes !== undefined)
      throw wrongUse("plot predicted-vs-actual is for numbers. Fix: confusion is for classes");
    const predicted = answers.value as readonly number[];
    return predictedVsActual(actual as readonly number[], predicted, { label: found.name, ...given });
  }
  if (classes === undefined)
    throw wrongUse(`plot ${kind} is for classes. Fix: predicted-vs-actual is for numbers`);
  const labels = classes.map(String);
  if (kind === "confusion")
    return confusionMatrix(actual, answers.value.map(String), { classes: labels, ...given });
  const positive = classOf(options.class, labels) ?? String(found.positive);
  const isOthers = labels.length > 2 && options.class === undefined;
  if (isOthers) throw wrongUse(`--class: expected the class that the curve is about: ${labels.join(", ")}`);
  const scores = Array.from(answers.probabilities?.[positive] ?? []);
  const named = { positive, title: title ?? `${words(kind)}: ${found.name} is ${positive}` };
  switch (kind) {
    case "roc":
      return rocCurve(actual, scores, { ...named, ...(threshold !== undefined && { threshold }) });
    case "precision-recall":
      return precisionRecallCurve(actual, scores, {
        ...named,
        ...(threshold !== undefined && { threshold }),
      });
    default:
      return calibration(actual, scores, named);
  }
}

/** Keeps the means of one class, if one is named. */
function ofClass(found: TableDependence, name: string | undefined): Dependence {
  if (name === undefined) return found;
  if (found.classes === undefined) throw wrongUse(`--class: ${found.target} is a number. Fix: leave it out`);
  const at = found.classes.map(String).indexOf(classOf(name, found.classes.map(String)) as string);
  const { grid, means, column, target } = found;
  return {
    grid,
    column,
    target: `probability of ${target} = ${name}`,
    means: means.map((row) => [row[at]]),
  };
}

const WORDS: Readonly<Record<string, string>> = {
  ...{ roc: "ROC curve", "precision-recall": "Precision and recall", calibration: "Calibration" },
};
const words = (kind: string) => WORDS[kind] ?? kind;

function classOf(given: string | undefined, labels: readonly string[]): string | undefined {
  if (given === undefined || labels.includes(given)) return given;
  throw wrongUse(unknownName("--class", "class", given, labels).message);
}

async function boundary(
  model: TableModel,
  rows: Frame,
  found: Answered,
  options: PlotOptions,
): Promise<Picture> {
  const { columns = [], title } = options;
  const [first, second] = columns as readonly [string, string];
  if (model.targets.length > 1) throw wrongUse("plot boundary is for a model of one target");
  const [x, y] = [placesOf(rows, first), placesOf(rows, second)];
  const actual = cellsOf(rows, found.name, "--data");
  const points = x.map((value, row) => {
    const cell = actual[row];
    return { x: value, y: y[row], ...(cell !== null && !(cell instanceof Date) && { value: cell }) };
  });
  const probabilityOf = classOf(options.class, found.classes?.map(String) ?? []);
  return decisionBoundary(model as never, points, {
    columns: [first, second],
    others: await typicalValues(model, rows),
    valueLabel: probabilityOf === undefined ? found.name : `probability of ${probabilityOf}`,
    ...(probabilityOf !== undefined && { probabilityOf }),
    ...titled(title),
  });
}

/** Returns the median, or the most frequent value, of each column that the model uses and the rows have. */
async function typicalValues(model: TableModel, rows: Frame): Promise<Record<string, string | number>> {
  const used = model.columns.filter(({ name, type }) => type !== "ignore" && rows.cells.has(name));
  const types = Object.fromEntries(used.map(({ name, type }) => [name, type]));
  const { columns } = await describe(rows.select(used.map(({ name }) => name)), { columns: types });
  const typical = columns.map(({ name, type, quantiles, top }) => {
    const middle = quantiles?.["0.5"];
    if (middle === undefined) return [name, top?.[0]?.value] as const;
    return [name, type === "date" ? dateText(middle) : middle] as const;
  });
  return Object.fromEntries(
    typical.filter((entry): entry is [string, string | number] => entry[1] !== undefined),
  );
}

const dateText = (time: number) => new Date(time).toISOString().replace("T00:00:00.000Z", "");
