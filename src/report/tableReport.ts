// The sections of a report about a table model.

import { DataError, OptionError, show } from "../errors.ts";
import { distribution } from "../plot/pictures/distribution.ts";
import { countOf, formatCount } from "../plot/text.ts";
import { isMissing } from "../table/cells.ts";
import { everyRow, type Frame, type TableRows } from "../table/frame.ts";
import { checkRows } from "../table/insight/checkRows.ts";
import type { AnyTableModel } from "../table/insight/questions.ts";
import { type TableParts, type TrainedTarget, usedColumns } from "../table/parts.ts";
import { scoredOn } from "../table/summary.ts";
import { partsOf } from "../table/tableModel.ts";
import { version } from "../version.ts";
import { type ColumnEffects, columnBlocks, errorBlocks, measureColumns, topWords } from "./columnSections.ts";
import { dataBlocks, LISTED_CLASSES, limitBlocks, networkBlocks, targetWords } from "./dataSections.ts";
import { judgeRows, outOfFoldRows, scoresOf } from "./judged.ts";
import { type Block, code, facts, paragraph, type Section, subheading } from "./markup.ts";
import type { Made, ReportRun } from "./run.ts";
import {
  factBlock,
  mainFacts,
  originWords,
  plainWords,
  scoreBlocks,
  taskPictures,
  type Verdict,
} from "./scoreSections.ts";
import { drawRows, RowSource } from "./source.ts";
import { listOf, namesFor, shorten } from "./words.ts";

/** Rows that are checked, and that importance may choose from. */
const MOST_READ = 5000;

/** The rows of a report, as they were given. */
interface Given {
  readonly rows: TableRows | undefined;
  readonly test: TableRows | undefined;
  readonly testRows: unknown;
  readonly examples: number;
}

const CALL = "report";

/** Returns the sections. */
export async function tableSections(model: AnyTableModel, given: Given, run: ReportRun): Promise<Made> {
  const parts = partsOf(model, CALL);
  const { targets } = parts;
  const rows = given.rows === undefined ? undefined : new RowSource(given.rows, `${CALL}: rows`);
  const test = readTest(given);
  if (test !== undefined) checkTest(test, targets);
  const total = 2 * targets.length + 2;
  const verdicts: Verdict[] = [];
  const effects: (ColumnEffects | undefined)[] = [];
  // Rows that the model did not learn from tell more about its columns.
  const source = test ?? rows;
  const read =
    source && source.count > 0 ? source.take(drawRows(source.count, MOST_READ, run.seed)) : undefined;
  for (const [at, target] of targets.entries()) {
    const subject = shorten(target.description.name, 40);
    await run.step(`predictions of ${subject}`, 2 * at, total);
    verdicts.push(await judge(parts, target, rows, test, run));
    await run.step(`importance of the columns for ${subject}`, 2 * at + 1, total);
    effects.push(read && (await effectsOf(model, parts, target, read, run)));
  }
  await run.step("rows unlike the training data", total - 2, total);
  const isTest = test !== undefined;
  const isTable = verdicts.some(({ judged }) => judged?.origin === "outOfFold" && judged.frame !== undefined);
  // The rows of the training are like themselves.
  const check = read === undefined || (isTable && !isTest) ? undefined : checkRows(model, read);
  await run.step("pictures", total - 1, total);
  const isAlone = targets.length === 1;
  const sections = [inShort(parts, verdicts, effects)];
  for (const [at, verdict] of verdicts.entries()) {
    const own = await targetSections(parts, verdict, effects[at], given.examples, run, isAlone ? 3 : 4);
    if (isAlone) sections.push(...own);
    else sections.push(joined(shorten(verdict.target.description.name), own));
  }
  await run.pause();
  sections.push({ heading: "The data", blocks: [...dataBlocks(parts), ...distributions(verdicts, run)] });
  const checkedRows = read === undefined ? "" : checkedWords(source, read, isTest);
  const known = { parts, verdicts, effects, check, checkedRows };
  sections.push({ heading: "Limits and warnings", blocks: limitBlocks(known) });
  const networks: Section[] = [];
  for (const target of targets) {
    await run.pause();
    const blocks = networkBlocks(target, run.pictures, isAlone ? 3 : 4);
    networks.push({ heading: isAlone ? "The networks" : shorten(target.description.name), blocks });
  }
  sections.push(isAlone ? networks[0] : joined("The networks of each answer", networks));
  sections.push({ heading: "Repeat it", blocks: repeatBlocks(parts, verdicts, source, run) });
  const names = targets.map(({ description }) => shorten(description.name, 80));
  const used = usedColumns(parts, targets).length;
  return {
    title: `Predicting ${listOf(names)}`,
    subtitle: `A report on a model that answers from ${countOf(used, "column")} of a table, ${run.date.toISOString().slice(0, 10)}`,
    sections,
  };
}

