/** Reads the paths that callers pass, and explains the errors of the file system. */
import { mkdirSync, type Stats, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { FileError, MyelinError, OptionError, show } from "../errors.ts";

/** Returns the absolute path, so that a later change of the working folder has no effect. */
export function readPath(path: unknown, call: string, what = "a file"): string {
  if (typeof path === "string" && path !== "") return resolve(path);
  if (path instanceof URL && path.protocol === "file:") return fileURLToPath(path);
  throw new OptionError(`${call}: expected the path of ${what}, received ${show(path)}`);
}

/** Explanations of system errors whose own messages do not help. */
const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file or folder",
  ENOTDIR: "a part of the path is not a folder",
  EEXIST: "the name is already in use",
  EISDIR: "it is a folder",
  EACCES: "permission is denied",
  EPERM: "permission is denied",
  EROFS: "the file system is read-only",
  ENOSPC: "the disk is full",
  EDQUOT: "the disk quota is used up",
  EFBIG: "the file would be too large",
  ELOOP: "its symbolic links form a loop",
  ENAMETOOLONG: "the name is too long",
  EMFILE: "too many files are open",
};

/**
 * Calls `run`. Converts an error of the system to a {@link FileError} whose message begins with `beginning`.
 */
export async function withPath<T>(beginning: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    throw fileError(beginning, error);
  }
}

/** Converts an error of the system to a {@link FileError}. Returns a {@link MyelinError} unchanged. */
export function fileError(beginning: string, error: unknown): MyelinError {
  if (error instanceof MyelinError) return error;
  const { code = "", message } = error as NodeJS.ErrnoException;
  const reason = Object.hasOwn(REASONS, code) ? `${REASONS[code]} (${code})` : message;
  return new FileError(`${beginning}: ${reason}`, { cause: error });
}

/** Returns whether an error of the system says that a file does not exist. */
export function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === "ENOENT";
}

/**
 * Returns the result of a system call, or undefined if the file does not exist. A check before the call would
 * not be enough, because another process may remove the file in between.
 */
export function ifExists<T>(call: () => T): T | undefined {
  try {
    return call();
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** Throws unless the path is a regular file. */
export function checkFile(found: Stats): Stats {
  if (found.isDirectory()) throw Object.assign(new Error("is a folder"), { code: "EISDIR" });
  if (!found.isFile()) throw new Error("it is not a regular file");
  return found;
}

/** Creates a folder and its missing parents. Node's own option `recursive` hangs in /proc on Node 20. */
export function makeFolder(path: string): void {
  const make = () => {
    try {
      mkdirSync(path);
    } catch (error) {
      if (!ifExists(() => statSync(path))?.isDirectory()) throw error;
    }
  };
  try {
    make();
  } catch (error) {
    if (!isMissing(error) || dirname(path) === path) throw error;
    makeFolder(dirname(path));
    make();
  }
}
