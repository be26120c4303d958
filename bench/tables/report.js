// From lines of results to figures and tables.
import { readFileSync } from "node:fs";
import { median } from "../statistics.js";
import { figure, table as markdown } from "../table.js";
import { LINEAR, learners, TIMED } from "./learners.js";
import { mean } from "./scores.js";

/**
 * What a learner did with a table and a seed.
 * @typedef {object} Line
 * @property {string} table
 * @property {number} rows of the table
 * @property {string} measure what the error is, in words
 * @property {number} seed
 * @property {string} learner
 * @property {string} version
 * @property {number} error on the test rows
 * @property {number} standardError of the error
 * @property {number} [accuracy]
 * @property {number} [honest] the error that the model reports of itself
 * @property {number} seconds CPU time of training and prediction
 */

/** The tables, in the order of the reports. */
export const listed = JSON.parse(readFileSync(new URL("tables.json", import.meta.url), "utf8"));

const boosted = learners.filter(({ isBoosted }) => isBoosted).map(({ name }) => name);
/** Standard errors that an honest score may be from the test's. */
const MOST_APART = 2;

/**
 * What a file of results holds: the latest lines for each learner, table and seed, the machine of the latest run,
 * and the latest figures of flights.js.
 * @returns {{ lines: Line[], run?: { date: string, machine: object }, flights?: object }}
 */
export function readLines(text) {
  const all = text
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line) => JSON.parse(line));
  const key = ({ table, seed, learner }) => `${table} ${seed} ${learner}`;
  return {
    lines: [...new Map(all.filter(({ learner }) => learner).map((line) => [key(line), line])).values()],
    run: all.findLast(({ machine }) => machine),
    flights: all.findLast(({ flights }) => flights)?.flights,
  };
}

/**
 * A learner on a table, beside the best of the boosted libraries, over the seeds that they and it have in common;
 * undefined where there are none. Errors are means over seeds before they are divided.
 * @param {Line[]} lines
 */
export function compare(lines, table, learner) {
  const own = lines.filter((line) => line.table === table);
  const of = (name) => own.filter((line) => line.learner === name);
  const rivals = boosted.filter((name) => of(name).length > 0);
  if (rivals.length === 0) return undefined;
  const seeds = of(learner)
    .map(({ seed }) => seed)
    .filter((seed) => rivals.every((name) => of(name).some((line) => line.seed === seed)));
  if (seeds.length === 0) return undefined;
  const shared = (name) => of(name).filter(({ seed }) => seeds.includes(seed));
  const average = (name, field) => mean(shared(name).map((line) => line[field]));
  const hasAll = (name) => shared(name).length === seeds.length;

  const error = average(learner, "error");
  const bestError = Math.min(...rivals.map((name) => average(name, "error")));
  const accuracy = average(learner, "accuracy");
  const bestAccuracy = Math.max(...rivals.map((name) => average(name, "accuracy")));
  const apart = shared(learner)
    .filter(({ honest }) => Number.isFinite(honest))
    .map(({ honest, error, standardError }) => Math.abs(honest - error) / standardError);
  return {
    seeds,
    error,
    best: rivals.find((name) => average(name, "error") === bestError),
    bestError,
    ratio: error / bestError,
    accuracyDifference: Number.isFinite(accuracy) ? accuracy - bestAccuracy : undefined,
    overLinear: hasAll(LINEAR) ? error / average(LINEAR, "error") : undefined,
    seconds: average(learner, "seconds"),
    timedSeconds: hasAll(TIMED) ? average(TIMED, "seconds") : undefined,
    apart: apart.length > 0 ? median(apart) : undefined,
  };
}

const isThere = (value) => value !== undefined;
const total = (values) => values.reduce((sum, value) => sum + value, 0);

/**
 * A learner over several tables; what was measured on none is undefined.
 * @param {Line[]} lines
 * @param {string[]} tables
 */
