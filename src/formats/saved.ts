/** What a saved model is, whatever it is written in: a description in plain JSON, and its numbers. */
import { FormatError, KernelError, MyelinError, OptionError, ShapeError, show } from "../errors.ts";
import type { Metric } from "../metrics/metric.ts";
import * as metrics from "../metrics/table.ts";
import { createLoss, shapes } from "../nn/program.ts";
import { checkNames, create, type Table } from "../options.ts";
import { readSeed } from "../seed.ts";
import { version } from "../version.ts";
import { ARCHITECTURE, type Architecture, type Configuration, configure } from "./configuration.ts";

/** How far training has come: whole epochs, and updates in all. */
export interface TrainingDone {
  readonly epochs: number;
  readonly steps: number;
}

/** A list for each thing that a history tells, with an entry for each epoch. */
export type Lists = { readonly [name: string]: readonly number[] };

/**
 * Why a training ended: all its epochs are done; early stopping lost patience; the budget's time was over or its
 * target reached; the signal aborted; a hook, or the body of an `epochs` loop, stopped it; the loss was no longer
 * finite; or an error was thrown.
 */
export type Ended = (typeof ENDED)[number];

const ENDED = [
  "epochs",
  "patience",
  "budget",
  "target",
  "signal",
  "callback",
  "divergence",
  "error",
] as const;

/** How a training ended. */
export interface Ending {
  readonly ended?: Ended;
  /** The number of the epoch whose weights early stopping has kept. */
  readonly bestEpoch?: number;
}

/** All that a model is made of again, its numbers aside. */
export interface Described {
  readonly configuration: Configuration;
  readonly seed: number;
  readonly training: TrainingDone;
  /** The history of the last training, if there was one and it was kept. */
  readonly history: Lists | undefined;
  /** How that training ended. */
  readonly ending: Ending;
}

/** All that a model is made of again. */
export interface SavedModel extends Described {
  readonly parameters: Float32Array;
  /** The optimizer's slots, each in the order of the parameters; empty where there are none. */
  readonly optimizerState: Float32Array;
}

/** What is written of a model besides its numbers. */
export interface ModelDescription extends Configuration {
  readonly format: "myelin-model";
  readonly formatVersion: number;
  /** The version of the package that wrote it. */
  readonly version: string;
  readonly seed: number;
  /** How far training has come: whole epochs, and updates in all. */
  readonly training: TrainingDone;
  /** The history of the last training; null stands for what was no finite number. */
  readonly history?: { readonly [name: string]: readonly (number | null)[] } | Ending;
}

const FORMAT = "myelin-model";
const FORMAT_VERSION = 1;
/**
 * What training may have counted up to when it comes with a file: far beyond any, and counting on stays
 * exact.
 */
const MOST_COUNTED = 2 ** 52;
/** The lists that every history has; metrics and the like come besides. */
const HISTORY: readonly string[] = ["epoch", "loss", "learningRate", "seconds"];

/** What is written of a model besides its numbers. */
export function describe({ configuration, seed, training, history, ending }: Described): ModelDescription {
  const written =
    history && Object.entries(history).map(([name, list]) => [name, list.map(finiteOrNull)] as const);
  return {
    format: FORMAT,
    formatVersion: FORMAT_VERSION,
    version,
    ...configuration,
    seed,
    training,
    ...(written && { history: { ...Object.fromEntries(written), ...ending } }),
  };
}

function finiteOrNull(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}

/** Looks whether this describes a model, and in a version that is known; gives the other fields. */
export function checkFormat(value: unknown): Record<string, unknown> {
  if (value === null || typeof value !== "object" || (value as { format?: unknown }).format !== FORMAT) {
    throw new FormatError(`expected an object with format "${FORMAT}", received ${show(value)}`);
  }
  const { format: _, formatVersion, version: writer = "", ...rest } = value as Record<string, unknown>;
  if (formatVersion !== FORMAT_VERSION) {
    const newer = typeof formatVersion === "number" && formatVersion > FORMAT_VERSION;
    const which = typeof writer === "string" ? `, ${show(writer)}; this is ${show(version)}` : "";
    const hint = newer ? `; it was written by a newer version of myelin${which}` : "";
    throw new FormatError(`expected formatVersion ${FORMAT_VERSION}, received ${show(formatVersion)}${hint}`);
  }
  if (typeof writer !== "string") {
    throw new FormatError(`version: expected a text, received ${show(writer)}`);
  }
  return rest;
}

