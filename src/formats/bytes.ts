/**
 * Writes a model as the bytes of a safetensors file, and reads it.
 *
 * The metadata `myelin` is the model's description as JSON. Each array of parameters is a tensor, named by
 * layer and parameter: `0.weight`. If the optimizer's state is saved, so is each of its slots:
 * `optimizer.1.0.weight` is slot 1 of `0.weight`.
 *
 * A checkpoint is such a file with the additional metadata `myelin-checkpoint`, which describes the state of
 * the training, and with the weights of the best epoch, if there is one: `best.0.weight`.
 */
import { FormatError, ShapeError, show } from "../errors.ts";
import { allocate } from "../memory.ts";
import { countSlots, countValues, shapes } from "../nn/program.ts";
import { type NamedParameter, namedParameters } from "../nn/weights.ts";
import { boolean, checkNames, completeOptions, type OptionValues } from "../options.ts";
import { describeState, readState, type Snapshot, START_ANEW, type TrainingState } from "./checkpoint.ts";
import {
  type Pieces,
  readHeader,
  readValues,
  type Tensor,
  type TensorLocation,
  toPieces,
  write,
} from "./safetensors.ts";
import {
  asFormatErrors,
  checkFormat,
  type Described,
  describe,
  readDescription,
  type SavedModel,
} from "./saved.ts";
import { parseStrictly } from "./strictJson.ts";

/** What to save of a model besides its architecture, its parameters, and how far training has come. */
export interface SaveOptions {
  /**
   * Whether to save the optimizer's state, so that training continues with the same bits; false by default.
   * The file's tensors are then only the parameters, and a loaded model continues training from its weights
   * with a new optimizer state.
   */
  readonly optimizerState?: boolean | undefined;
  /**
   * Whether to save the history of the last training; true by default. A file has room for the history of
   * about a million epochs.
   */
  readonly history?: boolean | undefined;
}

const OPTIONS = { optimizerState: boolean({ default: false }), history: boolean({ default: true }) };

/** Checks the options and fills in the defaults. */
export function readSaveOptions(options: SaveOptions, call: string): OptionValues<typeof OPTIONS> {
  checkNames(options, Object.keys(OPTIONS), call);
  return completeOptions(OPTIONS, options, call);
}

const METADATA = "myelin";
const CHECKPOINT = "myelin-checkpoint";

/** Returns the tensors of the parameters, in their order. */
function parametersOf({ configuration }: Described): NamedParameter[] {
  return namedParameters(shapes(configuration));
}

/** Returns the tensors of the optimizer's state, slot by slot. */
function slotsOf(described: Described, parameters: readonly NamedParameter[]): NamedParameter[] {
  const slots = Array.from({ length: countSlots(described.configuration) }, (_, slot) => slot);
  const total = count(parameters);
  return slots.flatMap((slot) =>
    parameters.map(({ name, shape, start }) => ({
      name: `optimizer.${slot}.${name}`,
      shape,
      start: slot * total + start,
    })),
  );
}

/** Returns the tensors of the best epoch's parameters. */
function bestOf(parameters: readonly NamedParameter[]): NamedParameter[] {
  return parameters.map((tensor) => ({ ...tensor, name: `best.${tensor.name}` }));
}

function count(tensors: readonly NamedParameter[]): number {
  return tensors.reduce((sum, tensor) => sum + countValues(tensor), 0);
}

/** Returns the tensors of a model: its parameters, and the optimizer's state if it has any. */
function tensorsOf(model: SavedModel): Tensor[] {
  const parameters = parametersOf(model);
  const slots = model.optimizerState.length === 0 ? [] : slotsOf(model, parameters);
  return [...withValues(parameters, model.parameters), ...withValues(slots, model.optimizerState)];
}

function withValues(tensors: readonly NamedParameter[], values: Float32Array): Tensor[] {
  return tensors.map((tensor) => ({
    ...tensor,
    values: values.subarray(tensor.start, tensor.start + countValues(tensor)),
  }));
}

/** Returns the bytes of a model. */
export function writeBytes(model: SavedModel, call: string): Uint8Array<ArrayBuffer> {
  return write({ [METADATA]: JSON.stringify(describe(model)) }, tensorsOf(model), call);
}

/** Returns the bytes of a checkpoint, without copying the numbers of the snapshot. */
export function writeSnapshot({ model, state, best }: Snapshot, call: string): Pieces {
  const metadata = { [METADATA]: JSON.stringify(describe(model)), [CHECKPOINT]: describeState(state) };
  const tensors = best === undefined ? [] : withValues(bestOf(parametersOf(model)), best);
  return toPieces(metadata, [...tensorsOf(model), ...tensors], call);
}

/** The checked header of a model's file: the description and where the numbers are. */
interface ModelHeader {
  readonly described: Described;
  readonly parameters: readonly LocatedTensor[];
  /** Empty if the optimizer's state was not saved. */
  readonly slots: readonly LocatedTensor[];
  /** Defined for a checkpoint. */
  readonly state: TrainingState | undefined;
  /** Empty if no parameters of a best epoch were saved. */
  readonly best: readonly LocatedTensor[];
}

interface LocatedTensor {
  readonly tensor: NamedParameter;
  readonly location: TensorLocation;
}

