/**
 * A table model as the bytes of a safetensors file, and back.
 *
 * The metadata `myelin-table` is the model without its weights, as JSON: columns, encoders, networks, scores.
 * Each array of parameters is a tensor named by network, layer and parameter: `3.0.weight`.
 */
import { FormatError, OptionError, show } from "../errors.ts";
import { type NetworkSource, readNetwork, toView, writeNetwork } from "../formats/bytes.ts";
import { readHeader, type Tensor, write } from "../formats/safetensors.ts";
import { asFormatErrors } from "../formats/saved.ts";
import { parseStrictly } from "../formats/strictJson.ts";
import type { KernelChoice } from "../kernel/choose.ts";
import { type Model, modelOf, savedOf } from "../model.ts";
import type { Complete } from "../options.ts";
import { version } from "../version.ts";
import { type Background, checkBackground, MOST_BACKGROUND } from "./background.ts";
import { COLUMN_TYPES, type ColumnDescription } from "./columns.ts";
import { type DatePart, dateParts } from "./dates.ts";
import type { EncoderState } from "./encoders/encoder.ts";
import {
  between,
  type Check,
  fields,
  finite,
  list,
  numberOrNull,
  optional,
  positive,
  text,
  truth,
  whole,
  word,
} from "./fields.ts";
import type { Learned, TableNetwork, TrainedBag } from "./learner/learned.ts";
import { metricOf, readMetric } from "./metric.ts";
import type { ModelChange, TableParts, TrainedTarget } from "./parts.ts";
import { checkEncoder, Preparation, type PreparationStep } from "./preparation.ts";
import type { Scores } from "./scores.ts";
import { type ClassValue, TASKS, type TargetDescription } from "./target.ts";

const FORMAT = "myelin-table";
const FORMAT_VERSION = 1;

const finiteOrNull = (value: number) => (Number.isFinite(value) ? value : null);

/** The bytes of a table model. */
export function writeTable(parts: TableParts, call: string): Uint8Array<ArrayBuffer> {
  const { columns, targets, seed, rows, notes, changes, background } = parts;
  const tensors: Tensor[] = [];
  let count = 0;
  const writeOne = ({ model: network, part, bag }: TableNetwork) => {
    const { description: architecture, tensors: own } = writeNetwork(savedOf(network, call), `${count}.`);
    tensors.push(...own);
    return { number: count++, part, bag, architecture };
  };
  const written = targets.map(({ description, learned, scores, baseline }) => ({
    description,
    scores: nullsFor(scores),
    baseline: nullsFor(baseline),
    prior: learned.prior,
    priorWeight: learned.priorWeight,
    temperature: learned.temperature,
    range: learned.range,
    bags: learned.bags.map(({ score, ...bag }) => ({
      ...bag,
      loss: finiteOrNull(bag.loss),
      ...(score !== undefined && { score: finiteOrNull(score) }),
    })),
    parts: learned.parts.map(({ preparation, center, scale }) => ({
      center,
      scale,
      steps: preparation.steps,
    })),
    networks: learned.networks.map(writeOne),
    ...(learned.quantiles && {
      quantiles: { shifts: learned.quantiles.shifts, networks: learned.quantiles.networks.map(writeOne) },
    }),
  }));
  const table = {
    format: FORMAT,
    formatVersion: FORMAT_VERSION,
    version,
    seed,
    rows,
    notes,
    columns,
    ...(changes && { changes: changes.map(writeChange) }),
    ...(background && { background }),
    targets: written,
  };
  return write({ [FORMAT]: JSON.stringify(table) }, tensors, call);
}

const nullsFor = (scores: Scores) =>
  Object.fromEntries(
    Object.entries(scores).map(([name, value]) => [
      name,
      typeof value === "number" ? finiteOrNull(value) : value,
    ]),
  );

const nullsByTarget = (scores: Readonly<Record<string, Scores>>) =>
  Object.fromEntries(Object.entries(scores).map(([name, own]) => [name, nullsFor(own)]));

/** Times are of one run, and not of the model: without them equal models have equal bytes. */
const writeChange = ({ microseconds: _microseconds, before, after, agreement, ...change }: ModelChange) => ({
  ...change,
  before: nullsByTarget(before),
  after: nullsByTarget(after),
  ...(agreement && {
    agreement: Object.fromEntries(
      Object.entries(agreement).map(([name, share]) => [name, finiteOrNull(share)]),
    ),
  }),
});

/** A metric with all of its options, as `fitTable` keeps it. */
const metric: Check<Complete> = (value, place) => {
  try {
    return readMetric(value, place);
  } catch (error) {
    throw error instanceof OptionError ? new FormatError(error.message) : error;
  }
};

const classValue: Check<ClassValue> = (value, place) => {
  if (typeof value === "string" || typeof value === "boolean") return value;
  return finite(value, place);
};

