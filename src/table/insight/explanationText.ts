/** An explanation as text: what is explained, and a line with a bar for each column. */
import { alignTable, bar } from "../../textTable.ts";
import { isMissing } from "../cells.ts";
import type { ClassValue } from "../target.ts";
import { showCell } from "./questions.ts";

/** An explanation: see `explain`. */
interface Explained {
  readonly target: string;
  readonly class?: ClassValue;
  readonly prediction: number;
  readonly baseline: number;
  readonly columns: readonly {
    readonly name: string;
    readonly value: unknown;
    readonly contribution: number;
  }[];
  readonly isExact: boolean;
}

/** More columns are added up. */
const MOST_LINES = 15;

/** Numbers with as many decimals as four digits of the largest one have, so that they add up. */
function formatter(values: readonly number[]): (value: number) => string {
  const most = values.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
  if (most !== 0 && (most < 1e-6 || most > 1e15)) return (value) => value.toPrecision(4);
  const decimals = most === 0 ? 0 : Math.max(0, 3 - Math.floor(Math.log10(most)));
  return (value) => value.toFixed(decimals).replace(/^-(0(?:\.0*)?)$/, "$1");
}

const signed = (text: string) => (text.startsWith("-") ? text : `+${text}`);

/** The text of an explanation. */
export function explanationText(explanation: Explained): string {
  const { target, class: name, prediction, baseline, columns, isExact } = explanation;
  const format = formatter([prediction, baseline, ...columns.map(({ contribution }) => contribution)]);
  const subject = name === undefined ? target : `the probability of ${target} = ${String(name)}`;
  const difference = prediction - baseline;
  const direction = difference < 0 ? "below" : "above";
  const heading = `${subject} is ${format(prediction)}: ${format(Math.abs(difference))} ${direction} the baseline, ${format(baseline)}`;
  if (columns.length === 0) return `${heading}\nthe model uses no column`;
  const shown = columns.length > MOST_LINES + 1 ? columns.slice(0, MOST_LINES) : columns;
  const most = Math.abs(columns[0].contribution);
  const lines = shown.map(({ name: column, value, contribution }) => [
    `  ${column} = ${showCell(value, isMissing(value))}`,
    signed(format(contribution)),
    most > 0 ? bar(Math.abs(contribution) / most) : "",
  ]);
  const rest = columns.slice(shown.length);
  if (rest.length > 0) {
    const sum = rest.reduce((total, { contribution }) => total + contribution, 0);
    lines.push([`  ${rest.length} other columns`, signed(format(sum)), ""]);
  }
  const note = isExact ? [] : ["estimated from random orders of the columns; the sum is exact"];
  return [heading, ...alignTable(lines, [0, 2]), ...note].join("\n");
}
