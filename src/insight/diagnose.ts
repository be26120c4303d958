/** The training doctor: finds why a model does not learn on some data. */
import { type Dataset, type Examples, readExamples } from "../data/examples.ts";
import { DataError, ShapeError } from "../errors.ts";
import { compile } from "../kernel/typescript/network.ts";
import { toProgram } from "../nn/program.ts";
import type { Session } from "../training/session.ts";
import {
  amount,
  type Cause,
  type Diagnosis,
  diagnosisOf,
  type Finding,
} from "../training/warnings/finding.ts";
import { outputFindings, targetRange } from "../training/warnings/outputs.ts";
import { roundedColumns } from "../training/warnings/precision.ts";
import { rateFindings } from "../training/warnings/rate.ts";
import { copyRows, sampleRows, samplesOf } from "../training/warnings/rows.ts";
import { scalingOf } from "../training/warnings/scale.ts";
import { namesOf, stepOf } from "../training/warnings/step.ts";
import { overflow, similarOutputs, unitFindings } from "../training/warnings/units.ts";
import { checkTargets } from "./diagnose/classes.ts";
import { dataFindings } from "./diagnose/data.ts";
import { gradientFindings } from "./diagnose/gradients.ts";
import { linearStacks, type Structure } from "./diagnose/layers.ts";

/** The causes for which every learning rate fits only some of the columns. */
const UNSCALED: readonly Cause[] = ["unscaledColumn", "unscaledTarget", "outlier"];

/** What is known before the step is checked. */
interface Explained {
  /** Whether findings about the outputs already explain small gradients. */
  readonly isBlocked: boolean;
  /** Whether columns or targets are not scaled. */
  readonly isUnscaled: boolean;
}

/** Finds causes in the units, the gradients and the learning rate, from a step on the rows. */
function networkFindings(
  session: Session,
  call: string,
  rows: Dataset,
  { isBlocked, isUnscaled }: Explained,
): Finding[] {
  const step = stepOf(session, call, rows);
  const { layers } = session;
  const overflows = overflow(step, layers);
  if (overflows.length > 0) return overflows;
  const units = unitFindings(step, layers);
  const isExplained = isBlocked || units.length > 0;
  const gradients = gradientFindings(step, layers, isExplained);
  const similar = isExplained || gradients.length > 0 ? [] : similarOutputs(step, layers);
  return [...units, ...gradients, ...similar, ...rateFindings(session, step, isUnscaled)];
}

/** Reads rows as a training does, without the loss's check of targets. Refused data is a finding. */
function readRows(session: Session, examples: Examples): Dataset | Finding {
  try {
    const { check: _, ...targets } = session.expectedTargets;
    return readExamples(examples, session.expected, targets);
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
    fix: "fix this first: training refuses the data, and nothing else in it was checked",
  };
}

/** Finds targets that the loss accepts but a metric of the model refuses. */
function metricFindings(
  { metrics }: Session,
  { y, rows }: Dataset,
  rowNumbers: Uint32Array | undefined,
): Finding[] {
  try {
    for (const { metric } of metrics) metric.check?.(y, rows);
    return [];
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    const message = error.message.replace(/\brow (\d+)/, (_, row) => `row ${rowNumbers?.[row] ?? row}`);
    return [{ ...refused(message), fix: "fix the targets, or remove this metric from the model" }];
  }
}

/** Diagnoses a model on data: see `diagnose` in index.ts. */
export function diagnose(session: Session, examples: Examples): Diagnosis {
  const call = "diagnose";
  session.useAlone(call);
  const { layers, problem, configuration } = session;
  const plan = compile(toProgram(configuration));
  const structure: Structure = { plan, names: namesOf(configuration), layers };
  const outputs = outputFindings(session);
  const stacks = [...outputs, ...linearStacks(structure)];
  const all = readRows(session, examples);
  if ("cause" in all) return diagnosisOf([all, ...stacks], "data that training refuses");
  const { rows, findings } = checkTargets(all, session.expectedTargets, problem);
  const isWhole = rows.length === all.rows;
  const data = isWhole ? all : copyRows(all, rows);
  const rowNumbers = isWhole ? undefined : Uint32Array.from(rows);
  const checked = amount(all.rows, "row");
  if (data.rows === 0) return diagnosisOf([...findings, ...stacks], checked);
  const rowsOfStep = sampleRows(data, session);
  session.checkRows(call, rowsOfStep.rows, true);
  const known = {
    problem,
    categories: session.expected.categories.map(({ column }) => column),
    scaling: scalingOf(configuration),
    hasAllLabels: findings.length === 0,
    rounded: roundedColumns(samplesOf(examples, all), session.expected, problem),
    rowNumbers,
  };
  const ofData = dataFindings(data, known);
  const targets = { values: data.y, columns: data.outputs, rows: rowNumbers };
  return diagnosisOf(
    [
      ...findings,
      ...metricFindings(session, data, rowNumbers),
      ...ofData,
      ...(outputs.length > 0 ? [] : targetRange(session, targets)),
      ...stacks,
      ...networkFindings(session, call, rowsOfStep, {
        isBlocked: outputs.length > 0,
        isUnscaled: ofData.some(({ cause }) => UNSCALED.includes(cause)),
      }),
    ],
    checked,
  );
}
