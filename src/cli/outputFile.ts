/** A file that is written part by part, and has its name only when it is complete. */
import { realpathSync, rmSync } from "node:fs";
import { resolve, sep } from "node:path";
import { fileError } from "../files/paths.ts";
import { beginReplacement, destinationOf, type Replacing } from "../files/replace.ts";
import { wrongUse } from "./failures.ts";
import { beforeEnd } from "./interrupt.ts";
import { printPart } from "./output.ts";

/** Where the parts of a result go. */
export interface Sink {
  write(part: string | Uint8Array): Promise<void>;
  /** All parts are written. */
  end(): Promise<void>;
  /** Something failed: nothing stays. */
  discard(): Promise<void>;
}

function located(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return resolve(path);
  }
}

/**
 * Throws if a file could not be written, or would replace one of `others`, which the command reads or writes
 * too: before the work rather than after it.
 */
export function checkOutput(option: string, path: string, others: readonly (string | undefined)[]): void {
  const shown = JSON.stringify(path);
  if (path === "-")
    throw wrongUse(`${option} is written to a file, not to standard output. Fix: give a path`);
  if (path.endsWith("/") || path.endsWith(sep))
    throw wrongUse(`${option} ${shown} is the path of a folder. Fix: give the path of a file`);
  if (others.some((other) => other !== undefined && located(other) === located(path)))
    throw wrongUse(`${option} ${shown} would replace a file that the command uses. Fix: give another path`);
  try {
    destinationOf(path);
  } catch (error) {
    throw fileError(`${shown} cannot be written`, error);
  }
}

/** Opens a file, or standard output for `-`. */
export async function openSink(path: string): Promise<Sink> {
  if (path === "-") return { write: printPart, end: async () => {}, discard: async () => {} };
  const beginning = `${JSON.stringify(path)} cannot be written`;
  const explained = async <Result>(run: () => Promise<Result>): Promise<Result> => {
    try {
      return await run();
    } catch (error) {
      throw fileError(beginning, error);
    }
  };
  let forget = () => {};
  const file: Replacing = await explained(() =>
    beginReplacement(path, (temporary) => {
      forget = beforeEnd(() => rmSync(temporary, { force: true }));
    }),
  ).catch((error) => {
    forget();
    throw error;
  });
  return {
    write: (part) => explained(() => file.write(part)),
    async end() {
      await explained(() => file.end());
      forget();
    },
    async discard() {
      await file.discard();
      forget();
    },
  };
}
