/** Appends whole records to files. */
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
 * An open file to which records are appended. Each record is written in one system call, so that it is
 * complete or absent if the process is killed. A record that does not fit on the disk is removed again. The
 * class suits frequent writes: calls do not wait until the data is on the disk.
 */
export class AppendedFile {
  readonly #path: string;
  readonly #beginning: string;
  readonly #descriptor: number;

  /**
   * Opens the file, or creates it. `fresh` refuses an existing file; `empty` removes its content.
   *
   * @throws FileError that begins with the place and the path, also if the path is not a regular file.
   */
  constructor(place: string, path: string, { fresh = false, empty = false } = {}) {
    this.#path = path;
    const { O_APPEND, O_CREAT, O_EXCL, O_RDWR } = constants;
    const flags = O_APPEND | O_CREAT | O_RDWR | (fresh ? O_EXCL : 0);
    this.#beginning = `${place}: ${JSON.stringify(path)} cannot be written`;
    this.#descriptor = this.#withPath(() => openSync(path, flags));
    this.#withPath(() => {
      if (!fstatSync(this.#descriptor).isFile()) {
        closeSync(this.#descriptor);
        throw new Error("it is not a regular file");
      }
      // Deno cannot open a file with both O_APPEND and O_TRUNC.
      if (empty) this.#truncate(0);
    });
  }

  #withPath<T>(run: () => T): T {
    try {
      return run();
    } catch (error) {
      throw fileError(this.#beginning, error);
    }
  }

  /** The last byte, or undefined if the file is empty. */
  get lastByte(): number | undefined {
    return this.#withPath(() => {
      const { size } = fstatSync(this.#descriptor);
      const byte = new Uint8Array(1);
      return readSync(this.#descriptor, byte, 0, 1, Math.max(0, size - 1)) === 1 ? byte[0] : undefined;
    });
  }

  /**
   * Truncates the file. Only Windows uses the path, where another file may be by now: it cannot truncate a
   * file that is open for appending.
   */
  #truncate(length: number): void {
    if (process.platform === "win32") truncateSync(this.#path, length);
    else ftruncateSync(this.#descriptor, length);
  }

  /** Appends a record. */
  append(record: Uint8Array): void {
    this.#withPath(() => {
      const written = writeSync(this.#descriptor, record);
      if (written === record.length) return;
      // Only a part was written. Writing the rest makes the system report the reason.
      const { size } = fstatSync(this.#descriptor);
      try {
        if (writeSync(this.#descriptor, record, written) === record.length - written) return;
        throw new Error("it accepts only parts of a record");
      } catch (error) {
        this.#truncate(size - written);
        throw error;
      }
    });
  }

  close(): void {
    this.#withPath(() => closeSync(this.#descriptor));
  }
}