/** The lowest and the highest of some numbers. */
const range: Check<readonly [number, number]> = (value, place) => {
  const [low, high] = list(finite, 2)(value, place);
  if ((value as unknown[]).length === 2 && low <= high) return [low, high];
  throw new FormatError(`${place}: expected [low, high]`);
};

/** Checks the description of a column. */
export const columnFields: Check<ColumnDescription> = fields({
  name: text,
  type: word(COLUMN_TYPES),
  decimal: optional(word([".", ","])),
  dayFirst: optional(truth),
  categories: optional(list(text)),
  unreadable: optional(fields({ cells: whole(0), example: text })),
  missing: whole(0),
  distinct: whole(0),
  range: optional(range),
  reason: optional(text),
}) as Check<ColumnDescription>;

/** Checks the description of a target. */
export const targetFields: Check<TargetDescription> = fields({
  name: text,
  task: word(TASKS),
  classes: optional(list(classValue, 1)),
  reason: text,
  decimal: optional(word([".", ","])),
  metric: optional(metric),
  positive: optional(classValue),
  threshold: optional(between(0, 1)),
  classWeights: optional(list(positive, 1)),
  quantiles: optional(list(between(0, 1), 1)),
}) as Check<TargetDescription>;

/** Values by any names. */
const byName =
  <T>(check: Check<T>): Check<Readonly<Record<string, T>>> =>
  (value, place) => {
    if (value === null || typeof value !== "object" || Array.isArray(value))
      throw new FormatError(`${place}: expected an object, received ${show(value)}`);
    const entries = Object.entries(value).map(
      ([name, own]) => [name, check(own, `${place}: ${name}`)] as const,
    );
    return Object.fromEntries(entries);
  };

const figure = optional(numberOrNull);

const scores = fields({
  ...{ rootMeanSquaredError: figure, meanAbsoluteError: figure, r2: figure, meanSquaredError: figure },
  ...{ pinballLoss: figure, coverage: optional(byName(between(0, 1))), intervalCoverage: figure },
  ...{ accuracy: figure, logLoss: figure, rocAuc: figure, precision: figure, recall: figure, f1: figure },
  ...{ averagePrecision: figure, topK: figure },
}) as Check<Scores>;

const sizes = fields({ before: whole(0, Number.MAX_SAFE_INTEGER), after: whole(0, Number.MAX_SAFE_INTEGER) });

const change: Check<ModelChange> = fields({
  call: word(["compact", "fitMore"]),
  rows: whole(0),
  scoredRows: whole(0),
  before: byName(scores),
  after: byName(scores),
  agreement: optional(byName(numberOrNull)),
  bytes: optional(sizes),
  parameters: optional(sizes),
}) as Check<ModelChange>;

/** Checks a step of a preparation. */
export const stepFields: Check<PreparationStep> = fields({
  column: text,
  part: optional(word(Object.keys(dateParts) as DatePart[])),
  encoder: checkEncoder,
}) as Check<PreparationStep>;

const share = between(0, 1);

const network = fields({
  number: whole(0),
  part: whole(0),
  bag: whole(0),
  architecture: (value: unknown) => value,
});

const table = fields({
  format: word([FORMAT]),
  formatVersion: whole(1),
  version: text,
  seed: whole(0, Number.MAX_SAFE_INTEGER),
  rows: whole(0),
  notes: list(text),
  changes: optional(list(change)),
  columns: list(columnFields),
  background: optional(
    fields({
      rows: whole(1, MOST_BACKGROUND),
      columns: list(fields({ name: text, values: (value: unknown) => value })),
    }),
  ),
  targets: list(
    fields({
      description: targetFields,
      scores,
      baseline: scores,
      prior: list(finite, 1),
      priorWeight: share,
      temperature: positive,
      range,
      bags: list(fields({ name: text, weight: share, loss: numberOrNull, score: figure })),
      parts: list(fields({ center: finite, scale: positive, steps: list(stepFields, 1) })),
      networks: list(network),
      quantiles: optional(fields({ shifts: list(finite, 1), networks: list(network) })),
    }),
    1,
  ),
});

type Written = ReturnType<typeof table>;
type WrittenNetwork = ReturnType<typeof network>;

const areDistinct = (names: readonly unknown[]) => new Set(names.map(String)).size === names.length;

/** Checks that a column has the categories that its type needs. */
export function checkColumn({ name, type, categories }: ColumnDescription): void {
  const place = `columns: ${show(name)}`;
  if ((type === "category" || type === "boolean") !== (categories !== undefined))
    throw new FormatError(`${place}: expected categories for a category or a boolean, and only for one`);
  if (categories !== undefined && !areDistinct(categories))
    throw new FormatError(`${place}: expected different categories, received one twice`);
}

