/** `myelin train` and `myelin search`: read a table, show what it is, train, test and save a model. */
import { statSync } from "node:fs";
import { save } from "myelin";
import {
  describe,
  type EvaluationReport,
  evaluationReport,
  type FitTableOptions,
  type Frame,
  fitTable,
  searchTable,
  splitTable,
  type TableModel,
  type TableSearch,
} from "myelin/table";
import { randomNumber } from "../../host.ts";
import { unknownName } from "../../options/names.ts";
import { CommandFailure, EXIT, wrongUse } from "../failures.ts";
import { atRow, checkAnswers, checkTable, isStream, nameOf, readRows, streamRows } from "../input.ts";
import { onInterrupt } from "../interrupt.ts";
import { note, print, printJson } from "../output.ts";
import { checkOutput } from "../outputFile.ts";
import { READING, type ReadingValues } from "../reading.ts";
import { writeReport } from "../report.ts";
import { quoted } from "../shell.ts";
import { configurationText, settingsOf } from "./config.ts";
import { SEARCH, TRAIN, type Training, type TrainValues } from "./settings.ts";

/** The options that are not settings. */
interface Options extends TrainValues {
  readonly config?: string;
  readonly printConfig?: boolean;
  readonly quiet?: boolean;
  readonly json?: boolean;
}

const OUTPUT = "model.myelin";
/** Megabytes of a training with `--stream`. */
const MEMORY = 1000;

/** Trains a model and saves it. */
export const trainCommand = (file: string | undefined, options: Options) => run(file, options, TRAIN);

/** Searches for a model and saves it. */
export const searchCommand = (file: string | undefined, options: Options) => run(file, options, SEARCH);

async function run(file: string | undefined, options: Options, training: Training): Promise<void> {
  const { command, defaults } = training;
  const values = { output: OUTPUT, ...(await settingsOf({ ...options }, options.config, training)) };
  // The seed is chosen here, so that the command that repeats the training can name it.
  const seed = values.seed ?? randomNumber();
  if (options.printConfig) {
    print(configurationText({ ...defaults, ...values, seed }, training));
    return;
  }
  if (file === undefined)
    throw wrongUse(`${command}: expected a table. Fix: myelin ${command} FILE --target COLUMN`);
  // Before the outputs, whose default may be the model that was given as a table.
  await checkTable(file, command);
  const read = [file, values.test, options.config];
  checkOutput("--output", values.output, read);
  if (values.report !== undefined) checkOutput("--report", values.report, [...read, values.output]);
  const tell = options.quiet ? () => {} : note;
  const { rows, source, held } = await readTables(file, values, seed, command);
  const targets = targetsOf(values, rows, file);
  if (!values.stream) checkDropped(values, rows, targets);
  for (const one of held) checkAnswers(one.rows, targets, one.name);
  await showColumns(file, rows, values, targets, tell);
  const trained = await trainModel(source, values, targets, seed, options, training, tell);
  const { model, search, isStopped } = trained;
  try {
    if (isStopped && !model.leaderboard.some(({ weight }) => weight > 0)) {
      throw new CommandFailure("stopped before a network was trained; nothing is saved", EXIT.interrupted);
    }
    tell("");
    const tests = await test(model, held);
    await save(model, values.output);
    try {
      // Before the result is printed, because a reader such as head may end the process then.
      if (values.report !== undefined) {
        tell(`saved ${values.output}; making the report`);
        await reportOn(model, values.report, { rows, source, held }, seed, tell);
      }
    } finally {
      if (options.json) {
        const result = resultOf(model, values, tests, isStopped);
        printJson({ ...result, ...(search && { trials: search.trials }) });
      } else {
        if (search !== undefined) print(`${search.text}\n`);
        printResult(model, values, tests, file);
      }
    }
    if (isStopped) process.exitCode = EXIT.interrupted;
  } finally {
    model.dispose();
  }
}

/** Rows to test with, and what they are called. */
interface Held {
  readonly name: string;
  readonly rows: Frame;
  /** The numbers of the rows in the table that they are held out of. */
  readonly numbers?: Uint32Array;
}

interface Tables {
  /** The rows in memory, or the first block of a stream. */
  readonly rows: Frame;
  /** What `fitTable` takes. */
  readonly source: Frame | (() => AsyncIterable<Frame>);
  readonly held: readonly Held[];
}

type Tell = (text: string) => void;

