/** Paths that callers give, what stands there, and the words for what the system refuses. */
import { type Stats, statSync } from "node:fs";
import { stat } from "node:fs/promises";
import { resolve } from "node:path";
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

/** What stands there, if anything does. A folder, a device or a pipe is no place for a model. */
export async function statFile(path: string): Promise<Stats | undefined> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  return checkFile(found);
}

/** The same before it returns. */
export function statFileSync(path: string): Stats | undefined {
  return checkFile(statSync(path, { throwIfNoEntry: false }));
}

function checkFile(found: Stats | undefined): Stats | undefined {
  if (found?.isDirectory()) throw Object.assign(new Error("is a folder"), { code: "EISDIR" });
  if (found !== undefined && !found.isFile()) throw new Error("it is no regular file");
  return found;
}
