/** tensorBoard: writes the values of each epoch into event files, which TensorBoard plots */
import { hostname } from "node:os";
import { join } from "node:path";
import { AppendedFile } from "../../files/append.ts";
import { fileError, makeFolder, readPath } from "../../files/paths.ts";
import { type Scalar, scalarsRecord, startRecord, versionRecord } from "../../formats/events.ts";
import { checkNames, completeOptions, type RequiredOption } from "../../options.ts";
import type { Epoch } from "../history.ts";
import type { Callback } from "./callback.ts";
import { createParticipant, type ParticipantCallback } from "./participant.ts";

/** Which folder to write. */
export interface TensorBoardOptions {
  /** The path of a folder for this training, which is created if it does not exist. */
  readonly directory: string | URL;
}

const directory: RequiredOption<string> = {
  required: true,
  expected: "the path of a folder",
  read: (value, place) => readPath(value, place, "a folder"),
};
const OPTIONS = { directory };

/** The host that writes the files, and its time. */
export interface Host {
  readonly name: string;
  readonly process: number;
  /** Seconds since 1970. */
  now(): number;
}

/** Creates a file under a new name that TensorBoard recognizes. Names sort by time. */
function createFile(place: string, folder: string, seconds: number, host: Host): AppendedFile {
  const name = host.name.replace(/[^\w.-]/g, "-");
  const start = `events.out.tfevents.${Math.floor(seconds)}.${name}.${host.process}`;
  for (let number = 0; ; number++) {
    try {
      const path = join(folder, `${start}.${String(number).padStart(6, "0")}`);
      return new AppendedFile(place, path, { fresh: true });
    } catch (error) {
      const { cause } = error as { cause?: NodeJS.ErrnoException };
      if (cause?.code !== "EEXIST") throw error;
    }
  }
}

/** The event file of one run, in its own folder. */
class EventFile {
  readonly #file: AppendedFile;
  readonly #host: Host;
  #isStarted = false;

  constructor(place: string, folder: string, host: Host) {
    this.#host = host;
    try {
      makeFolder(folder);
    } catch (error) {
      throw fileError(`${place}: ${JSON.stringify(folder)} cannot be created`, error);
    }
    this.#file = createFile(place, folder, host.now(), host);
  }

  /** Writes one record per epoch, so that the file can be read even if the process is killed. */
  write(epoch: number, scalars: readonly Scalar[]): void {
    const moment = { seconds: this.#host.now(), epoch };
    if (!this.#isStarted) {
      this.#file.append(versionRecord(moment));
      this.#file.append(startRecord(moment));
      this.#isStarted = true;
    }
    this.#file.append(scalarsRecord(moment, scalars));
  }

  close(): void {
    this.#file.close();
  }
}

/**
 * Returns the tag that Keras has for a value, such as `epoch_log_loss`, so that both libraries share a chart.
 */
function tag(name: string): string {
  return `epoch_${name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}`;
}

/**
 * Returns the scalars of an epoch by run. Those of the validation have the same tags as those of the
 * training.
 */
function scalarsByRun({ epoch, ...measured }: Epoch): { train: Scalar[]; validation: Scalar[] } {
  const train: Scalar[] = [];
  const validation: Scalar[] = [];
  for (const [name, value] of Object.entries(measured)) {
    const [, ofValidation] = /^validation([A-Z].*)$/.exec(name) ?? [];
    if (ofValidation === undefined) train.push([tag(name), value]);
    else validation.push([tag(ofValidation[0].toLowerCase() + ofValidation.slice(1)), value]);
  }
  return { train, validation };
}

/** The files of one training. */
class EventFiles {
  readonly #place: string;
  readonly #directory: string;
  readonly #host: Host;
  readonly #files = new Map<string, EventFile>();

  constructor(place: string, directory: string, host: Host) {
    this.#place = place;
    this.#directory = directory;
    this.#host = host;
  }

  open(run: string): EventFile {
    const found = this.#files.get(run);
    if (found !== undefined) return found;
    const file = new EventFile(this.#place, join(this.#directory, run), this.#host);
    this.#files.set(run, file);
    return file;
  }

  write(epoch: Epoch): void {
    const { train, validation } = scalarsByRun(epoch);
    this.open("train").write(epoch.epoch, train);
    if (validation.length > 0) this.open("validation").write(epoch.epoch, validation);
  }

  close(): void {
    for (const file of this.#files.values()) file.close();
  }
}

/** Creates the callback for a host. */
export function tensorBoardOn(host: Host, options: TensorBoardOptions): ParticipantCallback {
  checkNames(options, Object.keys(OPTIONS), "callbacks.tensorBoard");
  const { directory } = completeOptions(OPTIONS, options, "callbacks.tensorBoard");
  return {
    [createParticipant](place) {
      const files = new EventFiles(`${place}: tensorBoard`, directory, host);
      return {
        epochsUntil: () => 1,
        // A file that cannot be written fails the training before its first epoch.
        onTrainBegin: () => void files.open("train"),
        onEpochsEnd(epochs) {
          for (const epoch of epochs) files.write(epoch);
        },
        onTrainEnd: () => files.close(),
      };
    },
  };
}

/**
 * Writes the values of each epoch for [TensorBoard](https://www.tensorflow.org/tensorboard), as Keras does.
 * The directory gets two runs: `train` has the loss, the model's metrics, the learning rate and the seconds
 * of the training, and `validation` has the loss and the metrics of the validation. Both have the same tags:
 * `epoch_loss`, `epoch_accuracy`, `epoch_learning_rate`. The step is the number of the epoch over all
 * trainings of the model.
 *
 * Each training writes its own files. In a directory with files of an earlier training, the new one replaces
 * the values of its first epoch and of later epochs. For separate curves, give each training its own
 * directory.
 *
 * @example
 * ```ts
 * await model.fit(data, { epochs: 3, callbacks: callbacks.tensorBoard({ directory: "logs/first" }) });
 * // and then: tensorboard --logdir logs
 * ```
 *
 * @throws OptionError if `directory` is not a path. The training throws a FileError, which names the path, if
 * a file cannot be written; its model keeps what it has learned.
 */
export function tensorBoard(options: TensorBoardOptions): Callback {
  const now = () => Date.now() / 1000;
  return tensorBoardOn({ name: hostname(), process: process.pid, now }, options) as Callback;
}
