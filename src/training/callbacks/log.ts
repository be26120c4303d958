/** log: writes each epoch of a training as a line of JSON into a file */
import { AppendedFile } from "../../files/append.ts";
import { readPath } from "../../files/paths.ts";
import { encodeText } from "../../host.ts";
import { boolean, checkNames, completeOptions, type RequiredOption } from "../../options.ts";
import type { Callback } from "./callback.ts";
import { createParticipant, type ParticipantCallback } from "./participant.ts";

/** Which file to write. */
export interface LogOptions {
  /** The path of the file, which is created if it does not exist. Its folder has to exist. */
  readonly path: string | URL;
  /**
   * Whether to append to an existing file; true by default. With false, each training empties the file first.
   */
  readonly append?: boolean | undefined;
}

const path: RequiredOption<string> = { required: true, expected: "the path of a file", read: readPath };
const OPTIONS = { path, append: boolean({ default: true }) };

const NEWLINE = 10;

/** Opens the file, and ends its last line if that was cut off, for instance by a loss of power. */
function openLines(place: string, path: string, append: boolean): AppendedFile {
  const file = new AppendedFile(place, path, { empty: !append });
  const last = file.lastByte;
  if (last !== undefined && last !== NEWLINE) file.append(Uint8Array.of(NEWLINE));
  return file;
}

/**
 * Writes a line of JSON for each epoch into a file, with all values of the epoch; null is a number that is
 * not finite. The line is in the file before the next epoch begins, and is never written in part, even if the
 * process is killed. A training that resumes, or another training, appends its lines.
 *
 * @example
 * ```ts
 * await model.fit(data, { epochs: 3, callbacks: callbacks.log({ path: "training.jsonl" }) });
 * // {"epoch":0,"loss":0.2518,"learningRate":0.01,"seconds":0.0004}, and two more lines
 * ```
 *
 * @throws OptionError if `path` is not a path. The training throws a FileError, which names the path, if the
 * file cannot be written; its model keeps what it has learned.
 */
export function log(options: LogOptions): Callback {
  checkNames(options, Object.keys(OPTIONS), "callbacks.log");
  const { path, append } = completeOptions(OPTIONS, options, "callbacks.log");
  const callback: ParticipantCallback = {
    [createParticipant](place) {
      let file: AppendedFile | undefined;
      return {
        epochsUntil: () => 1,
        onTrainBegin() {
          file = openLines(`${place}: log`, path, append);
        },
        onEpochsEnd(epochs) {
          for (const epoch of epochs) file?.append(encodeText(`${JSON.stringify(epoch)}\n`));
        },
        onTrainEnd: () => file?.close(),
      };
    },
  };
  return callback as Callback;
}