/** The largest number of a category that an encoder's state has; -1 where it has none. */
function largestCategory({ type, categories, low, high }: EncoderState): number {
  if (type === "sign") return Math.max(low as number, high as number);
  return ((categories ?? []) as number[]).reduce((largest, category) => Math.max(largest, category), -1);
}

/** Values of the parts of a date that are categories. */
const PART_VALUES: Readonly<Record<DatePart, number>> = { days: 0, month: 12, weekday: 7, hour: 0 };

/** Checks that a step fits its column, so that no table of categories is larger than the file. */
export function checkStep(
  { column: name, part, encoder }: PreparationStep,
  columns: ReadonlyMap<string, ColumnDescription>,
  place: string,
): void {
  const found = columns.get(name);
  if (found === undefined)
    throw new FormatError(`${place}: a step encodes the column ${show(name)}, which is not there`);
  if (found.type === "ignore")
    throw new FormatError(`${place}: a step encodes the column ${show(name)}, which is left out`);
  if (part !== undefined && found.type !== "date")
    throw new FormatError(`${place}: column ${show(name)} has no parts of a date`);
  const categories = part === undefined ? (found.categories?.length ?? 0) : PART_VALUES[part];
  if (largestCategory(encoder) >= categories) {
    throw new FormatError(
      `${place}: column ${show(name)}: expected categories below ${categories}, received ${largestCategory(encoder)}`,
    );
  }
}

/** Checks what follows from several fields: that networks, parts, bags, columns and classes fit together. */
function checkTogether({ columns, targets, background }: Written): void {
  const names = new Map(columns.map((entry) => [entry.name, entry]));
  if (names.size < columns.length)
    throw new FormatError("columns: expected different names, received one twice");
  if (!areDistinct(targets.map(({ description }) => description.name)))
    throw new FormatError("targets: expected different names, received one twice");
  if (background !== undefined) checkBackground(background as Background, names);
  for (const entry of columns) checkColumn(entry);
  for (const [at, { description, prior, bags, parts, networks, quantiles }] of targets.entries()) {
    const place = `target ${at}`;
    checkDescription(description, place);
    const levels = description.quantiles?.length ?? 0;
    if (levels !== (quantiles?.shifts.length ?? 0))
      throw new FormatError(`${place}: quantiles: expected a shift for each quantile`);
    const { task, classes } = description;
    if ((task === "classification") !== (classes !== undefined)) {
      throw new FormatError(`${place}: expected classes for a classification, and only for one`);
    }
    if (prior.length !== (classes?.length ?? 1))
      throw new FormatError(`${place}: prior: expected one value for each class`);
    if (classes !== undefined && !areDistinct(classes))
      throw new FormatError(`${place}: expected different classes, received one twice`);
    for (const [number, { steps }] of parts.entries()) {
      for (const one of steps) checkStep(one, names, place);
      // The weights of a network show that the inputs are as many as the steps write.
      if (![...networks, ...(quantiles?.networks ?? [])].some(({ part }) => part === number))
        throw new FormatError(`${place}: part ${number}: expected a network that it prepares rows for`);
    }
    for (const { part, bag } of networks) {
      if (part >= parts.length || bag >= bags.length)
        throw new FormatError(`${place}: a network is of no part or bag`);
    }
    for (const { part, bag } of quantiles?.networks ?? []) {
      if (part >= parts.length || bag >= levels)
        throw new FormatError(`${place}: a network is of no part or quantile`);
    }
  }
}

/** Checks what a target says of its answers. */
function checkDescription(description: TargetDescription, place: string): void {
  const { task, classes, positive: yes, threshold, classWeights, quantiles, metric: own } = description;
  if (yes !== undefined && (classes?.length !== 2 || !classes.includes(yes)))
    throw new FormatError(`${place}: positive: expected one of two classes, received ${show(yes)}`);
  if (threshold !== undefined && classes?.length !== 2)
    throw new FormatError(`${place}: threshold: expected two classes`);
  if (classWeights !== undefined && classWeights.length !== classes?.length)
    throw new FormatError(`${place}: classWeights: expected one weight for each class`);
  if (quantiles !== undefined) {
    const isAscending = quantiles.every(
      (level, at) => level > (at === 0 ? 0 : quantiles[at - 1]) && level < 1,
    );
    if (task !== "regression" || !isAscending)
      throw new FormatError(`${place}: quantiles: expected numbers, and shares in ascending order`);
  }
  if (own === undefined) return;
  try {
    metricOf(own, description);
  } catch (error) {
    throw error instanceof OptionError ? new FormatError(`${place}: ${error.message}`) : error;
  }
}

/**
 * Looks whether a file of `size` bytes that begins with these can be a table model's, before the rest is
 * read.
 */