/** Returns one section with others below their headings. */
const joined = (heading: string, sections: readonly Section[]): Section => ({
  heading,
  blocks: sections
    .filter(({ blocks }) => blocks.some((block) => block !== ""))
    .flatMap((section) => [subheading(section.heading), ...section.blocks]),
});

function readTest({ test, testRows }: Given): RowSource | undefined {
  if (testRows === undefined) return test === undefined ? undefined : new RowSource(test, `${CALL}: test`);
  if (test === undefined)
    throw new OptionError(`${CALL}: testRows: expected test beside it, received none. Fix: give both`);
  const isList = Array.isArray(testRows) || testRows instanceof Uint32Array;
  if (!isList || !testRows.every((row) => Number.isInteger(row) && row >= 0 && row < 2 ** 32))
    throw new OptionError(
      `${CALL}: testRows: expected the number of each row of test, received ${show(testRows)}. Fix: give testRows of splitTable`,
    );
  const source = new RowSource(test, `${CALL}: test`, testRows);
  if (source.count === testRows.length) return source;
  throw new OptionError(
    `${CALL}: testRows: expected ${source.count} numbers, one for each row of test, received ${testRows.length}`,
  );
}

function checkTest(test: RowSource, targets: readonly TrainedTarget[]): void {
  if (test.count === 0) throw new DataError(`${CALL}: test: expected rows, received none`);
  const { cells } = test.take(drawRows(test.count, MOST_READ, 0));
  const lacking = targets.find(({ description }) => !cells.has(description.name));
  if (lacking === undefined) return;
  throw new DataError(
    `${CALL}: test: expected the target ${show(lacking.description.name)} among the columns, received none. Fix: give rows with their targets, or leave test out`,
  );
}

/** Finds the rows to judge a target by, and its most trustworthy scores. */
async function judge(
  parts: TableParts,
  target: TrainedTarget,
  rows: RowSource | undefined,
  test: RowSource | undefined,
  { seed, pause }: ReportRun,
): Promise<Verdict> {
  const options = { seed, pause, call: `${CALL}: ${test === undefined ? "rows" : "test"}` };
  const ownRows = scoredOn(parts.changes ?? [], target.learned);
  const own = { scores: target.scores, baseline: target.baseline };
  if (test !== undefined) {
    const judged = await judgeRows(parts, target, test, "test", options);
    if (judged === undefined) {
      throw new DataError(
        `${CALL}: test: expected rows with a value of the target ${show(target.description.name)}, received none`,
      );
    }
    const tested = scoresOf(target, judged);
    const where = `on ${countOf(judged.targets.length, "row")} that it never saw`;
    return { target, judged, tested, best: tested, where, ownRows };
  }
  const kept = outOfFoldRows(target, rows, options.call);
  const judged =
    kept ?? (rows && rows.count > 0 ? await judgeRows(parts, target, rows, "given", options) : undefined);
  const where = ownRows === "on rows not learned from" ? "on rows that it did not learn from" : ownRows;
  return { target, judged, tested: undefined, best: own, where, ownRows };
}

async function effectsOf(
  model: AnyTableModel,
  parts: TableParts,
  target: TrainedTarget,
  frame: Frame,
  run: ReportRun,
): Promise<ColumnEffects | undefined> {
  const cells = frame.cells.get(target.description.name);
  if (cells === undefined) return undefined;
  // The rows that the scores are of.
  const known = everyRow(frame.rows).filter((row) => !isMissing(cells[row]));
  return measureColumns(model, parts, target, known.length < frame.rows ? frame.take(known) : frame, run);
}

/** The first section: what a reader of one paragraph should know. */
function inShort(
  parts: TableParts,
  verdicts: readonly Verdict[],
  effects: readonly (ColumnEffects | undefined)[],
): Section {
  const isAlone = verdicts.length === 1;
  const used = usedColumns(parts, parts.targets).map(({ name }) => shorten(name, 40));
  const [first] = verdicts;
  const from = used.length === 0 ? "no column" : listOf(used, 8);
  const blocks: Block[] = [
    paragraph(
      `The question: what is ${listOf(verdicts.map(({ target }) => quoted(target)))} of a row, given ${from}?`,
    ),
    ...verdicts.map((verdict) =>
      paragraph(
        isAlone
          ? plainWords(verdict)
          : `${shorten(verdict.target.description.name, 40)}: ${plainWords(verdict)}`,
        "lead",
      ),
    ),
    ...effects.flatMap((effect, at) => {
      const words = effect && topWords(effect);
      if (words === undefined) return [];
      const name = shorten(verdicts[at].target.description.name, 40);
      return [paragraph(isAlone ? words : words.replace("the answer", name))];
    }),
    factBlock([
      ...(isAlone ? mainFacts(first) : []),
      ["Rows of the training", formatCount(parts.rows)],
      ["Columns used", formatCount(used.length)],
    ]),
  ];
  return { heading: "In short", blocks };
}

const quoted = ({ description }: TrainedTarget) => `“${shorten(description.name, 60)}”`;

