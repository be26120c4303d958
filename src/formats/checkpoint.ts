/** The state of a training in a checkpoint, and its JSON. */
import { FormatError, OptionError, show } from "../errors.ts";
import { checkNames } from "../options.ts";
import type { SavedModel } from "./saved.ts";

/** How far a training has come, and the options that its steps depend on besides the model and the data. */
export interface TrainingState {
  /** The number of completed epochs of this training. */
  readonly done: number;
  /** Whether it ended before its last epoch. */
  readonly isOver: boolean;
  readonly rows: number;
  readonly batchSize: number;
  readonly accumulate: number;
  readonly shuffle: boolean;
  /** Whether `validationSplit`, if there is one, chose its rows at random. */
  readonly validationShuffle?: boolean | undefined;
  /** The learning rate that a hook has set, if any. */
  readonly learningRate: number | undefined;
  /**
   * What early stopping and schedules watch by default: `"validationLoss"` or `"loss"`. Undefined in files of
   * older versions, which always watched `"loss"` and whose `validationSplit` always took the last rows.
   */
  readonly monitor?: string | undefined;
  /** The state of early stopping, if the training has it. */
  readonly earlyStopping: { readonly best: number | undefined; readonly waited: number } | undefined;
}

/** The fix if a training cannot resume from a file. */
export const START_ANEW = "Fix: use another path, or delete the file to start anew";

/** The content of a checkpoint: a training that can be resumed. */
export interface Snapshot {
  readonly model: SavedModel;
  readonly state: TrainingState;
  /** The parameters of the best epoch, if there is early stopping and an epoch has ended. */
  readonly best: Float32Array | undefined;
}

const FORMAT_VERSION = 1;
const NAMES = [
  "formatVersion",
  "done",
  "isOver",
  "rows",
  "batchSize",
  "accumulate",
  "shuffle",
  "validationShuffle",
  "learningRate",
  "monitor",
  "earlyStopping",
];

/** Returns the state as JSON. Undefined fields are left out. */
export function describeState(state: TrainingState): string {
  return JSON.stringify({ formatVersion: FORMAT_VERSION, ...state });
}

function readCount(value: unknown, place: string, least = 0): number {
  if (Number.isSafeInteger(value) && (value as number) >= least) return value as number;
  throw new OptionError(`${place}: expected a whole number of at least ${least}, received ${show(value)}`);
}

function readFlag(value: unknown, place: string): boolean {
  if (typeof value === "boolean") return value;
  throw new OptionError(`${place}: expected true or false, received ${show(value)}`);
}

function readMonitor(value: unknown, place: string): string {
  if (value === "loss" || value === "validationLoss") return value;
  throw new OptionError(`${place}: expected "loss" or "validationLoss", received ${show(value)}`);
}

function readOptional<T>(
  value: unknown,
  read: (value: unknown, place: string) => T,
  place: string,
): T | undefined {
  return value === undefined ? undefined : read(value, place);
}

function readNumber(value: unknown, place: string, least: number): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value === "number" && Number.isFinite(value) && value >= least) return value;
  throw new OptionError(`${place}: expected a number, received ${show(value)}`);
}

function readWaiting(value: unknown): TrainingState["earlyStopping"] {
  if (value === undefined) return undefined;
  const place = "checkpoint: earlyStopping";
  checkNames(value, ["best", "waited"], place);
  const { best, waited } = value as { best?: unknown; waited?: unknown };
  return {
    best: readNumber(best, `${place}: best`, Number.NEGATIVE_INFINITY),
    waited: readCount(waited, `${place}: waited`),
  };
}

/** Reads and checks the parsed result of `describeState`. */
export function readState(given: unknown): TrainingState {
  checkNames(given, NAMES, "checkpoint");
  const { formatVersion, ...rest } = given as Record<string, unknown>;
  if (formatVersion !== FORMAT_VERSION) {
    const newer = typeof formatVersion === "number" && formatVersion > FORMAT_VERSION;
    const hint = newer ? "; it was written by a newer version of myelin" : "";
    throw new FormatError(
      `checkpoint: expected formatVersion ${FORMAT_VERSION}, received ${show(formatVersion)}${hint}`,
    );
  }
  return {
    done: readCount(rest.done, "checkpoint: done"),
    isOver: readFlag(rest.isOver, "checkpoint: isOver"),
    rows: readCount(rest.rows, "checkpoint: rows", 1),
    batchSize: readCount(rest.batchSize, "checkpoint: batchSize", 1),
    accumulate: readCount(rest.accumulate, "checkpoint: accumulate", 1),
    shuffle: readFlag(rest.shuffle, "checkpoint: shuffle"),
    validationShuffle: readOptional(rest.validationShuffle, readFlag, "checkpoint: validationShuffle"),
    monitor: readOptional(rest.monitor, readMonitor, "checkpoint: monitor"),
    learningRate: readNumber(rest.learningRate, "checkpoint: learningRate", 0),
    earlyStopping: readWaiting(rest.earlyStopping),
  };
}
