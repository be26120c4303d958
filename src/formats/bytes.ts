/**
 * A model as the bytes of a safetensors file, and back.
 *
 * The metadata `myelin` is the model's description as JSON. Each array of parameters is a tensor named by
 * layer and parameter, `0.weight`. Where the optimizer's state is kept, so is each of its slots:
 * `optimizer.1.0.weight` is slot 1 of `0.weight`.
 *
 * A checkpoint is such a file with the metadata `myelin-checkpoint` besides, which says how far the training has
 * come, and with the weights of its best epoch, if there is one: `best.0.weight`.
 */
import { FormatError, ShapeError, show } from "../errors.ts";
import { allocate } from "../memory.ts";
import { countSlots, countValues, shapes } from "../nn/program.ts";
import { type NamedParameter, namedParameters } from "../nn/weights.ts";
import { boolean, checkNames, completeOptions, type Values } from "../options.ts";
import { describeState, readState, type Snapshot, START_ANEW, type TrainingState } from "./checkpoint.ts";
import {
  type Pieces,
  type Place,
  readHeader,
  readValues,
  type Tensor,
  toPieces,
  write,
} from "./safetensors.ts";
import {
  checkFormat,
  type Described,
  describe,
  type ModelDescription,
  readDescription,
  reading,
  type SavedModel,
} from "./saved.ts";
import { parseStrictly } from "./strict-json.ts";

/** What to keep of a model besides what it is made of, its parameters, and how far training has come. */
export interface SaveOptions {
  /**
   * Whether to keep what the optimizer has for each parameter, so that training goes on with the same bits;
   * false by default: the tensors of the file are then the parameters and no others. A model that comes back
   * without it trains on from its weights with an optimizer that begins anew.
   */
  readonly optimizerState?: boolean | undefined;
  /**
   * Whether to keep the history of the last training; true by default. A file has room for one of about a
   * million epochs.
   */
  readonly history?: boolean | undefined;
}

const OPTIONS = { optimizerState: boolean({ default: false }), history: boolean({ default: true }) };

/** Checks what to keep and fills in the defaults. */
export function readSaveOptions(options: SaveOptions, call: string): Values<typeof OPTIONS> {
  checkNames(options, Object.keys(OPTIONS), call);
  return completeOptions(OPTIONS, options, call);
}

const METADATA = "myelin";
const CHECKPOINT = "myelin-checkpoint";

/** The tensors of the parameters, in their order. */
function parametersOf({ configuration }: Described): NamedParameter[] {
  return namedParameters(shapes(configuration));
}

/** The tensors of the optimizer's state, slot by slot. */
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

/** The tensors of the best epoch's parameters. */
function bestOf(parameters: readonly NamedParameter[]): NamedParameter[] {
  return parameters.map((tensor) => ({ ...tensor, name: `best.${tensor.name}` }));
}

function count(tensors: readonly NamedParameter[]): number {
  return tensors.reduce((sum, tensor) => sum + countValues(tensor), 0);
}

/** The tensors of a model: parameters, and the optimizer's state if it has any. */
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

/** The bytes of a model. */
export function writeBytes(model: SavedModel, call: string): Uint8Array<ArrayBuffer> {
  return write({ [METADATA]: JSON.stringify(describe(model)) }, tensorsOf(model), call);
}

/** The bytes of a checkpoint; its numbers are those of the snapshot, and no copies. */
export function writeSnapshot({ model, state, best }: Snapshot, call: string): Pieces {
  const metadata = { [METADATA]: JSON.stringify(describe(model)), [CHECKPOINT]: describeState(state) };
  const tensors = best === undefined ? [] : withValues(bestOf(parametersOf(model)), best);
  return toPieces(metadata, [...tensorsOf(model), ...tensors], call);
}

/** What the header of a model's file says, checked: the description and where the numbers are. */
interface Opened {
  readonly described: Described;
  readonly parameters: readonly Found[];
  /** Empty where the optimizer's state was not kept. */
  readonly slots: readonly Found[];
  /** Of a checkpoint. */
  readonly state: TrainingState | undefined;
  /** Empty where there are no parameters of a best epoch. */
  readonly best: readonly Found[];
}

interface Found {
  readonly tensor: NamedParameter;
  readonly place: Place;
}

/**
 * Reads and checks all that comes before the numbers in a file of `size` bytes, of which these are at least
 * the first. Sizes may be anything there, so this is done before memory is taken for any.
 */