/** The sections of one target. */
async function targetSections(
  parts: TableParts,
  verdict: Verdict,
  effects: ColumnEffects | undefined,
  examples: number,
  { pictures, pause }: ReportRun,
  level: number,
): Promise<Section[]> {
  const { target, judged } = verdict;
  const used = usedColumns(parts, [target]).map(({ name }) => name);
  const isShown = judged !== undefined && target.learned.networks.length > 0 && judged.targets.length > 0;
  await pause();
  const scores = [paragraph(targetWords(target, parts.rows)), ...scoreBlocks(verdict)];
  if (isShown) scores.push(paragraph(originWords(judged)), ...taskPictures(target, judged, pictures, level));
  await pause();
  const columns = effects === undefined ? [] : columnBlocks(effects, target, judged?.origin, pictures, level);
  await pause();
  const hasErrors = isShown && (target.description.classes?.length ?? 2) > 1;
  const errors = hasErrors ? errorBlocks(target, judged, effects, used, examples) : [];
  return [
    { heading: "How good it is", blocks: scores },
    { heading: "Which columns matter", blocks: columns },
    { heading: "Where it errs most", blocks: errors },
  ];
}

/** How often each answer occurs. */
function distributions(verdicts: readonly Verdict[], { pictures }: ReportRun): Block[] {
  const drawn = verdicts.flatMap(({ target: { description, outOfFold }, judged }) => {
    const targets = outOfFold?.targets ?? judged?.targets;
    if (targets === undefined || targets.length === 0) return [];
    const { classes, name } = description;
    const label = shorten(name, 40);
    if (classes === undefined) return [distribution(targets, { label })];
    // A few classes are in the text, with their shares.
    if (classes.length <= LISTED_CLASSES) return [];
    const names = namesFor(classes.map(String));
    return [
      distribution(
        Array.from(targets, (at) => names.get(String(classes[at])) as string),
        { label },
      ),
    ];
  });
  return drawn.length === 0 ? [] : [pictures.pair(drawn, 3)];
}

function checkedWords(source: RowSource | undefined, read: Frame, isTest: boolean): string {
  const kind = isTest ? "test row" : "row";
  const of = source?.count ?? read.rows;
  return read.rows < of
    ? `${formatCount(read.rows)} of ${countOf(of, kind)}, drawn at random`
    : countOf(of, kind);
}

/** Versions, seeds, and the code that trains the model again. */
function repeatBlocks(
  { seed, targets, changes = [], rows }: TableParts,
  verdicts: readonly Verdict[],
  source: RowSource | undefined,
  run: ReportRun,
): Block[] {
  const [network] = targets.flatMap(({ learned }) => learned.networks);
  const { command } = run;
  const judged = verdicts.find((verdict) => verdict.judged !== undefined)?.judged;
  const isSample = judged !== undefined && judged.targets.length < judged.of;
  return [
    facts(
      [
        ["myelin", version],
        ["Seed of the model", String(seed)],
        ["Seed of this report", String(run.seed)],
        ["Date", run.date.toISOString().slice(0, 10)],
      ],
      "small",
    ),
    ...(network === undefined
      ? []
      : [paragraph(`Kernel: ${network.model.kernel.name} (${network.model.kernel.reason}).`, "note")]),
    paragraph(
      command === undefined
        ? "The same rows, options and seed give the same model, bit for bit. This code has what the model keeps of its options; quality, budget, groups and weights are not among it."
        : "The same rows, options and seed give the same model, bit for bit, unless its training was ended early. This repeats it:",
    ),
    code(command ?? codeOf(targets, seed)),
    ...(isSample || (source?.count ?? 0) > MOST_READ
      ? [
          paragraph(
            `The rows of this report are a sample of ${countOf(source?.count ?? rows, "row")}, drawn with its seed.`,
            "note",
          ),
        ]
      : []),
    ...changes.map(({ call, rows: given }) =>
      paragraph(`Afterwards the model was changed by ${call} with ${countOf(given, "row")}.`),
    ),
  ];
}

function codeOf(targets: readonly TrainedTarget[], seed: number): string {
  const [{ description }] = targets;
  const { task, reason, metric, positive, threshold, quantiles } = description;
  const names = targets.map((target) => target.description.name);
  const options = {
    target: names.length === 1 ? names[0] : names,
    ...(reason === "you said so" && { task }),
    ...(metric !== undefined && { metric: Object.keys(metric).length > 1 ? metric : metric.type }),
    ...(positive !== undefined && { positive }),
    ...(threshold !== undefined && { threshold }),
    ...(quantiles !== undefined && { quantiles }),
    seed,
  };
  const lines = Object.entries(options).map(([name, value]) => `  ${name}: ${JSON.stringify(value)},`);
  return [
    'import { fitTable, readTable } from "myelin/table";',
    "",
    'const rows = await readTable("your table.csv");',
    "const model = await fitTable(rows, {",
    ...lines,
    "});",
  ].join("\n");
}