export function checkTableBeginning(bytes: Uint8Array, size: number, place: string): void {
  asFormatErrors(place, () => {
    const { metadata } = readHeader(bytes, size);
    if (!metadata.has(FORMAT)) throw new FormatError(whatElse(metadata));
  });
}

/**
 * Reads and checks all of a table model's bytes before anything is made of it, or throws a {@link
 * FormatError}.
 */
export function readTable(
  given: unknown,
  place: string,
  options: { readonly kernel?: KernelChoice },
): TableParts {
  return asFormatErrors(place, () => {
    const bytes = toView(given);
    const source = readHeader(bytes, bytes.length);
    const text = source.metadata.get(FORMAT);
    if (text === undefined) throw new FormatError(whatElse(source.metadata));
    const described = parseStrictly(text, `metadata "${FORMAT}"`) as Record<string, unknown>;
    if (described === null || typeof described !== "object")
      throw new FormatError(`table model: expected an object, received ${show(described)}`);
    checkVersion(described);
    const checked = table(described, "table model");
    checkTogether(checked);
    return build(checked, { bytes, tensors: source.tensors }, options);
  });
}

function whatElse(metadata: ReadonlyMap<string, string>): string {
  if (metadata.has("myelin"))
    return "this is a model of numbers, not of a table. Fix: read it with load or Model.fromBytes";
  return 'this is not the file of a table model: it has no metadata "myelin-table"';
}

function checkVersion({ formatVersion, version: writer }: Record<string, unknown>): void {
  if (formatVersion === FORMAT_VERSION) return;
  const newer = typeof formatVersion === "number" && formatVersion > FORMAT_VERSION;
  const hint = newer
    ? `. It was written by myelin ${show(writer)}, which is newer than this one, ${version}`
    : "";
  throw new FormatError(`expected formatVersion ${FORMAT_VERSION}, received ${show(formatVersion)}${hint}`);
}

/** The embeddings of layers and of those in them, in order, as text. */
const embeddingsIn = (layers: unknown): string[] =>
  Array.isArray(layers)
    ? layers.flatMap((layer) =>
        layer?.type === "embedding" ? [`${layer.column}: ${layer.categories}`] : embeddingsIn(layer?.layers),
      )
    : [];

/** Checks that the embeddings of a network take the numbers of categories that the preparation writes. */
function checkEmbeddings(
  { layers }: { readonly layers: unknown },
  { lookups }: Preparation,
  place: string,
): void {
  const expected = lookups.toReversed().map(({ column: input, categories }) => `${input}: ${categories}`);
  const first = Array.isArray(layers) ? layers.slice(0, expected.length) : [];
  if (String(embeddingsIn(first)) === String(expected) && embeddingsIn(layers).length === expected.length)
    return;
  throw new FormatError(
    `${place}: expected ${expected.length} embeddings for the inputs of its columns, received others`,
  );
}

function build(
  checked: Written,
  source: NetworkSource,
  options: { readonly kernel?: KernelChoice },
): TableParts {
  const made: Model[] = [];
  try {
    const targets = checked.targets.map((entry, at): TrainedTarget => {
      const { description, scores: own, baseline, parts, networks, bags, quantiles, ...rest } = entry;
      const opened = parts.map(({ steps, center, scale }) => ({
        preparation: new Preparation(steps),
        center,
        scale,
      }));
      const openOne =
        (outputs: number) =>
        ({ number, part, bag, architecture }: WrittenNetwork): TableNetwork => {
          const { preparation } = opened[part];
          const saved = readNetwork(source, architecture, `${number}.`);
          checkEmbeddings(saved.configuration, preparation, `target ${at}: network ${number}`);
          const model = modelOf(saved, options);
          made.push(model);
          if (model.inputs === preparation.inputs && model.outputs === outputs) return { model, part, bag };
          throw new FormatError(
            `target ${at}: network ${number}: expected ${preparation.inputs} inputs and ${outputs} outputs, received ${model.inputs} and ${model.outputs}`,
          );
        };
      const learned: Omit<Learned, "outOfFold"> = {
        ...rest,
        // Fields that are undefined are left out by the check.
        bags: bags as readonly TrainedBag[],
        parts: opened,
        networks: networks.map(openOne(description.classes?.length ?? 1)),
        ...(quantiles && {
          quantiles: {
            levels: description.quantiles ?? [],
            shifts: quantiles.shifts,
            networks: quantiles.networks.map(openOne(1)),
          },
        }),
      };
      return { description, scores: own, baseline, learned };
    });
    const { columns, seed, rows, notes, background, changes } = checked;
    return {
      ...{ columns, targets, seed, rows, notes, background: background as Background | undefined },
      ...(changes && { changes }),
    };
  } catch (error) {
    for (const model of made) model.dispose();
    throw error;
  }
}
