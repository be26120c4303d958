/** A model as plain JSON, and back. */
import { FormatError, notFinite, ShapeError, show } from "../errors.ts";
import { checkLists } from "../memory.ts";
import { countSlots, shapes } from "../nn/program.ts";
import { fromLayers, type LayerWeights, toLayers } from "../nn/weights.ts";
import {
  asFormatErrors,
  checkFormat,
  describe,
  type ModelDescription,
  readDescription,
  type SavedModel,
} from "./saved.ts";

/** A model as plain JSON. */
export interface ModelJSON extends ModelDescription {
  readonly weights: LayerWeights[];
  /** The optimizer's slots, each in the order of the weights; empty if it has none. */
  readonly optimizerState: number[];
}

/** Returns a model as JSON. */
export function writeJSON(model: SavedModel): ModelJSON {
  const { length } = model.optimizerState;
  checkLists(length, 1, `toJSON: optimizer state of ${length} numbers as a list`);
  return {
    ...describe(model),
    weights: toLayers(shapes(model.configuration), model.parameters),
    optimizerState: Array.from(model.optimizerState),
  };
}

/** Reads the JSON of a model and checks all of it, or throws a {@link FormatError}. */
export function readJSON(json: unknown): SavedModel {
  return asFormatErrors("fromJSON", () => {
    const { weights, optimizerState, ...rest } = checkFormat(parse(json));
    checkDepth(rest.layers);
    const described = readDescription(rest);
    // Checks the described sizes against the weights that exist, before memory is allocated for the model.
    const parameters = fromLayers(shapes(described.configuration), weights, "weights");
    const slots = countSlots(described.configuration) * parameters.length;
    return { ...described, parameters, optimizerState: readNumbers(optimizerState, slots, "optimizerState") };
  });
}

function parse(json: unknown): unknown {
  if (typeof json !== "string") return json;
  try {
    return JSON.parse(json);
  } catch (error) {
    throw new FormatError(`expected JSON: ${(error as Error).message}`, { cause: error });
  }
}

/** The deepest nesting of layers, as in a file. Deeper or cyclic objects would overflow the stack. */
const MOST_DEPTH = 256;

function checkDepth(value: unknown, depth = 0): void {
  if (value === null || typeof value !== "object") return;
  if (depth === MOST_DEPTH) throw new FormatError(`layers: expected at most ${MOST_DEPTH} levels`);
  for (const part of Object.values(value)) checkDepth(part, depth + 1);
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