/** Reads and checks the other fields, before any memory is taken for what they describe. */
export function readDescription({ training, history, ...rest }: Record<string, unknown>): Described {
  checkNames(rest, [...ARCHITECTURE, "seed"], "model");
  const { seed, ...architecture } = rest as unknown as Architecture & { seed: unknown };
  const configuration = configure(architecture);
  checkTogether(configuration);
  return {
    seed: readSeed(seed, "model: seed"),
    configuration,
    training: readTraining(training),
    ...(history === undefined ? { history, ending: {} } : readHistory(history)),
  };
}

/** Checks what follows from several options: sizes from layer to layer, and metrics that suit the loss. */
function checkTogether(configuration: Configuration): void {
  const all = shapes(configuration);
  const { meaning } = createLoss(configuration);
  const problem = { ...meaning, outputs: all[all.length - 1].outputs };
  for (const metric of configuration.metrics) create("metric", metrics as Table<Metric>, metric)(problem);
}

function readCount(value: unknown, place: string): number {
  if (Number.isInteger(value) && (value as number) >= 0 && (value as number) <= MOST_COUNTED) {
    return value as number;
  }
  throw new OptionError(`${place}: expected a whole number from 0 to 2^52, received ${show(value)}`);
}

function readTraining(value: unknown): TrainingDone {
  if (value === null || typeof value !== "object") {
    throw new OptionError(`training: expected an object of epochs and steps, received ${show(value)}`);
  }
  checkNames(value, ["epochs", "steps"], "training", "field");
  const { epochs, steps } = value as { epochs?: unknown; steps?: unknown };
  return {
    epochs: readCount(epochs, "training: epochs"),
    steps: readCount(steps, "training: steps"),
  };
}

function readEnding(ended: unknown, bestEpoch: unknown): Ending {
  if (ended !== undefined && !(ENDED as readonly unknown[]).includes(ended)) {
    throw new OptionError(`history: ended: expected one of ${ENDED.join(", ")}, received ${show(ended)}`);
  }
  return {
    ...(ended !== undefined && { ended: ended as Ended }),
    ...(bestEpoch !== undefined && { bestEpoch: readCount(bestEpoch, "history: bestEpoch") }),
  };
}

function readHistory(value: unknown): Pick<Described, "history" | "ending"> {
  if (value === null || typeof value !== "object") {
    throw new OptionError(`history: expected an object of lists, received ${show(value)}`);
  }
  const { ended, bestEpoch, ...given } = value as Record<string, unknown>;
  const missing = HISTORY.find((name) => !Object.hasOwn(given, name));
  if (missing !== undefined) throw new OptionError(`history: ${missing} is missing`);
  const lists = Object.entries(given).map(([name, list]) => [name, readList(list, name)] as const);
  const history: Lists = Object.fromEntries(lists);
  const { length } = history.epoch;
  const [other] = lists.filter(([, list]) => list.length !== length);
  if (other !== undefined) {
    throw new ShapeError(
      `history: ${show(other[0])}: expected a list of ${length}, received ${show(other[1])}`,
    );
  }
  return { history, ending: readEnding(ended, bestEpoch) };
}

function readList(list: unknown, name: string): number[] {
  const place = `history: ${show(name)}`;
  if (!Array.isArray(list)) throw new OptionError(`${place}: expected a list, received ${show(list)}`);
  return Array.from(list, (entry, at) => {
    if (name === "epoch") return readCount(entry, `${place}: epoch ${at}`);
    if (entry === null) return Number.NaN;
    if (typeof entry === "number") return entry;
    throw new OptionError(`${place}: epoch ${at}: expected a number, received ${show(entry)}`);
  });
}

/**
 * Reads a model. What is wrong with it is a {@link FormatError} that begins with the place; a model that does not
 * fit in memory is a {@link KernelError}.
 */
export function reading<T>(place: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof MyelinError)) throw error;
    const Family = error instanceof KernelError ? KernelError : FormatError;
    throw new Family(`${place}: ${error.message}`, { cause: error });
  }
}
