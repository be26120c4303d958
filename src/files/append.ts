/** Files that grow by whole records. */
import { closeSync, fstatSync, openSync, readSync, truncateSync, writeSync } from "node:fs";
import { fileError } from "./paths.ts";

/**
 * An open file that grows by records. Each is written in one call of the system, so that it is whole or
 * absent when the process is killed, and of one that does not fit onto the disk nothing stays. It is for
 * what is written often: calls wait for the system and do not wait for the disk.
 */
export class AppendedFile {
  readonly #path: string;
  readonly #beginning: string;
  readonly #descriptor: number;

  /**
   * Opens it, or makes it. With `fresh` it has to be a new one.
   *
   * @throws FileError that begins with the place and the path. A folder, a device or a pipe cannot be had.
   */
  constructor(place: string, path: string, { fresh = false } = {}) {
    this.#path = path;
    this.#beginning = `${place}: ${JSON.stringify(path)} cannot be written`;
    this.#descriptor = this.#named(() => openSync(path, fresh ? "ax+" : "a+"));
    this.#named(() => {
      if (fstatSync(this.#descriptor).isFile()) return;
      closeSync(this.#descriptor);
      throw new Error("it is no regular file");
    });
  }

  #named<T>(run: () => T): T {
    try {
      return run();
    } catch (error) {
      throw fileError(this.#beginning, error);
    }
  }

  /** The last byte, or undefined of an empty file. */
  get lastByte(): number | undefined {
    return this.#named(() => {
      const { size } = fstatSync(this.#descriptor);
      const byte = new Uint8Array(1);
      return readSync(this.#descriptor, byte, 0, 1, Math.max(0, size - 1)) === 1 ? byte[0] : undefined;
    });
  }

  /** Takes away all that it holds. By its path: on Windows a file that is open to append is not cut. */
  clear(): void {
    this.#named(() => truncateSync(this.#path));
  }

  /** Appends a record. */
  append(record: Uint8Array): void {
    this.#named(() => {
      const written = writeSync(this.#descriptor, record);
      if (written === record.length) return;
      // A part of it did fit. The system says why no more did when it is asked to write the rest.
      const { size } = fstatSync(this.#descriptor);
      try {
        if (writeSync(this.#descriptor, record, written) === record.length - written) return;
        throw new Error("it takes parts of what is written");
      } catch (error) {
        truncateSync(this.#path, size - written);
        throw error;
      }
    });
  }

  close(): void {
    this.#named(() => closeSync(this.#descriptor));
  }
}
