/** A file that is read in parts. */
import { constants } from "node:fs";
import { open, stat } from "node:fs/promises";
import { checkFile, readPath, withPath } from "./paths.ts";

/** An open file. */
export interface OpenFile {
  /** The absolute path. */
  readonly path: string;
  /** Bytes that the file had when it was opened. */
  readonly size: number;
  /** Reads bytes from a position; fewer where the file ends. */
  read(position: number, length: number): Promise<Uint8Array<ArrayBuffer>>;
  close(): Promise<void>;
}

/**
 * Another process may put a pipe under the name after the first look; to open it must not wait for a writer.
 */
const READ = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);

/**
 * Opens a file to read parts of it.
 *
 * @throws FileError if there is no such file, or it is a folder or a device; it names the path.
 */
export async function openFile(path: string | URL, call: string): Promise<OpenFile> {
  const file = readPath(path, call);
  const beginning = `${call}: ${JSON.stringify(file)} cannot be read`;
  return withPath(beginning, async () => {
    // Before it is opened, which a device may notice.
    checkFile(await stat(file));
    const handle = await open(file, READ);
    const { size } = checkFile(await handle.stat());
    return {
      path: file,
      size,
      read: (position, length) =>
        withPath(beginning, async () => {
          const bytes = new Uint8Array(length);
          let done = 0;
          while (done < length) {
            const { bytesRead } = await handle.read(bytes, done, length - done, position + done);
            if (bytesRead === 0) break;
            done += bytesRead;
          }
          return done < length ? bytes.subarray(0, done) : bytes;
        }),
      close: () => handle.close(),
    };
  });
}