function open(bytes: Uint8Array, size: number): Opened {
  const { metadata, tensors } = readHeader(bytes, size);
  const text = metadata.get(METADATA);
  if (metadata.has("myelin-table")) {
    throw new FormatError("this is the model of a table. Fix: read it with loadTable of myelin/table");
  }
  if (text === undefined) {
    const names = Array.from(tensors.keys()).slice(0, 5).map(show).join(", ");
    throw new FormatError(
      `this is a safetensors file, but none of a model: it has no metadata "${METADATA}", only tensors (${names} …)`,
    );
  }
  const described = readDescription(checkFormat(parseStrictly(text, `metadata "${METADATA}"`)));
  const parameters = parametersOf(described);
  const slots = slotsOf(described, parameters);
  const told = metadata.get(CHECKPOINT);
  const state = told === undefined ? undefined : readState(parseStrictly(told, `metadata "${CHECKPOINT}"`));
  const best = state?.earlyStopping === undefined ? [] : bestOf(parameters);
  const kept = (list: readonly NamedParameter[]) => (list.some(({ name }) => tensors.has(name)) ? list : []);
  const expected = [...parameters, ...kept(slots), ...kept(best)];
  const names = new Set(expected.map(({ name }) => name));
  const other = Array.from(tensors.keys()).find((name) => !names.has(name));
  if (other !== undefined) throw new ShapeError(`tensor ${show(other)}: the model has none of this name`);
  const find = (tensor: NamedParameter) => ({ tensor, place: findTensor(tensors, tensor) });
  return {
    described,
    parameters: parameters.map(find),
    slots: kept(slots).map(find),
    state,
    best: kept(best).map(find),
  };
}

function findTensor(tensors: ReadonlyMap<string, Place>, { name, shape }: NamedParameter): Place {
  const place = tensors.get(name);
  if (place === undefined) throw new ShapeError(`tensor "${name}" is missing`);
  if (String(place.shape) !== String(shape)) {
    throw new ShapeError(`tensor "${name}": expected shape [${shape}], received [${place.shape}]`);
  }
  return place;
}

function readAll(bytes: Uint8Array, found: readonly Found[]): Float32Array {
  const values = allocate(count(found.map(({ tensor }) => tensor)), "the numbers of the file");
  for (const { tensor, place } of found) {
    const target = values.subarray(tensor.start, tensor.start + countValues(tensor));
    readValues(bytes, place, target, tensor.name);
  }
  return values;
}

/**
 * Looks whether a file of `size` bytes that begins with these can be a model's, before the rest is read.
 *
 * @throws FormatError if not.
 */
export function checkBeginning(bytes: Uint8Array, size: number, place: string): void {
  reading(place, () => open(bytes, size));
}

/** Reads and checks all of a model's bytes before anything is made of it, or throws a {@link FormatError}. */
export function readBytes(bytes: unknown, place: string): SavedModel {
  return reading(place, () => {
    const view = toView(bytes);
    return modelOf(view, open(view, view.length));
  });
}

/** Does the same with a checkpoint's. */
export function readSnapshot(bytes: unknown, place: string): Snapshot {
  return reading(place, () => {
    const view = toView(bytes);
    const opened = open(view, view.length);
    const { state, best } = opened;
    if (state === undefined) {
      throw new FormatError(
        `this is a model, but no checkpoint of a training: Model.fromBytes or load read it. ${START_ANEW}`,
      );
    }
    checkTogether(opened, state);
    return { model: modelOf(view, opened), state, best: best.length > 0 ? readAll(view, best) : undefined };
  });
}

/** Checks that a checkpoint has all that its state speaks of. */
function checkTogether({ described, slots, best }: Opened, { done, earlyStopping }: TrainingState): void {
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
    const what = best.length > 0 ? "the figure of the best epoch is" : "the weights of the best epoch are";
    throw new FormatError(`checkpoint: ${what} missing`);
  }
}

function modelOf(bytes: Uint8Array, { described, parameters, slots }: Opened): SavedModel {
  return { ...described, parameters: readAll(bytes, parameters), optimizerState: readAll(bytes, slots) };
}

/** Bytes from whatever realm they come. */
export function toView(bytes: unknown): Uint8Array {
  const kind = Object.prototype.toString.call(bytes);
  if (kind === "[object Uint8Array]") return bytes as Uint8Array;
  if (kind === "[object ArrayBuffer]") return new Uint8Array(bytes as ArrayBuffer);
  throw new FormatError(`expected a Uint8Array or an ArrayBuffer, received ${show(bytes)}`);
}

/** A network that is part of a larger file: its description, and its parameters as tensors. */
export interface WrittenNetwork {
  readonly description: ModelDescription;
  readonly tensors: readonly Tensor[];
}

/** Describes a network for a larger file; `prefix` begins the names of its tensors. */
export function writeNetwork(model: SavedModel, prefix: string): WrittenNetwork {
  const tensors = withValues(parametersOf(model), model.parameters);
  return {
    description: describe(model),
    tensors: tensors.map((tensor) => ({ ...tensor, name: `${prefix}${tensor.name}` })),
  };
}

/** The bytes of a larger file, and where its tensors are. */
export interface NetworkSource {
  readonly bytes: Uint8Array;
  readonly tensors: ReadonlyMap<string, Place>;
}

/** Reads and checks a network that `writeNetwork` wrote. */
export function readNetwork(
  { bytes, tensors }: NetworkSource,
  description: unknown,
  prefix: string,
): SavedModel {
  const described = readDescription(checkFormat(description));
  const found = parametersOf(described).map((tensor) => ({
    tensor,
    place: findTensor(tensors, { ...tensor, name: `${prefix}${tensor.name}` }),
  }));
  return { ...described, parameters: readAll(bytes, found), optimizerState: new Float32Array(0) };
}
