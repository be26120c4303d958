/** The replacement of a file: under its name there is the old one or the new one at any time, and whole. */
import { randomUUID } from "node:crypto";
import {
  accessSync,
  chmodSync,
  closeSync,
  constants,
  fsyncSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { access, type FileHandle, open, realpath, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { statFile, statFileSync } from "./paths.ts";

/** The file that a path leads to, past symbolic links: it is to be replaced, not the link. */
async function follow(path: string): Promise<string> {
  return realpath(path).catch(() => path);
}

/** Puts a new file into the place of another, or of none, in one step. */
export async function replace(path: string, pieces: readonly Uint8Array[]): Promise<void> {
  const old = await statFile(path);
  const target = await follow(path);
  // A new file may be put into the place of one that is protected; that is not what protection is for.
  if (old !== undefined) await access(target, constants.W_OK);
  const folder = dirname(target);
  const temporary = temporaryFor(target);
  const handle = await open(temporary, "wx", old?.mode);
  try {
    await fill(handle, pieces, old?.mode);
    await rename(temporary, target);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncFolder(folder);
}

/** A new name in the same folder, since a file can only be moved within its file system. */
function temporaryFor(target: string): string {
  return join(dirname(target), `.${basename(target).slice(0, 40)}.${randomUUID()}.tmp`);
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
export function replaceSync(path: string, pieces: readonly Uint8Array[]): void {
  const old = statFileSync(path);
  const target = old === undefined ? path : realpathSync(path);
  if (old !== undefined) accessSync(target, constants.W_OK);
  const temporary = temporaryFor(target);
  const file = openSync(temporary, "wx", old?.mode);
  try {
    try {
      if (old !== undefined) chmodSync(temporary, old.mode & 0o777);
      for (const piece of pieces) writeFileSync(file, piece);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, target);
  } catch (error) {
    rmSync(temporary, { force: true });
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
