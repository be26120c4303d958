/** What a saved model is, whatever it is written in: a description in plain JSON, and its numbers. */
import { FormatError, MyelinError, OptionError, ShapeError, show } from "../errors.ts";
import { checkNames } from "../options.ts";
import { ARCHITECTURE, type Architecture, type Configuration, configure } from "../program.ts";
import { readSeed } from "../seed.ts";
import { version } from "../version.ts";

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
  const { format: _, formatVersion, version: writer, ...rest } = value as Record<string, unknown>;
  if (formatVersion !== FORMAT_VERSION) {
    const newer = typeof formatVersion === "number" && formatVersion > FORMAT_VERSION;
    const which = typeof writer === "string" ? `, ${show(writer)}; this is ${show(version)}` : "";
    const hint = newer ? `; it was written by a newer version of myelin${which}` : "";
    throw new FormatError(`expected formatVersion ${FORMAT_VERSION}, received ${show(formatVersion)}${hint}`);
  }
  return rest;
}

/** Reads and checks the other fields, before any memory is taken for what they describe. */
export function readDescription({ training, history, ...rest }: Record<string, unknown>): Described {
  checkNames(rest, [...ARCHITECTURE, "seed"], "model");
  const { seed, ...architecture } = rest as unknown as Architecture & { seed: unknown };
  return {
    seed: readSeed(seed, "model: seed"),
    configuration: configure(architecture),
    training: readTraining(training),
    ...(history === undefined ? { history, ending: {} } : readHistory(history)),
  };
}

function readCount(value: unknown, place: string): number {
  if (Number.isInteger(value) && (value as number) >= 0 && (value as number) <= MOST_COUNTED) {
    return value as number;
  }
  throw new OptionError(`${place}: expected a whole number from 0 to 2^52, received ${show(value)}`);
}

function readTraining(value: unknown): TrainingDone {
  const { epochs, steps } = (value ?? {}) as { epochs?: unknown; steps?: unknown };
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
  const { length } = given[HISTORY[0]] as { length?: unknown };
  const lists = Object.entries(given).map(([name, list]) => [name, readList(list, length, name)] as const);
  return { history: Object.fromEntries(lists), ending: readEnding(ended, bestEpoch) };
}

function readList(list: unknown, length: unknown, name: string): number[] {
  if (!Array.isArray(list) || list.length !== length) {
    throw new ShapeError(
      `history: ${show(name)}: expected a list of ${show(length)}, received ${show(list)}`,
    );
  }
  return list.map((entry, at) => {
    if (entry === null) return Number.NaN;
    if (typeof entry === "number") return entry;
    throw new OptionError(`history: ${show(name)}: epoch ${at}: expected a number, received ${show(entry)}`);
  });
}

/** Reads a model; whatever is wrong with it is a {@link FormatError} that begins with the place. */
export function reading<T>(place: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof MyelinError)) throw error;
    throw new FormatError(`${place}: ${error.message}`, { cause: error });
  }
}
