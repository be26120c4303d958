/** A training's figures in event files, which TensorBoard draws. */
import { hostname } from "node:os";
import { join } from "node:path";
import { AppendedFile } from "../../files/append.ts";
import { fileError, makeFolder, readPath } from "../../files/paths.ts";
import { type Scalar, scalarsRecord, startRecord, versionRecord } from "../../formats/events.ts";
import { checkNames, completeOptions, type RequiredOption } from "../../options.ts";
import type { Epoch } from "../history.ts";
import type { Callback } from "./callback.ts";
import { createParticipant, type ParticipantCallback } from "./participant.ts";

/** Where the files go. */
export interface TensorBoardOptions {
  /** The path of a folder for this training, which is made where there is none. */
  readonly directory: string | URL;
}

const directory: RequiredOption<string> = {
  required: true,
  expected: "the path of a folder",
  read: (value, place) => readPath(value, place, "a folder"),
};
const OPTIONS = { directory };

/** What files tell of where and when they were written. */
export interface Host {
  readonly name: string;
  readonly process: number;
  /** Seconds since 1970. */
  now(): number;
}

/** Makes a file under a name that TensorBoard looks for, in the order of time, and that no other file has. */
function makeFile(place: string, folder: string, seconds: number, host: Host): AppendedFile {
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

/** The event file of one curve, in a folder of its own. */
class EventFile {
  readonly #file: AppendedFile;
  readonly #host: Host;
  #isStarted = false;

  constructor(place: string, folder: string, host: Host) {
    this.#host = host;
    try {
      makeFolder(folder);
    } catch (error) {
      throw fileError(`${place}: ${JSON.stringify(folder)} cannot be made`, error);
    }
    this.#file = makeFile(place, folder, host.now(), host);
  }

  /** In one record each, so that a process that is killed leaves a file that can be read. */
  write(epoch: number, figures: readonly Scalar[]): void {
    const moment = { seconds: this.#host.now(), epoch };
    if (!this.#isStarted) {
      this.#file.append(versionRecord(moment));
      this.#file.append(startRecord(moment));
      this.#isStarted = true;
    }
    this.#file.append(scalarsRecord(moment, figures));
  }

  close(): void {
    this.#file.close();
  }
}

/** The tag of a figure as Keras writes it, so that curves of both share a chart: `epoch_log_loss`. */
function tag(name: string): string {
  return `epoch_${name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}`;
}

/** The figures of an epoch, by curve: those of the validation have the tags of the training's. */
function figuresOf({ epoch, ...measured }: Epoch): { train: Scalar[]; validation: Scalar[] } {
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

  open(curve: string): EventFile {
    const found = this.#files.get(curve);
    if (found !== undefined) return found;
    const file = new EventFile(this.#place, join(this.#directory, curve), this.#host);
    this.#files.set(curve, file);
    return file;
  }

  write(epoch: Epoch): void {
    const { train, validation } = figuresOf(epoch);
    this.open("train").write(epoch.epoch, train);
    if (validation.length > 0) this.open("validation").write(epoch.epoch, validation);
  }

  close(): void {
    for (const file of this.#files.values()) file.close();
  }
}

/** The callback, on a host. */
export function tensorBoardOn(host: Host, options: TensorBoardOptions): ParticipantCallback {
  checkNames(options, Object.keys(OPTIONS), "callbacks.tensorBoard");
  const { directory } = completeOptions(OPTIONS, options, "callbacks.tensorBoard");
  return {
    [createParticipant](place) {
      const files = new EventFiles(`${place}: tensorBoard`, directory, host);
      return {
        epochsUntil: () => 1,
        // What cannot be written is to be known before an epoch has been trained.
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
 * Writes the figures of each epoch for [TensorBoard](https://www.tensorflow.org/tensorboard), as Keras does:
 * below the directory, the loss, the model's metrics, the learning rate and the seconds of the training in the
 * run `train`, and what is measured of the validation in the run `validation`, under the same tags:
 * `epoch_loss`, `epoch_accuracy`, `epoch_learning_rate`. The step is the epoch's number in the model's life.
 *
 * A training has files of its own. One that goes on in the same directory takes the place of what stands there
 * of its first epoch and of later ones; a training that is to have a curve of its own needs another directory.
 *
 * @example
 * ```ts
 * await model.fit(data, { epochs: 3, callbacks: callbacks.tensorBoard({ directory: "logs/first" }) });
 * // and then: tensorboard --logdir logs
 * ```
 *
 * @throws OptionError for what is no path. A training throws a FileError, which names the path, where a file
 * cannot be written; its model keeps what it has learnt.
 */
export function tensorBoard(options: TensorBoardOptions): Callback {
  const now = () => Date.now() / 1000;
  return tensorBoardOn({ name: hostname(), process: process.pid, now }, options) as Callback;
}
