/** A file that is written part by part, and has its name only when it is complete. */
import { rmSync } from "node:fs";
import { fileError } from "../files/paths.ts";
import { beginReplacement, type Replacing } from "../files/replace.ts";
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
  const file: Replacing = await explained(() => beginReplacement(path));
  const forget = beforeEnd(() => rmSync(file.temporary, { force: true }));
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
