/**
 * Recognizes typed arrays by their internal slots: arrays of another realm count, and own properties that
 * shadow those of the prototype do not matter.
 */
import { DataError, withinMemory } from "../errors.ts";
import { checkMemory } from "../memory.ts";

const getter = (key: PropertyKey) =>
  Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), key)!.get!;
const kindGetter = getter(Symbol.toStringTag);
const lengthGetter = getter("length");
const bufferGetter = getter("buffer");

/** Returns "Float32Array" and the like; undefined for a value that is not a typed array. */
export const kindOf = (value: unknown): string | undefined => kindGetter.call(value);

/** Returns the number of values in a typed array. */
export const lengthOf = (array: ArrayLike<number>): number => lengthGetter.call(array);

/** Returns whether the value is a typed array of numbers, not of BigInts. */
export function isNumberArray(value: unknown): value is ArrayLike<number> & ArrayBufferView {
  const kind = kindOf(value);
  return kind !== undefined && !kind.startsWith("Big");
}

/** Returns whether the value is a Float32Array of this realm without an own length. */
export const isPlainFloats = (array: unknown): array is Float32Array =>
  kindOf(array) === "Float32Array" &&
  Object.getPrototypeOf(array) === Float32Array.prototype &&
  !Object.hasOwn(array as object, "length");

/**
 * Returns whether a buffer was transferred away. Node 20 has no property for this, but refuses to make a
 * view.
 */
function isDetached(buffer: ArrayBufferLike): boolean {
  if (buffer.byteLength > 0) return false;
  try {
    return new Uint8Array(buffer).length > 0;
  } catch {
    return true;
  }
}

/** Refuses a typed array whose buffer was transferred away. */
export function checkAttached(array: ArrayLike<number>, place: string): void {
  if (lengthOf(array) > 0 || !isDetached(bufferGetter.call(array))) return;
  throw new DataError(`${place}: the typed array is detached: its values were transferred away`);
}

/** Refuses an array whose memory may change between checking and copying its values. */
export function checkOwned(array: ArrayLike<number>, place: string): void {
  checkAttached(array, place);
  const buffer: ArrayBufferLike & { readonly resizable?: boolean } = bufferGetter.call(array);
  const isShared = Object.prototype.toString.call(buffer) === "[object SharedArrayBuffer]";
  if (!isShared && !buffer.resizable) return;
  const kind = isShared ? "SharedArrayBuffer" : "resizable ArrayBuffer";
  throw new DataError(
    `${place}: the typed array is a view of a ${kind}, which may change; pass a copy, like array.slice()`,
  );
}

/** Returns an array of zeros, or throws a {@link KernelError} if it does not fit in memory. */
export function floats(length: number, name: string): Float32Array<ArrayBuffer> {
  const what = `${name}: ${length} values`;
  checkMemory(length * Float32Array.BYTES_PER_ELEMENT, what);
  return withinMemory(`${what} do not fit in memory`, () => new Float32Array(length));
}
