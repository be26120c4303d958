/** Paths that callers give, and the words for what the system refuses. */
import { mkdirSync, type Stats, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { FileError, MyelinError, OptionError, show } from "../errors.ts";

/** The absolute path, so that a change of the working folder meanwhile changes nothing. */
export function readPath(path: unknown, call: string, what = "a file"): string {
  if (typeof path === "string" && path !== "") return resolve(path);
  if (path instanceof URL && path.protocol === "file:") return fileURLToPath(path);
  throw new OptionError(`${call}: expected the path of ${what}, received ${show(path)}`);
}

/** What the system's errors mean, where its own words are no help. */
const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file or folder",
  ENOTDIR: "a part of the path is no folder",
  EEXIST: "there is something else of that name",
  EISDIR: "it is a folder",
  EACCES: "it is not permitted",
  EPERM: "it is not permitted",
  EROFS: "the file system is read-only",
  ENOSPC: "the disk is full",
  EDQUOT: "no more space is granted",
  EFBIG: "the file would be too large",
  ELOOP: "its symbolic links lead back to themselves",
  ENAMETOOLONG: "the name is too long",
  EMFILE: "too many files are open",
};

/** Gives an error of the system a message that begins so. */
export async function withPath<T>(beginning: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    throw fileError(beginning, error);
  }
}

/** An error of the system with a message that begins so; one of ours as it is. */
export function fileError(beginning: string, error: unknown): MyelinError {
  if (error instanceof MyelinError) return error;
  const { code = "", message } = error as NodeJS.ErrnoException;
  const reason = Object.hasOwn(REASONS, code) ? `${REASONS[code]} (${code})` : message;
  return new FileError(`${beginning}: ${reason}`, { cause: error });
}

/** Whether an error of the system says that there is nothing under a name. */
export function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === "ENOENT";
}

/**
 * What a call of the system returns, or undefined if there is nothing under the name. Another process may remove
 * a file after any look at it, so that only the call itself can tell.
 */
export function ifThere<T>(call: () => T): T | undefined {
  try {
    return call();
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** Refuses a folder, a device and a pipe: none of them holds a model. */
export function checkFile(found: Stats): Stats {
  if (found.isDirectory()) throw Object.assign(new Error("is a folder"), { code: "EISDIR" });
  if (!found.isFile()) throw new Error("it is no regular file");
  return found;
}

/** Makes a folder and those above it, where they are missing. Node's own `recursive` hangs in /proc on Node 20. */
export function makeFolder(path: string): void {
  const make = () => {
    try {
      mkdirSync(path);
    } catch (error) {
      if (!ifThere(() => statSync(path))?.isDirectory()) throw error;
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