/**
 * Reads and checks the header of a file of `size` bytes, of which `bytes` contains at least the header. The
 * sizes in a header cannot be trusted, so this does not allocate memory for tensors.
 */
function readModelHeader(bytes: Uint8Array, size: number): ModelHeader {
  const { metadata, tensors } = readHeader(bytes, size);
  const text = metadata.get(METADATA);
  if (text === undefined) {
    const names = Array.from(tensors.keys()).slice(0, 5).map(show).join(", ");
    throw new FormatError(
      `this is a safetensors file, but not a model: it has no metadata "${METADATA}", only tensors (${names} …)`,
    );
  }
  const described = readDescription(checkFormat(parseStrictly(text, `metadata "${METADATA}"`)));
  const parameters = parametersOf(described);
  const slots = slotsOf(described, parameters);
  const stateText = metadata.get(CHECKPOINT);
  const state =
    stateText === undefined ? undefined : readState(parseStrictly(stateText, `metadata "${CHECKPOINT}"`));
  const best = state?.earlyStopping === undefined ? [] : bestOf(parameters);
  const saved = (list: readonly NamedParameter[]) => (list.some(({ name }) => tensors.has(name)) ? list : []);
  const expected = [...parameters, ...saved(slots), ...saved(best)];
  const names = new Set(expected.map(({ name }) => name));
  const other = Array.from(tensors.keys()).find((name) => !names.has(name));
  if (other !== undefined) throw new ShapeError(`tensor ${show(other)}: the model has none of this name`);
  const find = (tensor: NamedParameter) => ({ tensor, location: findTensor(tensors, tensor) });
  return {
    described,
    parameters: parameters.map(find),
    slots: saved(slots).map(find),
    state,
    best: saved(best).map(find),
  };
}

function findTensor(
  tensors: ReadonlyMap<string, TensorLocation>,
  { name, shape }: NamedParameter,
): TensorLocation {
  const location = tensors.get(name);
  if (location === undefined) throw new ShapeError(`tensor "${name}" is missing`);
  if (String(location.shape) !== String(shape)) {
    throw new ShapeError(`tensor "${name}": expected shape [${shape}], received [${location.shape}]`);
  }
  return location;
}

function readAll(bytes: Uint8Array, located: readonly LocatedTensor[]): Float32Array {
  const values = allocate(count(located.map(({ tensor }) => tensor)), "the numbers of the file");
  for (const { tensor, location } of located) {
    const target = values.subarray(tensor.start, tensor.start + countValues(tensor));
    readValues(bytes, location, target, tensor.name);
  }
  return values;
}

/**
 * Checks that a file of `size` bytes which begins with `bytes` can be a model, before the rest is read.
 *
 * @throws FormatError if it cannot.
 */
export function checkBeginning(bytes: Uint8Array, size: number, place: string): void {
  asFormatErrors(place, () => readModelHeader(bytes, size));
}

/** Reads the bytes of a model and checks all of them, or throws a {@link FormatError}. */
export function readBytes(bytes: unknown, place: string): SavedModel {
  return asFormatErrors(place, () => {
    const view = toView(bytes);
    return modelOf(view, readModelHeader(view, view.length));
  });
}

/** Reads the bytes of a checkpoint and checks all of them, or throws a {@link FormatError}. */
export function readSnapshot(bytes: unknown, place: string): Snapshot {
  return asFormatErrors(place, () => {
    const view = toView(bytes);
    const header = readModelHeader(view, view.length);
    const { state, best } = header;
    if (state === undefined) {
      throw new FormatError(
        `this is a model, but not a checkpoint of a training; Model.fromBytes and load read it. ${START_ANEW}`,
      );
    }
    checkConsistency(header, state);
    return { model: modelOf(view, header), state, best: best.length > 0 ? readAll(view, best) : undefined };
  });
}

/** Checks that a checkpoint contains everything that its state refers to. */
function checkConsistency(
  { described, slots, best }: ModelHeader,
  { done, earlyStopping }: TrainingState,
): void {
  const { history, training } = described;
  const length = history?.epoch.length;
  if (length !== done) {
    throw new FormatError(`checkpoint: expected a history of ${done} epochs, received ${show(length)}`);
  }
  if (training.epochs < done) {
    throw new FormatError(`training: epochs: expected at least ${done}, received ${training.epochs}`);
  }
  if (slots.length === 0 && countSlots(described.configuration) > 0) {
    throw new FormatError("checkpoint: the optimizer's state is missing");
  }
  if (best.length > 0 !== (earlyStopping?.best !== undefined)) {
    const what = best.length > 0 ? "the loss of the best epoch is" : "the weights of the best epoch are";
    throw new FormatError(`checkpoint: ${what} missing`);
  }
}

function modelOf(bytes: Uint8Array, { described, parameters, slots }: ModelHeader): SavedModel {
  return { ...described, parameters: readAll(bytes, parameters), optimizerState: readAll(bytes, slots) };
}

/** Returns a view of bytes from any realm. */
function toView(bytes: unknown): Uint8Array {
  const kind = Object.prototype.toString.call(bytes);
  if (kind === "[object Uint8Array]") return bytes as Uint8Array;
  if (kind === "[object ArrayBuffer]") return new Uint8Array(bytes as ArrayBuffer);
  throw new FormatError(`expected a Uint8Array or an ArrayBuffer, received ${show(bytes)}`);
}