async function readTables(file: string, values: TrainValues, seed: number, command: string): Promise<Tables> {
  const { test: testFile, holdout = 0, stream = false, memory } = values;
  if (memory !== undefined && !stream)
    throw wrongUse("--memory is for --stream. Fix: give both, or none to read the table into memory");
  const held: Held[] = [];
  if (testFile !== undefined)
    held.push({ name: nameOf(testFile), rows: await readRows(testFile, values, command) });
  if (stream) {
    if (holdout > 0) throw wrongUse("--holdout needs the rows in memory. Fix: give --test with --stream");
    return { ...(await openStream(file, values)), held };
  }
  const rows = await readRows(file, values, command);
  if (holdout === 0) return { rows, source: rows, held };
  const [target] = targetsOf(values, rows, file);
  const { group, time } = values;
  const by = group === undefined ? { target, seed } : { groups: group, seed };
  const split = splitTable(rows, { share: holdout, ...(time === undefined ? by : { time }) });
  held.unshift({
    name: `${split.test.rows} rows that were kept out`,
    rows: split.test,
    numbers: split.testRows,
  });
  return { rows: split.training, source: split.training, held };
}

/** Opens a table that is read twice, block by block. */
async function openStream(file: string, values: TrainValues): Promise<Omit<Tables, "held">> {
  const open = () => streamRows(file, values, "train");
  const stream = await open();
  const first = await stream.next();
  await stream.return();
  if (first.done) throw wrongUse(`${nameOf(file)} has no rows. Fix: give a table with rows`);
  if (isStream(file)) {
    throw wrongUse(
      `${nameOf(file)} can be read only once, and --stream reads twice. Fix: give the path of a file`,
    );
  }
  const source = async function* () {
    yield* await open();
  };
  return { rows: first.value, source };
}

/** Returns the targets. Without any, the error names the columns. */
function targetsOf({ target }: TrainValues, rows: Frame, file: string): readonly string[] {
  if (target !== undefined && target.length > 0) return target;
  const { names } = rows;
  const shown = names.length > 24 ? [...names.slice(0, 12), "…", ...names.slice(-4)] : names;
  throw wrongUse(
    `--target: expected the column to predict. The columns of ${nameOf(file)} are ${shown.join(", ")}`,
  );
}

/** Throws for a column to leave out that is not there, or is to be predicted. */
function checkDropped({ drop = [] }: TrainValues, { names }: Frame, targets: readonly string[]): void {
  const unknown = drop.find((name) => !names.includes(name));
  if (unknown !== undefined) throw wrongUse(unknownName("--drop", "column", unknown, names).message);
  const target = drop.find((name) => targets.includes(name));
  if (target !== undefined)
    throw wrongUse(`--drop: ${JSON.stringify(target)} is the target. Fix: drop other columns only`);
}

/** Returns the types that the settings give. */
function typesOf({ type, drop = [] }: TrainValues): NonNullable<FitTableOptions["columns"]> {
  return { ...type, ...Object.fromEntries(drop.map((name) => [name, "ignore" as const])) };
}

/** Shows what was understood of each column. */
async function showColumns(
  file: string,
  rows: Frame,
  values: TrainValues,
  target: readonly string[],
  tell: Tell,
): Promise<void> {
  const { text } = await describe(rows, { target, columns: typesOf(values) });
  const which = values.stream ? ", the first rows" : values.holdout ? ", the rows to learn from" : "";
  tell(`${nameOf(file)}${which}: ${text}\n`);
}

interface Result {
  readonly model: TableModel;
  readonly search?: TableSearch;
  readonly isStopped: boolean;
}

/** Trains. The first Ctrl-C ends the training and keeps what is trained. */
async function trainModel(
  source: Tables["source"],
  values: TrainValues,
  targets: readonly string[],
  seed: number,
  { quiet = false }: Options,
  { command }: Training,
  tell: Tell,
): Promise<Result> {
  let isStopped = false;
  const ignore = onInterrupt(() => {
    isStopped = true;
    tell("\nstopping: what is trained is kept. Ctrl-C again ends at once");
  });
  const { quality, networks, trials, task, seconds, threads, kernel, group, time, weight } = values;
  const { metric, positive, threshold, quantiles, stream, memory = MEMORY } = values;
  const columns = typesOf(values);
  const target = targets.length === 1 ? targets[0] : targets;
  const shared = {
    ...{ task, seed, threads, kernel, time, positive, threshold, quantiles },
    metric: metricOf(metric),
    ...{ groups: group, sampleWeight: weight },
    columns: Object.keys(columns).length > 0 ? columns : undefined,
    budget: seconds === undefined ? undefined : { seconds },
    verbose: !quiet,
    onProgress: (_, control) => {
      if (isStopped) control.stop();
    },
  } satisfies Partial<FitTableOptions>;
  try {
    if (command === "search") {
      const search = await searchTable(source as Frame, { ...shared, target: target as string, trials });
      return { model: search.model, search, isStopped };
    }
    const bytes = stream ? memory * 1e6 : undefined;
    const model = await fitTable(source, { ...shared, target, quality, networks, memory: bytes });
    return { model: model as unknown as TableModel, isStopped };
  } finally {
    ignore();
  }
}

