/**
 * Replaces files atomically: at any time the name refers to the complete old file or the complete new one.
 */
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
import { checkFile, ifExists, isMissing } from "./paths.ts";

/** Options for replacing a file. */
export interface Replacement {
  /**
   * The number of versions to keep, 1 by default: the previous one at `path.1`, the one before at `path.2`.
   */
  readonly keep?: number;
}

/** The longest chain of symbolic links to follow, as on Linux. */
const MOST_LINKS = 40;

/** Resolves the symbolic links of a path. The target of the last one may not exist yet. */
function follow(path: string): string {
  let target = path;
  for (let links = 0; links <= MOST_LINKS; links++) {
    const link = linkAt(target);
    if (link === undefined) return target;
    // Not normalized, because the meaning of ".." depends on the links before it.
    const next = isAbsolute(link) ? link : `${dirname(target)}/${link}`;
    target = join(realFolder(next), basename(next));
  }
  throw Object.assign(new Error("too many symbolic links"), { code: "ELOOP" });
}

/** Returns the folder of a link's target, with its own links resolved. */
function realFolder(target: string): string {
  try {
    return realpathSync.native(dirname(target));
  } catch (error) {
    if (!isMissing(error)) throw error;
    const shown = JSON.stringify(normalize(target));
    throw new Error(`it is a symbolic link to ${shown}, whose folder does not exist`, { cause: error });
  }
}

/** Returns the target of a symbolic link, or undefined if the path is not a link or cannot be read. */
function linkAt(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

/**
 * Returns where to write a file for a path, and the mode of the existing file. `replace` also calls it
 * synchronously, because it takes microseconds.
 *
 * @throws the system's error if the file or its folder cannot be written, or an error if the path is not a
 * regular file.
 */
export function destinationOf(path: string): { target: string; mode: number | undefined } {
  const target = follow(path);
  const old = ifExists(() => checkFile(statSync(target)));
  // The system would allow a rename over a write-protected file, but the user protected it on purpose.
  if (old !== undefined) ifExists(() => accessSync(target, constants.W_OK));
  accessSync(dirname(target), constants.W_OK);
  return { target, mode: old?.mode };
}

/** Writes a file, or replaces an existing one, in one step. */
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

/** A file that is written part by part under another name. */
export interface Replacing {
  write(part: string | Uint8Array): Promise<void>;
  /** Gives the complete file its name. */
  end(): Promise<void>;
  /** Removes the incomplete file. */
  discard(): Promise<void>;
}

/**
 * Begins to write a file part by part. It has its name only at the end. `willCreate` is called with the path of
 * the incomplete file before it exists.
 */
export async function beginReplacement(
  path: string,
  willCreate: (temporary: string) => void,
): Promise<Replacing> {
  const { target, mode } = destinationOf(path);
  const temporary = temporaryFor(target);
  willCreate(temporary);
  // Synchronously, so that no signal is handled before the file exists, which would then appear after the cleanup.
  closeSync(openSync(temporary, "wx", mode));
  const remove = () => rm(temporary, { force: true }).catch(() => undefined);
  const handle = await open(temporary, constants.O_WRONLY).catch(async (error) => {
    await remove();
    throw error;
  });
  return {
    write: (part) => handle.writeFile(part),
    async end() {
      try {
        if (mode !== undefined) await handle.chmod(mode & 0o777);
        await handle.sync();
        await handle.close();
        await rename(temporary, target);
      } catch (error) {
        await remove();
        throw error;
      }
      await syncFolder(dirname(target));
    },
    async discard() {
      await handle.close().catch(() => undefined);
      await remove();
    },
  };
}

/** Returns a new name in the same folder, because a file can be renamed only within its file system. */
function temporaryFor(target: string): string {
  return join(dirname(target), `.${basename(target).slice(0, 40)}.${randomUUID()}.tmp`);
}

/** Removes a temporary file after an error, without throwing another one. */
function discard(temporary: string): void {
  try {
    rmSync(temporary, { force: true });
  } catch {
    // The folder is write-protected or no longer exists.
  }
}

/**
 * Renames the older versions of a file to make room for a new one. The newest version keeps its name, and
 * each other name always refers to a complete file. Skips missing files, because another process may rename
 * the same files.
 */
function rotate(path: string, keep: number): void {
  const name = (age: number) => `${path}.${age}`;
  for (let age = keep - 1; age > 1; age--) ifExists(() => renameSync(name(age - 1), name(age)));
  if (keep < 2) return;
  const temporary = temporaryFor(name(1));
  try {
    ifExists(() => {
      copyFileSync(path, temporary, constants.COPYFILE_FICLONE);
      renameSync(temporary, name(1));
    });
  } catch (error) {
    discard(temporary);
    throw error;
  }
}

/** Writes a file and waits until it is on the disk, so that the rename never exposes an incomplete file. */
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

/** The errors on systems that cannot sync folders, such as Windows. */
const NO_FOLDER_SYNC = ["EACCES", "EINVAL", "EISDIR", "ENOTSUP", "EPERM"];

/** Waits until a folder's new entry is on the disk. */
async function syncFolder(folder: string): Promise<void> {
  try {
    const handle = await open(folder, "r");
    await handle.sync().finally(() => handle.close());
  } catch (error) {
    if (!NO_FOLDER_SYNC.includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
  }
}

/** Does the same as `replace`, synchronously. */
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
