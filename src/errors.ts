/**
 * The errors of Myelin: one class a cause, all of them a {@link MyelinError} with a `code`.
 *
 * A message says where, what was expected and what came. Bad input gets its error before anything changes:
 * the model stays as it was.
 */

/** What all errors of this package have in common. */
export class MyelinError extends Error {
  /** A constant for programs to look at, like `MYELIN_SHAPE`. */
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}

/** A size does not fit: rows of unequal length, the wrong number of inputs, weights of another shape. */
export class ShapeError extends MyelinError {
  constructor(message: string) {
    super("MYELIN_SHAPE", message);
  }
}

/** An option is unknown, missing or out of its range. */
export class OptionError extends MyelinError {
  constructor(message: string) {
    super("MYELIN_OPTION", message);
  }
}

/** A value in the data is no finite number, or there is no data. */
export class DataError extends MyelinError {
  constructor(message: string) {
    super("MYELIN_DATA", message);
  }
}

/** Something read from outside is not what it should be, JSON that is no model for instance. */
export class FormatError extends MyelinError {
  constructor(message: string, options?: ErrorOptions) {
    super("MYELIN_FORMAT", message, options);
  }
}

/** A file cannot be read or written; `cause` is the system's error. Whatever stood in the file still does. */
export class FileError extends MyelinError {
  constructor(message: string, options?: ErrorOptions) {
    super("MYELIN_FILE", message, options);
  }
}

/** A call does not fit the model's state: a second training while one runs, any use after `dispose`. */
export class StateError extends MyelinError {
  constructor(message: string) {
    super("MYELIN_STATE", message);
  }
}

/** The kernel that was asked for cannot be had, or refused a call. */
export class KernelError extends MyelinError {
  constructor(message: string, options?: ErrorOptions) {
    super("MYELIN_KERNEL", message, options);
  }
}

/**
 * The loss, the norm of a gradient that is held within one, or a weight at an epoch's end is no longer a finite
 * number. The weights are those of the last whole epoch, or of before the training.
 */
export class DivergenceError extends MyelinError {
  /** The epoch in which it happened, counted from 0 over the model's life. */
  readonly epoch: number;
  /** The step of that epoch, from 0. */
  readonly step: number;

  constructor(message: string, epoch: number, step: number) {
    super("MYELIN_DIVERGENCE", message);
    this.epoch = epoch;
    this.step = step;
  }
}

/** Reads something that is given; errors about it say this place first. */
export function within<T>(place: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    const family = [ShapeError, OptionError, DataError].find((family) => error instanceof family);
    throw family === undefined ? error : new family(`${place}: ${(error as Error).message}`);
  }
}

/** Makes something that takes much memory; where that cannot be had, the error has this message. */
export function withinMemory<T>(message: string, make: () => T): T {
  try {
    return make();
  } catch (error) {
    throw error instanceof RangeError ? new KernelError(message, { cause: error }) : error;
  }
}

/** The error for a value that is no finite number, or none that 32 bits hold; `hint` says what to do. */
export function notFinite(place: string, value: unknown, hint = ""): DataError {
  const tooLarge = Number.isFinite(value) ? ", too large for 32 bits" : "";
  return new DataError(`${place}: expected a finite number, received ${show(value)}${tooLarge}${hint}`);
}

/** A value as an error message shows it: short, and never throwing. */
export function show(value: unknown): string {
  if (typeof value === "string")
    return JSON.stringify(value.length > 60 ? `${value.slice(0, 57)}...` : value);
  if (typeof value === "function") return "a function";
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (value !== null && typeof value === "object") {
    // The prototype's constructor: an own property of that name may hold anything.
    const name = Object.getPrototypeOf(value)?.constructor?.name ?? "no prototype";
    // Only of a view: an object with the prototype of a typed array throws where its length is read.
    const length = ArrayBuffer.isView(value) ? (value as { length?: number }).length : undefined;
    return length === undefined ? `an object (${name})` : `a ${name} of ${length}`;
  }
  return typeof value === "bigint" ? `${value}n` : String(value);
}