export function summarize(lines, tables, learner) {
  const found = tables.map((table) => compare(lines, table, learner)).filter(isThere);
  if (found.length === 0) return undefined;
  const ratios = found.map(({ ratio }) => ratio);
  const differences = found.map(({ accuracyDifference }) => accuracyDifference).filter(isThere);
  const overLinear = found.map((one) => one.overLinear).filter(isThere);
  const timed = found.filter(({ timedSeconds }) => isThere(timedSeconds));
  const apart = found.map((one) => one.apart).filter(isThere);
  return {
    tables: found.length,
    geometricMean: Math.exp(mean(ratios.map(Math.log))),
    worst: Math.max(...ratios),
    wins: ratios.filter((ratio) => ratio < 1).length,
    accuracyDifference: differences.length > 0 ? mean(differences) : undefined,
    worstOverLinear: overLinear.length > 0 ? Math.max(...overLinear) : undefined,
    timeOverTimed:
      timed.length > 0
        ? total(timed.map(({ seconds }) => seconds)) / total(timed.map(({ timedSeconds }) => timedSeconds))
        : undefined,
    honest: apart.length > 0 ? apart.filter((value) => value <= MOST_APART).length : undefined,
    honestOf: apart.length,
  };
}

const NOTHING = "";
const show = (value, format) => (value === undefined ? NOTHING : format(value));
const ratioOf = (value) => show(value, (given) => given.toFixed(3));
const signed = (value) => show(value, (given) => `${given < 0 ? "" : "+"}${(100 * given).toFixed(2)}`);
/** Four figures or so: the errors of the best are close to each other. */
const errorOf = (value) =>
  value < 1 ? value.toFixed(4) : value < 1000 ? value.toFixed(2) : value.toFixed(0);
const shortName = (name) => name.replace("HistGradientBoosting", "HistGB").replace("Myelin ", "");

/** Myelin first, in the order of learners.js. */
const shown = learners.toSorted((a, b) => b.name.startsWith("Myelin") - a.name.startsWith("Myelin"));

/** The shown learners that have lines. */
const present = (lines) =>
  shown.map(({ name }) => name).filter((name) => lines.some((line) => line.learner === name));

/** Errors relative to the best of the four, table by table; "best of the four" is of the first learner's seeds. */
export function ratioTable(lines, tables) {
  const names = present(lines);
  const body = tables.flatMap(({ name }) => {
    const own = names.map((learner) => compare(lines, name, learner));
    const any = own.find(isThere);
    if (any === undefined) return [];
    const { rows, measure } = lines.find(({ table }) => table === name);
    const best = `${errorOf(any.bestError)} ${shortName(any.best)}`;
    return [[name, String(rows), measure, best, ...own.map((one) => ratioOf(one?.ratio))]];
  });
  return markdown([["table", "rows", "error", "best of the four", ...names.map(shortName)], ...body]);
}

/** A line for each learner over several tables. */
export function summaryTable(lines, tables) {
  const names = tables.map(({ name }) => name);
  const rows = present(lines).flatMap((learner) => {
    const one = summarize(lines, names, learner);
    if (one === undefined) return [];
    const { geometricMean, worst, worstOverLinear, wins, timeOverTimed, accuracyDifference } = one;
    return [
      [
        learner,
        String(one.tables),
        ratioOf(geometricMean),
        ratioOf(worst),
        String(wins),
        signed(accuracyDifference),
        ratioOf(worstOverLinear),
        ratioOf(timeOverTimed),
        show(one.honest, (count) => `${count} of ${one.honestOf}`),
      ],
    ];
  });
  const head = ["learner", "tables", "geometric mean", "worst", "wins", "accuracy, points"];
  return markdown([[...head, "over linear, worst", "CPU over CatBoost's", "honest"], ...rows]);
}

/** CPU seconds of a training and its predictions, table by table. */
export function timeTable(lines, tables) {
  const names = present(lines);
  const rows = tables.flatMap(({ name }) => {
    const own = names.map((learner) =>
      lines.filter((line) => line.table === name && line.learner === learner),
    );
    if (own.every(({ length }) => length === 0)) return [];
    return [
      [
        name,
        ...own.map((all) => (all.length > 0 ? figure(mean(all.map(({ seconds }) => seconds))) : NOTHING)),
      ],
    ];
  });
  return markdown([["table", ...names.map(shortName)], ...rows]);
}

/** Everything that the lines have to say, as Markdown. */
export function sections(lines, tables) {
  if (lines.length === 0) return "Nothing was measured.";
  const development = tables.filter(({ isFresh }) => !isFresh);
  const fresh = tables.filter(({ isFresh }) => isFresh);
  return [
    ["Errors over those of the best of the four", ratioTable(lines, tables)],
    ["Over the development tables", summaryTable(lines, development)],
    ["Over the fresh tables", summaryTable(lines, fresh)],
    ["CPU seconds", timeTable(lines, tables)],
  ]
    .map(([title, text]) => `### ${title}\n\n${text}`)
    .join("\n\n");
}
