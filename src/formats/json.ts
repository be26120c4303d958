/** A model as plain JSON, and back. */
import { FormatError, MyelinError, notFinite, OptionError, ShapeError, show } from "../errors.ts";
import { checkNames } from "../options.ts";
import {
  ARCHITECTURE,
  type Architecture,
  type Configuration,
  configure,
  countSlots,
  shapes,
} from "../program.ts";
import { readSeed } from "../seed.ts";
import { fromLayers, type LayerWeights } from "../weights.ts";

/** A model as plain JSON. */
export interface ModelJSON extends Configuration {
  readonly format: "myelin-model";
  readonly formatVersion: number;
  readonly seed: number;
  /** How far training has come: whole epochs, and steps in all. */
  readonly training: { readonly epochs: number; readonly steps: number };
  readonly weights: LayerWeights[];
  /** The optimizer's slots, each in the order of the weights; empty where it has none. */
  readonly optimizerState: number[];
}

/** What a model is made of again. */
export interface SavedModel {
  readonly architecture: Architecture;
  readonly seed: number;
  readonly parameters: Float32Array;
  readonly optimizerState: Float32Array;
  readonly epochs: number;
  readonly steps: number;
}

const FORMAT = "myelin-model";
const FORMAT_VERSION = 1;
/**
 * What training may have counted up to when it comes with a file: far beyond any, and counting on stays
 * exact.
 */
const MOST_COUNTED = 2 ** 52;

/** The JSON of a model. */
export function writeJSON(model: Omit<ModelJSON, "format" | "formatVersion">): ModelJSON {
  return { format: FORMAT, formatVersion: FORMAT_VERSION, ...model };
}

/** Reads and checks all of a model's JSON before anything is made of it, or throws a {@link FormatError}. */
export function readJSON(json: unknown): SavedModel {
  const { weights, optimizerState, training, ...rest } = parse(json);
  try {
    checkNames(rest, [...ARCHITECTURE, "seed"], "model");
    const architecture = rest as unknown as Architecture & { seed: number };
    const seed = readSeed(architecture.seed, "model: seed");
    // Before the model takes memory: its sizes may be anything, its weights are here.
    const configuration = configure(architecture);
    const parameters = fromLayers(shapes(configuration), weights, "weights");
    const slots = countSlots(configuration) * parameters.length;
    const state = readNumbers(optimizerState, slots, "optimizerState");
    const [epochs, steps] = readTraining(training);
    return { architecture, seed, parameters, optimizerState: state, epochs, steps };
  } catch (error) {
    if (!(error instanceof MyelinError)) throw error;
    throw new FormatError(`fromJSON: ${error.message}`, { cause: error });
  }
}

/** Reads a model's JSON as far as it goes before the architecture is known. */
function parse(json: unknown): Record<string, unknown> {
  let value = json;
  if (typeof json === "string") {
    try {
      value = JSON.parse(json);
    } catch (error) {
      throw new FormatError(`fromJSON: this is no JSON: ${(error as Error).message}`, { cause: error });
    }
  }
  if (value === null || typeof value !== "object" || (value as { format?: unknown }).format !== FORMAT) {
    throw new FormatError(`fromJSON: expected an object with format "${FORMAT}", received ${show(value)}`);
  }
  const { format: _, formatVersion, ...rest } = value as Record<string, unknown>;
  if (formatVersion !== FORMAT_VERSION) {
    const newer = typeof formatVersion === "number" && formatVersion > FORMAT_VERSION;
    const hint = newer ? "; it was written by a newer version of myelin" : "";
    throw new FormatError(
      `fromJSON: expected formatVersion ${FORMAT_VERSION}, received ${show(formatVersion)}${hint}`,
    );
  }
  return rest;
}

function readNumbers(value: unknown, length: number, place: string): Float32Array {
  if (!Array.isArray(value) || value.length !== length) {
    throw new ShapeError(`${place}: expected an array of ${length}, received ${show(value)}`);
  }
  const numbers = Float32Array.from(value, (entry) => (typeof entry === "number" ? entry : Number.NaN));
  const wrong = numbers.findIndex((number) => !Number.isFinite(number));
  if (wrong >= 0) throw notFinite(`${place}: value ${wrong}`, value[wrong]);
  return numbers;
}

function readCount(value: unknown, place: string): number {
  if (Number.isInteger(value) && (value as number) >= 0 && (value as number) <= MOST_COUNTED) {
    return value as number;
  }
  throw new OptionError(`${place}: expected a whole number from 0 to 2^52, received ${show(value)}`);
}

function readTraining(value: unknown): [epochs: number, steps: number] {
  const { epochs, steps } = (value ?? {}) as { epochs?: unknown; steps?: unknown };
  return [readCount(epochs, "training: epochs"), readCount(steps, "training: steps")];
}
