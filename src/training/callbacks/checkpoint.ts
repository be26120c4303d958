/** checkpoint: saves a training to a file, from which it can resume */
import { fileError, ifExists, isMissing, readPath, withPath } from "../../files/paths.ts";
import { read, readSync } from "../../files/read.ts";
import { destinationOf, replace, replaceSync } from "../../files/replace.ts";
import { readSnapshot, writeSnapshot } from "../../formats/bytes.ts";
import type { Snapshot } from "../../formats/checkpoint.ts";
import {
  boolean,
  checkNames,
  completeOptions,
  type OptionValues,
  type RequiredOption,
  size,
} from "../../options.ts";
import type { Callback } from "./callback.ts";
import {
  createParticipant,
  type Participant,
  type ParticipantCallback,
  type RunningTraining,
} from "./participant.ts";

/** Where and when to save a training. */
export interface CheckpointOptions {
  /** The path of the file. Its folder has to exist. */
  readonly path: string | URL;
  /** The number of epochs between checkpoints, 1 by default. The end of the training always writes one. */
  readonly every?: number | undefined;
  /** The number of checkpoints to keep, 1 by default: the newest at `path`, the others at `path.1`, … */
  readonly keep?: number | undefined;
  /**
   * Whether the training resumes from the file at `path`, if it exists; false by default. With several
   * checkpoint callbacks, the training resumes from the first in the list whose file exists.
   */
  readonly resume?: boolean | undefined;
}

const path: RequiredOption<string> = { required: true, expected: "the path of a file", read: readPath };
const OPTIONS = {
  path,
  every: size({ default: 1 }),
  keep: size({ default: 1 }),
  resume: boolean({ default: false }),
};

/** Writes the checkpoints of one training. */
class Checkpoints implements Participant {
  readonly #path: string;
  /** Begins the messages of errors, and has the path. */
  readonly #place: string;
  readonly #every: number;
  readonly #keep: number;
  readonly #resume: boolean;
  /** The last snapshot. The next one reuses its arrays, because allocating new memory takes longest. */
  #snapshot: Snapshot | undefined;
  /** The file that is being written. */
  #writing: Promise<void> | undefined;
  /** The epochs of the last checkpoint, and whether the training was over. */
  #last = "";

  constructor(place: string, { path, every, keep, resume }: OptionValues<typeof OPTIONS>) {
    this.#path = path;
    this.#place = `${place}: checkpoint: ${JSON.stringify(path)}`;
    this.#every = every;
    this.#keep = keep;
    this.#resume = resume;
  }

  epochsUntil(done: number): number {
    return this.#every - (done % this.#every);
  }

  /** Checks that the file can be written, and resumes from it. */
  onTrainBegin(training: RunningTraining): Promise<void> | void {
    this.#trying("written", () => destinationOf(this.#path));
    // Another checkpoint callback, earlier in the list, may have resumed the training.
    if (!this.#resume || training.isResumed) return undefined;
    const place = this.#place;
    const resume = (bytes: Uint8Array | undefined) => {
      if (bytes === undefined) return;
      training.resume(readSnapshot(bytes, place), place);
      this.#last = stateOf(training);
    };
    if (training.isSync)
      return resume(this.#trying("read", () => ifExists(() => readSync(this.#path, place))));
    const bytes = read(this.#path, place).catch((error): undefined => {
      if (!isMissing(error)) throw error;
    });
    return withPath(`${place} cannot be read`, () => bytes).then(resume);
  }

  onEpochsEnd(_epochs: unknown, training: RunningTraining): Promise<void> | void {
    return training.done % this.#every === 0 ? this.#write(training) : undefined;
  }

  onLastEpoch(training: RunningTraining): Promise<void> | void {
    return stateOf(training) === this.#last ? undefined : this.#write(training);
  }

  onTrainEnd(): Promise<void> | undefined {
    return this.#writing;
  }

  /** Writes a snapshot of the training. Off the event loop it waits until the last one is written. */
  #write(training: RunningTraining): Promise<void> | void {
    if (this.#writing !== undefined) return this.#writing.then(() => this.#write(training));
    this.#last = stateOf(training);
    this.#snapshot = training.snapshot(this.#snapshot);
    const pieces = writeSnapshot(this.#snapshot, this.#place);
    if (training.isSync) {
      this.#trying("written", () => replaceSync(this.#path, pieces, { keep: this.#keep }));
      return undefined;
    }
    this.#writing = this.#replace(pieces);
    // The next call that waits for the promise receives the rejection.
    this.#writing.catch(() => undefined);
    return undefined;
  }

  async #replace(pieces: readonly Uint8Array[]): Promise<void> {
    const keep = this.#keep;
    await withPath(`${this.#place} cannot be written`, () => replace(this.#path, pieces, { keep }));
    this.#writing = undefined;
  }

  /** Runs a file operation and adds the path to its errors. */
  #trying<T>(what: "written" | "read", run: () => T): T {
    try {
      return run();
    } catch (error) {
      throw fileError(`${this.#place} cannot be ${what}`, error);
    }
  }
}

const stateOf = ({ done, isOver }: RunningTraining) => `${done} ${isOver}`;

/**
 * Saves a training to a file: weights, optimizer state, schedule, position, best weights and history. The
 * file is always a complete checkpoint, even if the process is killed while it writes.
 *
 * With `resume`, the same call continues from the file. On the native kernel the result has the same bits as
 * a training without interruption. This needs a model with the same architecture and seed, and the same
 * examples and options. The state of your own hooks is not saved.
 *
 * `fit` trains on while a copy is written; `fitSync` waits for the disk. The file is also a model file:
 * `load` returns the model after the last epoch.
 *
 * @example
 * ```ts
 * await model.fit(data, {
 *   epochs: 1000,
 *   callbacks: [callbacks.checkpoint({ path: "run.safetensors", every: 10, resume: true })],
 * });
 * ```
 *
 * @throws OptionError for an unknown option. The training throws a FileError if the file cannot be written or
 * read; a FormatError if the file is not a checkpoint, or is one of another model or of a newer version; and
 * an OptionError if the options of the training differ. The weights are then unchanged.
 */
export function checkpoint(options: CheckpointOptions): Callback {
  checkNames(options, Object.keys(OPTIONS), "callbacks.checkpoint");
  const complete = completeOptions(OPTIONS, options, "callbacks.checkpoint");
  const callback: ParticipantCallback = { [createParticipant]: (place) => new Checkpoints(place, complete) };
  return callback as Callback;
}
