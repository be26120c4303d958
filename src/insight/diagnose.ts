/** The training doctor: why a model does not learn, or will not, on such data. */
import { type Dataset, type Examples, readExamples } from "../data/dataset.ts";
import { DataError, ShapeError } from "../errors.ts";
import { compile } from "../network.ts";
import { toProgram } from "../program.ts";
import type { Trainee } from "../trainee.ts";
import { checkTargets } from "./diagnose/classes.ts";
import { dataFindings } from "./diagnose/data.ts";
import { amount, type Diagnosis, diagnosisOf, type Finding } from "./diagnose/finding.ts";
import { linearStacks, type Structure, targetRange } from "./diagnose/layers.ts";
import { rateFindings } from "./diagnose/rate.ts";
import { gradientFindings, overflow, unitFindings } from "./diagnose/units.ts";
import { namesOf, stepOf } from "./step.ts";

/** Rows that go through the network: as many as say what a unit does on most rows, at little cost. */
const MOST_ROWS = 512;

/** Multiplications of a forward pass; a large network gets fewer rows. All passes then take less than about a second. */
const MOST_PRODUCTS = 2 ** 25;

/** Some of the rows, in order. */
function taken(data: Dataset, rows: readonly number[]): Dataset {
  const cut = (values: Float32Array, width: number) => {
    const result = new Float32Array(rows.length * width);
    for (const [at, row] of rows.entries()) {
      result.set(values.subarray(row * width, (row + 1) * width), at * width);
    }
    return result;
  };
  const { inputs, outputs } = data;
  return { ...data, x: cut(data.x, inputs), y: cut(data.y, outputs), rows: rows.length };
}

/**
 * A copy of so many of the rows as go through the network, evenly from the first on: of `products` in a forward
 * pass.
 */
export function sampled(data: Dataset, { parameters }: Trainee, products = MOST_PRODUCTS): Dataset {
  const affordable = Math.max(1, Math.floor(products / parameters));
  const length = Math.min(data.rows, MOST_ROWS, affordable);
  return taken(
    data,
    Array.from({ length }, (_, at) => Math.floor((at * data.rows) / length)),
  );
}

/** What a step on all of these rows tells of units, gradients and the learning rate. Changes nothing. */
export function networkFindings(trainee: Trainee, call: string, rows: Dataset): Finding[] {
  const step = stepOf(trainee, call, rows);
  const { layers } = trainee;
  const beyond = overflow(step, layers);
  if (beyond.length > 0) return beyond;
  const units = unitFindings(step, layers);
  const gradients = gradientFindings(step, layers, units.length > 0);
  return [...units, ...gradients, ...rateFindings(trainee, step)];
}

/** Rows as a training reads them, but for what the loss takes as targets; or what it says against them. */
function readRows(trainee: Trainee, examples: Examples): Dataset | Finding {
  try {
    const { columns, unit, meaning } = trainee.expectedTargets;
    return readExamples(examples, trainee.expected, { columns, unit, meaning });
  } catch (error) {
    if (!(error instanceof DataError || error instanceof ShapeError)) throw error;
    return refused(error.message);
  }
}

function refused(message: string): Finding {
  const row = /\brow (\d+)/.exec(message)?.[1];
  const column = /\bcolumn (\d+)/.exec(message)?.[1];
  return {
    cause: "refusedData",
    ...(row === undefined ? {} : { row: Number(row) }),
    ...(column === undefined ? {} : { column: Number(column) }),
    message,
    mend: "mend it first: training refuses such data, and nothing else of it was looked at",
  };
}

/** What the model's metrics say against targets that the loss takes. */
function metricFindings({ measures }: Trainee, { y, rows }: Dataset): Finding[] {
  try {
    for (const { figure } of measures) figure.check?.(y, rows);
    return [];
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    return [{ ...refused(error.message), mend: "mend the targets, or leave that metric out of the model" }];
  }
}

/** Diagnoses a model on data: see `Model.diagnose`. */
export function diagnose(trainee: Trainee, examples: Examples): Diagnosis {
  const call = "diagnose";
  trainee.useAlone(call);
  const { layers, problem, configuration } = trainee;
  const plan = compile(toProgram(configuration));
  const structure: Structure = { plan, names: namesOf(configuration), layers };
  const stacks = linearStacks(structure);
  const all = readRows(trainee, examples);
  if ("cause" in all) return diagnosisOf([all, ...stacks], "data that training refuses");
  const { rows, findings } = checkTargets(all, trainee.expectedTargets, problem);
  const data = rows.length === all.rows ? all : taken(all, rows);
  const looked = amount(all.rows, "row");
  if (data.rows === 0) return diagnosisOf([...findings, ...stacks], looked);
  const rowsOfStep = sampled(data, trainee);
  trainee.checkRows(call, rowsOfStep.rows, true);
  const known = {
    problem,
    categories: trainee.expected.categories.map(({ column }) => column),
    scales: plan.stages[0].kind === "standardise",
    hasAllLabels: findings.length === 0,
  };
  return diagnosisOf(
    [
      ...findings,
      ...metricFindings(trainee, data),
      ...dataFindings(data, known),
      ...targetRange(structure, data, problem),
      ...stacks,
      ...networkFindings(trainee, call, rowsOfStep),
    ],
    looked,
  );
}
