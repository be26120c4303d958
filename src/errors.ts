/**
 * The errors of Myelin: one class for each kind of cause, each a {@link MyelinError} with a `code`.
 *
 * A message says where the error is, what was expected and what was received. Bad input is refused before
 * anything changes: the model stays as it was.
 */

/**
 * The base class of all errors that this package throws.
 *
 * @example
 * ```ts
 * try {
 *   model.predict([1, 2, 3]);
 * } catch (error) {
 *   if (error instanceof MyelinError) console.log(error.code); // MYELIN_SHAPE
 * }
 * ```
 */
export class MyelinError extends Error {
  /** A constant for programs to compare, like `MYELIN_SHAPE`. */
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

/** A value in the data is not a finite number, or the data is empty. */
export class DataError extends MyelinError {
  constructor(message: string) {
    super("MYELIN_DATA", message);
  }
}

/** Input from outside has the wrong format: JSON that does not describe a model, for instance. */
export class FormatError extends MyelinError {
  constructor(message: string, options?: ErrorOptions) {
    super("MYELIN_FORMAT", message, options);
  }
}

/** A file cannot be read or written; `cause` is the system's error. An existing file keeps its content. */
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

/** The requested kernel is not available, a kernel refused a call, or something does not fit in memory. */
export class KernelError extends MyelinError {
  constructor(message: string, options?: ErrorOptions) {
    super("MYELIN_KERNEL", message, options);
  }
}

/**
 * The loss, a gradient norm that is to be clipped, or a weight at an epoch's end is no longer a finite
 * number. The weights are those of the last complete epoch, or those from before the training.
 */
export class DivergenceError extends MyelinError {
  /** The epoch of the divergence, counted from 0 over the model's life. */
  readonly epoch: number;
  /** The step within that epoch, from 0. */
  readonly step: number;

  constructor(message: string, epoch: number, step: number) {
    super("MYELIN_DIVERGENCE", message);
    this.epoch = epoch;
    this.step = step;
  }
}

/** Returns what `read` returns; the message of an error about its input begins with `place`. */
export function within<T>(place: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    const family = [ShapeError, OptionError, DataError].find((family) => error instanceof family);
    throw family === undefined ? error : new family(`${place}: ${(error as Error).message}`);
  }
}

/** Returns what `make` returns; an allocation that fails is a {@link KernelError} with this message. */
export function withinMemory<T>(message: string, make: () => T): T {
  try {
    return make();
  } catch (error) {
    throw error instanceof RangeError ? new KernelError(message, { cause: error }) : error;
  }
}

/** Returns the error for a value that is not finite, or not as a 32-bit float; `hint` says what to do. */
export function notFinite(place: string, value: unknown, hint = ""): DataError {
  const tooLarge = Number.isFinite(value) ? ", too large for 32 bits" : "";
  return new DataError(`${place}: expected a finite number, received ${show(value)}${tooLarge}${hint}`);
}

/** Returns a value as an error message shows it: short. Never throws. */
export function show(value: unknown): string {
  if (typeof value === "string")
    return JSON.stringify(value.length > 60 ? `${value.slice(0, 57)}...` : value);
  if (typeof value === "function") return "a function";
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (value !== null && typeof value === "object") {
    // Reads the prototype's constructor, because an own property of that name may hold anything.
    const name = Object.getPrototypeOf(value)?.constructor?.name ?? "no prototype";
    // Only of a view: reading `length` throws on an object that merely has a typed array's prototype.
    const length = ArrayBuffer.isView(value) ? (value as { length?: number }).length : undefined;
    return length === undefined ? `an object (${name})` : `a ${name} of ${length}`;
  }
  const text = typeof value === "bigint" ? `${value}n` : String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
