/** checkpoint: keeps a training in a file, from which it goes on after whatever ended it */
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

/** Where and when a training is kept. */
export interface CheckpointOptions {
  /** The path of the file; its folder has to be there. */
  readonly path: string | URL;
  /** Epochs from checkpoint to checkpoint, 1 by default; at the training's end there is one in any case. */
  readonly every?: number | undefined;
  /** How many to keep, 1 by default. The newest is at `path`; those before it at `path.1`, `path.2` and so on. */
  readonly keep?: number | undefined;
  /**
   * Whether the training resumes from the checkpoint at `path`, if there is one; false by default. Of several
   * checkpoints the first in the list that has a file counts.
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

/** A training's checkpoints. */
class Checkpoints implements Participant {
  readonly #path: string;
  /** The path as errors begin with it. */
  readonly #place: string;
  readonly #every: number;
  readonly #keep: number;
  readonly #resume: boolean;
  /** The last one; its memory serves the next, since memory that is new to the process takes longest of all. */
  #snapshot: Snapshot | undefined;
  /** What is being written. */
  #writing: Promise<void> | undefined;
  /** Epochs of the last one, and whether the training was over then. */
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

  /** Sees to it that the file can be written, and goes on from it. */
  onTrainBegin(course: RunningTraining): Promise<void> | void {
    this.#trying("written", () => destinationOf(this.#path));
    // Of several checkpoints the first that has a file is resumed from.
    if (!this.#resume || course.isResumed) return undefined;
    const place = this.#place;
    const resume = (bytes: Uint8Array | undefined) => {
      if (bytes === undefined) return;
      course.resume(readSnapshot(bytes, place), place);
      this.#last = stateOf(course);
    };
    if (course.isSync) return resume(this.#trying("read", () => ifExists(() => readSync(this.#path, place))));
    const bytes = read(this.#path, place).catch((error): undefined => {
      if (!isMissing(error)) throw error;
    });
    return withPath(`${place} cannot be read`, () => bytes).then(resume);
  }

  onEpochsEnd(_epochs: unknown, course: RunningTraining): Promise<void> | void {
    return course.done % this.#every === 0 ? this.#write(course) : undefined;
  }

  onLastEpoch(course: RunningTraining): Promise<void> | void {
    return stateOf(course) === this.#last ? undefined : this.#write(course);
  }

  onTrainEnd(): Promise<void> | undefined {
    return this.#writing;
  }

  /** Copies the training and writes it; off the event loop not before the one before is written. */
  #write(course: RunningTraining): Promise<void> | void {
    if (this.#writing !== undefined) return this.#writing.then(() => this.#write(course));
    this.#last = stateOf(course);
    this.#snapshot = course.snapshot(this.#snapshot);
    const pieces = writeSnapshot(this.#snapshot, this.#place);
    if (course.isSync) {
      this.#trying("written", () => replaceSync(this.#path, pieces, { keep: this.#keep }));
      return undefined;
    }
    this.#writing = this.#replace(pieces);
    // Whoever waits for it is told.
    this.#writing.catch(() => undefined);
    return undefined;
  }

  async #replace(pieces: readonly Uint8Array[]): Promise<void> {
    const keep = this.#keep;
    await withPath(`${this.#place} cannot be written`, () => replace(this.#path, pieces, { keep }));
    this.#writing = undefined;
  }

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
 * Keeps all that a training goes on from in a file: weights, optimizer, schedule, position, best weights and
 * history. Under the file's name there is a whole checkpoint at any time, whatever ends the process. With
 * `resume` the same call goes on from there: on the native kernel to the same bits as if nothing had happened.
 * For that the model has to be made again with the same seed, and to get the same examples and options; what
 * own hooks remember is theirs to keep.
 *
 * `fit` copies the training and writes on while it goes on; `fitSync` waits for the disk. The file is a model's
 * too: `load` gives the model of the last epoch.
 *
 * @example
 * ```ts
 * await model.fit(data, {
 *   epochs: 1000,
 *   callbacks: [callbacks.checkpoint({ path: "run.safetensors", every: 10, resume: true })],
 * });
 * ```
 *
 * @throws OptionError for an unknown option. A training throws a FileError where the file cannot be written or
 * read, a FormatError where it is no checkpoint, one of another model or of a newer version, an OptionError where
 * the training differs; the weights are as they were then.
 */
export function checkpoint(options: CheckpointOptions): Callback {
  checkNames(options, Object.keys(OPTIONS), "callbacks.checkpoint");
  const complete = completeOptions(OPTIONS, options, "callbacks.checkpoint");
  const callback: ParticipantCallback = { [createParticipant]: (place) => new Checkpoints(place, complete) };
  return callback as Callback;
}
