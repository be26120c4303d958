/** The replacement of a file: under its name there is the old one or the new one at any time, and whole. */
import { randomUUID } from "node:crypto";
import {
  accessSync,
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
  fsyncSync,
  openSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { basename, dirname, isAbsolute, join, normalize } from "node:path";
import { checkFile, ifThere, isMissing } from "./paths.ts";

/** How to replace a file. */
export interface Replacement {
  /** How many versions to keep, 1 by default: the one before at `path.1`, the one before that at `path.2`. */
  readonly keep?: number;
}

/** The most symbolic links that are followed one after the other, as on Linux. */
const MOST_LINKS = 40;

/** The file that a path leads to, past symbolic links; the last one may lead to nothing yet. */
function follow(path: string): string {
  let target = path;
  for (let links = 0; links <= MOST_LINKS; links++) {
    const link = linkAt(target);
    if (link === undefined) return target;
    // Not normalized: what ".." is depends on the links before it.
    const next = isAbsolute(link) ? link : `${dirname(target)}/${link}`;
    target = join(realFolder(next), basename(next));
  }
  throw Object.assign(new Error("too many symbolic links"), { code: "ELOOP" });
}

/** The folder of what a link leads to, past links. */
function realFolder(target: string): string {
  try {
    return realpathSync.native(dirname(target));
  } catch (error) {
    if (!isMissing(error)) throw error;
    const shown = JSON.stringify(normalize(target));
    throw new Error(`it is a symbolic link to ${shown}, whose folder does not exist`, { cause: error });
  }
}

/** Where a symbolic link leads; undefined if there is none, or if nobody can tell. */
function linkAt(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

/**
 * Where to write what belongs under a path, and the mode of the file that is there. The looks at names are
 * synchronous for `replace`, too: they take microseconds.
 *
 * @throws the system's error if the file or its folder cannot be written; a folder, a device and a pipe are
 * refused.
 */
export function destinationOf(path: string): { target: string; mode: number | undefined } {
  const target = follow(path);
  const old = ifThere(() => checkFile(statSync(target)));
  // A new file may take the place of a protected one, but the protection says that it should not.
  if (old !== undefined) ifThere(() => accessSync(target, constants.W_OK));
  accessSync(dirname(target), constants.W_OK);
  return { target, mode: old?.mode };
}

/** Puts a new file into the place of another, or of none, in one step. */
export async function replace(
  path: string,
  pieces: readonly Uint8Array[],
  { keep = 1 }: Replacement = {},
): Promise<void> {
  const { target, mode } = destinationOf(path);
  const temporary = temporaryFor(target);
  const handle = await open(temporary, "wx", mode);
  try {
    await fill(handle, pieces, mode);
    rotate(path, keep);
    await rename(temporary, target);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw error;
  }
  await syncFolder(dirname(target));
}

/** A new name in the same folder, since a file can only be moved within its file system. */
function temporaryFor(target: string): string {
  return join(dirname(target), `.${basename(target).slice(0, 40)}.${randomUUID()}.tmp`);
}

/** Removes a file that an error has left. Its removal must not replace the error. */
function discard(temporary: string): void {
  try {
    rmSync(temporary, { force: true });
  } catch {
    // The folder is protected, or gone.
  }
}

/**
 * Moves the older versions of a file on. The newest stays under its name, and a whole file is under each other
 * name, if any is. Another process may move the same files at the same time, so a file that is gone is passed
 * over.
 */
function rotate(path: string, keep: number): void {
  const name = (age: number) => `${path}.${age}`;
  for (let age = keep - 1; age > 1; age--) ifThere(() => renameSync(name(age - 1), name(age)));
  if (keep < 2) return;
  const temporary = temporaryFor(name(1));
  try {
    ifThere(() => {
      copyFileSync(path, temporary, constants.COPYFILE_FICLONE);
      renameSync(temporary, name(1));
    });
  } catch (error) {
    discard(temporary);
    throw error;
  }
}

/** Writes a file to the disk itself: a name must not come to stand for what is still under way. */
async function fill(
  handle: FileHandle,
  pieces: readonly Uint8Array[],
  mode: number | undefined,
): Promise<void> {
  try {
    if (mode !== undefined) await handle.chmod(mode & 0o777);
    for (const piece of pieces) await handle.writeFile(piece);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** The errors of systems and file systems that cannot do it for folders; Windows is one. */
const NO_FOLDER_SYNC = ["EACCES", "EINVAL", "EISDIR", "ENOTSUP", "EPERM"];

/** Writes a folder's new entry to the disk itself. */
async function syncFolder(folder: string): Promise<void> {
  try {
    const handle = await open(folder, "r");
    await handle.sync().finally(() => handle.close());
  } catch (error) {
    if (!NO_FOLDER_SYNC.includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
  }
}

/** Does the same as `replace` before it returns. */
export function replaceSync(
  path: string,
  pieces: readonly Uint8Array[],
  { keep = 1 }: Replacement = {},
): void {
  const { target, mode } = destinationOf(path);
  const temporary = temporaryFor(target);
  const file = openSync(temporary, "wx", mode);
  try {
    try {
      if (mode !== undefined) chmodSync(temporary, mode & 0o777);
      for (const piece of pieces) writeFileSync(file, piece);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    rotate(path, keep);
    renameSync(temporary, target);
  } catch (error) {
    discard(temporary);
    throw error;
  }
  syncFolderSync(dirname(target));
}

function syncFolderSync(folder: string): void {
  try {
    const file = openSync(folder, "r");
    try {
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
  } catch (error) {
    if (!NO_FOLDER_SYNC.includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
  }
}
