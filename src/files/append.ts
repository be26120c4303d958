/** Files that grow by whole records. */
import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  truncateSync,
  writeSync,
} from "node:fs";
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
   * Opens the file, or makes it. `fresh` refuses a file that is there, `empty` removes its content.
   *
   * @throws FileError that begins with the place and the path, also for a folder, a device or a pipe.
   */
  constructor(place: string, path: string, { fresh = false, empty = false } = {}) {
    this.#path = path;
    const { O_APPEND, O_CREAT, O_EXCL, O_RDWR } = constants;
    const flags = O_APPEND | O_CREAT | O_RDWR | (fresh ? O_EXCL : 0);
    this.#beginning = `${place}: ${JSON.stringify(path)} cannot be written`;
    this.#descriptor = this.#named(() => openSync(path, flags));
    this.#named(() => {
      if (!fstatSync(this.#descriptor).isFile()) {
        closeSync(this.#descriptor);
        throw new Error("it is no regular file");
      }
      // Deno opens no file to append that it also empties.
      if (empty) this.#cut(0);
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

  /**
   * Cuts the file to a length. Another file may have the path by now, so that only Windows goes by the path: it
   * cuts no file that is open to append.
   */
  #cut(length: number): void {
    if (process.platform === "win32") truncateSync(this.#path, length);
    else ftruncateSync(this.#descriptor, length);
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
        this.#cut(size - written);
        throw error;
      }
    });
  }

  close(): void {
    this.#named(() => closeSync(this.#descriptor));
  }
}
