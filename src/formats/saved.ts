/** The content of a saved model in any format: a description in plain JSON, and numbers. */
import { FormatError, KernelError, MyelinError, OptionError, ShapeError, show } from "../errors.ts";
import type { MetricEntry } from "../metrics/metric.ts";
import * as metrics from "../metrics/table.ts";
import { createLoss, shapes } from "../nn/program.ts";
import { checkNames, create, type Table } from "../options.ts";
import { readSeed } from "../seed.ts";
import { version } from "../version.ts";
import { ARCHITECTURE, type Architecture, type Configuration, configure } from "./configuration.ts";
import { withCurrentNames } from "./oldNames.ts";

/** How far training has come: the numbers of completed epochs and of updates. */
export interface TrainingDone {
  readonly epochs: number;
  readonly steps: number;
}

/** The lists of a history. Each has one entry for each epoch. */
export type Lists = { readonly [name: string]: readonly number[] };

/**
 * Why a training ended: all epochs are done; early stopping ran out of patience; the budget's time was up or
 * its target reached; the signal aborted; a hook, or the body of an `epochs` loop, stopped it; the loss was
 * not finite; or an error was thrown.
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
  /** The number of the epoch whose weights early stopping kept. */
  readonly bestEpoch?: number;
}

/** Everything that defines a saved model, except its numbers. */
export interface Described {
  readonly configuration: Configuration;
  readonly seed: number;
  readonly training: TrainingDone;
  /** The history of the last training, if there was one and it was saved. */
  readonly history: Lists | undefined;
  /** How that training ended. */
  readonly ending: Ending;
}

/** Everything that defines a saved model. */
export interface SavedModel extends Described {
  readonly parameters: Float32Array;
  /** The optimizer's slots, each in the order of the parameters; empty where there are none. */
  readonly optimizerState: Float32Array;
}

/** The description of a model as it is written: everything except its numbers. */
export interface ModelDescription extends Configuration {
  readonly format: "myelin-model";
  readonly formatVersion: number;
  /** The version of the package that wrote it. */
  readonly version: string;
  readonly seed: number;
  /** How far training has come: the numbers of completed epochs and of updates. */
  readonly training: TrainingDone;
  /** The history of the last training. null replaces numbers that were not finite. */
  readonly history?: { readonly [name: string]: readonly (number | null)[] } | Ending;
}

const FORMAT = "myelin-model";
const FORMAT_VERSION = 1;
/** The largest count that a file may have. It is far beyond any real count, and adding to it stays exact. */
const MOST_COUNTED = 2 ** 52;
/** The lists that every history has. Others, such as metrics, may follow. */
const HISTORY: readonly string[] = ["epoch", "loss", "learningRate", "seconds"];

/** Returns the description of a model. */
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

/** Checks that a value describes a model, in a known version. Returns the remaining fields. */
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

/** Reads and checks the remaining fields. Allocates no memory for the model that they describe. */
export function readDescription({ training, history, ...rest }: Record<string, unknown>): Described {
  checkNames(rest, [...ARCHITECTURE, "seed"], "model");
  const { seed, ...architecture } = {
    ...rest,
    layers: withCurrentNames((rest as { layers?: unknown }).layers),
  } as unknown as Architecture & { seed: unknown };
  const configuration = configure(architecture);
  checkConsistency(configuration);
  return {
    seed: readSeed(seed, "model: seed"),
    configuration,
    training: readTraining(training),
    ...(history === undefined ? { history, ending: {} } : readHistory(history)),
  };
}

/** Checks options against each other: the sizes from layer to layer, and that the metrics suit the loss. */
function checkConsistency(configuration: Configuration): void {
  const all = shapes(configuration);
  const { meaning } = createLoss(configuration);
  const problem = { ...meaning, outputs: all[all.length - 1].outputs };
  for (const metric of configuration.metrics)
    create("metric", metrics as Table<MetricEntry>, metric)(problem);
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
 * Calls `read`, which reads a model. Converts its errors to a {@link FormatError} that begins with the place,
 * or to a {@link KernelError} if the model does not fit in memory.
 */
export function asFormatErrors<T>(place: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof MyelinError)) throw error;
    const ErrorClass = error instanceof KernelError ? KernelError : FormatError;
    throw new ErrorClass(`${place}: ${error.message}`, { cause: error });
  }
}
