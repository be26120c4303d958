/** The replacement of a file: under its name there is the old one or the new one at any time, and whole. */
import { randomUUID } from "node:crypto";
import { constants } from "node:fs";
import { access, type FileHandle, open, realpath, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { statFile } from "./paths.ts";

/** The file that a path leads to, past symbolic links: it is to be replaced, not the link. */
async function follow(path: string): Promise<string> {
  return realpath(path).catch(() => path);
}

/** Puts a new file into the place of another, or of none, in one step. */
export async function replace(path: string, bytes: Uint8Array): Promise<void> {
  const old = await statFile(path);
  const target = await follow(path);
  // A new file may be put into the place of one that is protected; that is not what protection is for.
  if (old !== undefined) await access(target, constants.W_OK);
  const folder = dirname(target);
  // In the same folder, since a file can only be moved within its file system.
  const temporary = join(folder, `.${basename(target).slice(0, 40)}.${randomUUID()}.tmp`);
  const handle = await open(temporary, "wx", old?.mode);
  try {
    await fill(handle, bytes, old?.mode);
    await rename(temporary, target);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncFolder(folder);
}

/** Writes a file to the disk itself: a name must not come to stand for what is still under way. */
async function fill(handle: FileHandle, bytes: Uint8Array, mode: number | undefined): Promise<void> {
  try {
    if (mode !== undefined) await handle.chmod(mode & 0o777);
    await handle.writeFile(bytes);
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
