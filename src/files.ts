/** Models in files. Under a file's name there is one whole model at any time: the old one, or the new one. */
import { randomUUID } from "node:crypto";
import { constants } from "node:fs";
import { access, type FileHandle, open, realpath, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { FileError, MyelinError, OptionError, show, withinMemory } from "./errors.ts";
import { checkBeginning, type SaveOptions } from "./formats/bytes.ts";
import { headerEnd, PREFIX } from "./formats/safetensors.ts";
import { reading } from "./formats/saved.ts";
import type { KernelChoice } from "./kernel/choose.ts";
import { checkMemory } from "./memory.ts";
import { bytesOf, Model, restore } from "./model.ts";

/**
 * Writes a model into a file, in the safetensors format. The model is copied before the promise is returned.
 * Until all of it is safely written what stood in the file stands there, whatever happens meanwhile, a full
 * disk or the end of the process among it.
 *
 * @example
 * ```ts
 * await save(model, "model.safetensors", { optimizerState: true });
 * ```
 *
 * @throws FileError if the file cannot be written; it names the path. StateError while a training runs.
 */
export async function save(model: Model, path: string | URL, options: SaveOptions = {}): Promise<void> {
  const file = readPath(path, "save");
  if (!(model instanceof Model)) throw new OptionError(`save: expected a Model, received ${show(model)}`);
  const bytes = bytesOf(model, "save", options);
  await withPath(`save: ${JSON.stringify(file)} cannot be written`, () => replace(file, bytes));
}

/**
 * Makes a model of a file that `save` wrote. It predicts the same bits; training goes on with the same bits
 * if the optimizer's state was kept. Nothing in a file is ever run, and what is no model takes no memory.
 *
 * @example
 * ```ts
 * await save(model, "model.safetensors");
 * const copy = await load("model.safetensors");
 * ```
 *
 * @throws FileError if the file cannot be read, FormatError if it is no model or one of a newer version; both
 * name the path.
 */
export async function load(
  path: string | URL,
  options: { readonly kernel?: KernelChoice } = {},
): Promise<Model> {
  const file = readPath(path, "load");
  const place = `load: ${JSON.stringify(file)}`;
  const bytes = await withPath(`${place} cannot be read`, () => read(file, place));
  return restore(bytes, place, options);
}

/** The absolute path, so that a change of the working folder meanwhile changes nothing. */
function readPath(path: unknown, call: string): string {
  if (typeof path === "string" && path !== "") return resolve(path);
  if (path instanceof URL && path.protocol === "file:") return fileURLToPath(path);
  throw new OptionError(`${call}: expected the path of a file, received ${show(path)}`);
}

/** What the system's errors mean, where its own words are no help. */
const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file or folder",
  ENOTDIR: "a part of the path is no folder",
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
async function withPath<T>(beginning: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof MyelinError) throw error;
    const { code = "", message } = error as NodeJS.ErrnoException;
    const reason = Object.hasOwn(REASONS, code) ? `${REASONS[code]} (${code})` : message;
    throw new FileError(`${beginning}: ${reason}`, { cause: error });
  }
}

/** What stands there, if anything does. A folder, a device or a pipe is no place for a model. */
async function statFile(path: string): Promise<{ readonly mode: number } | undefined> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (found?.isDirectory()) throw Object.assign(new Error("is a folder"), { code: "EISDIR" });
  if (found !== undefined && !found.isFile()) throw new Error("it is no regular file");
  return found;
}

/** The file that a path leads to, past symbolic links: it is to be replaced, not the link. */
async function follow(path: string): Promise<string> {
  return realpath(path).catch(() => path);
}

/** Puts a new file into the place of another, or of none, in one step. */
async function replace(path: string, bytes: Uint8Array): Promise<void> {
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

/** Reads a file whole, after its beginning has shown that it can be a model's. */
async function read(path: string, place: string): Promise<Uint8Array> {
  // Before it is opened: a pipe would wait for somebody to write into it.
  await statFile(path);
  const handle = await open(path, "r");
  try {
    const { size } = await handle.stat();
    const prefix = await readBytes(handle, new Uint8Array(Math.min(PREFIX, size)), 0);
    const end = reading(place, () => headerEnd(prefix, size));
    const header = await readBytes(handle, new Uint8Array(end), 0);
    checkBeginning(header, size, place);
    checkMemory(size, `${place}: ${size} bytes`);
    const bytes = withinMemory(`${place}: ${size} bytes do not fit in memory`, () => new Uint8Array(size));
    bytes.set(header);
    await readBytes(handle, bytes.subarray(end), end);
    return bytes;
  } finally {
    await handle.close();
  }
}

/** Fills an array with a file's bytes from a position. */
async function readBytes(handle: FileHandle, target: Uint8Array, position: number): Promise<Uint8Array> {
  let done = 0;
  while (done < target.length) {
    // No system reads more than 2^31 - 1 bytes at a time.
    const length = Math.min(target.length - done, 2 ** 30);
    const { bytesRead } = await handle.read(target, done, length, position + done);
    if (bytesRead === 0) throw new Error("it became shorter meanwhile");
    done += bytesRead;
  }
  return target;
}