/** Reads a metric's name, which may end with an average over classes, as scikit-learn's do: f1_macro. */
function metricOf(name: string | undefined): FitTableOptions["metric"] {
  const [, type, average] = /^(.+)_(macro|micro|weighted)$/.exec(name ?? "") ?? [];
  return (average === undefined ? name : { type, average }) as FitTableOptions["metric"];
}

/** A test of the model. */
interface Test {
  readonly on: string;
  readonly reports: readonly EvaluationReport[];
}

async function test(model: TableModel, held: readonly Held[]): Promise<Test[]> {
  const tests: Test[] = [];
  for (const { name, rows } of held) {
    const reports: EvaluationReport[] = [];
    for (const target of model.targets)
      reports.push(await atRow(name, 0, () => evaluationReport(model, rows, { target: target.name })));
    tests.push({ on: name, reports });
  }
  return tests;
}

/** Writes the report: of the rows that were tested with, if there are any. */
async function reportOn(
  model: TableModel,
  path: string,
  { rows, source, held }: Tables,
  seed: number,
  tell: Tell,
): Promise<void> {
  const isStream = source !== rows;
  const [test, ...others] = held;
  if (isStream && test === undefined)
    tell(
      "--stream keeps no rows, so the report shows no cells of rows and no importance of columns. Fix: --test",
    );
  if (others.length > 0) tell(`the report is of ${test.name}`);
  await writeReport(path, model, {
    ...{ rows: isStream ? undefined : rows, test: test?.rows, testRows: test?.numbers },
    command: commandWith(seed),
  });
  tell(`wrote ${path}`);
}

/** Returns the command that repeats the training: this one, with the seed. Each option has a line. */
function commandWith(seed: number): string {
  const [, , name, ...given] = process.argv;
  const hasSeed = given.some((word) => /^--seed(=|$)/.test(word));
  const end = given.includes("--") ? given.indexOf("--") : given.length;
  const words = hasSeed ? given : given.toSpliced(end, 0, "--seed", String(seed));
  const lines = words.map((word) => `${/^-[\w-]/.test(word) ? " \\\n  " : " "}${quoted(word)}`);
  return `npx myelin ${name}${lines.join("")}`;
}

const withoutText = ({ text: _, toString: __, ...report }: EvaluationReport) => report;

function resultOf(
  model: TableModel,
  { output: path, report }: TrainValues & { readonly output: string },
  tests: readonly Test[],
  isStopped: boolean,
): object {
  const { rows, seed, targets, columns, scores, leaderboard, notes } = model;
  return {
    ...{ model: path, bytes: statSync(path).size, report, rows, seed, isStopped },
    ...{ targets, columns, scores, leaderboard, notes },
    tests: tests.map(({ on, reports }) => ({ on, reports: reports.map(withoutText) })),
  };
}

/** Returns the options that say how to read the table, as they are given. */
function readingWords(values: TrainValues): string {
  const given = READING.map(({ name }) => [name, values[name as keyof ReadingValues]] as const);
  const words = given.flatMap(([name, value]) =>
    value === undefined
      ? []
      : [` --${name} ${quoted(Array.isArray(value) ? value.join(",") : String(value))}`],
  );
  return words.join("");
}

function printResult(
  model: TableModel,
  values: TrainValues & { readonly output: string },
  tests: readonly Test[],
  file: string,
): void {
  const { output: path } = values;
  print(model.summary({ columns: false }));
  for (const { on, reports } of tests) {
    print(`\ntested on ${on}`);
    for (const { text } of reports) print(text);
  }
  const size = statSync(path).size;
  const shown = size < 1e6 ? `${Math.ceil(size / 1000)} KB` : `${(size / 1e6).toFixed(1)} MB`;
  const given = quoted(path);
  print(`\nsaved ${path} (${shown})`);
  print(
    `  myelin predict ${given} ${isStream(file) || file.includes("://") ? "FILE" : `${quoted(file)}${readingWords(values)}`}`,
  );
  print(`  myelin inspect ${given}`);
}
