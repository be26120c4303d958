/** A participant of a training: a callback of the package, which sees more of the training than a hook. */
import type { Snapshot } from "../../formats/checkpoint.ts";
import type { Epoch, History } from "../history.ts";
import type { Control } from "./callback.ts";

/** A running training, as its participants see it. */
export interface RunningTraining {
  /** The name of the call, such as `fit`, for messages of errors. */
  readonly call: string;
  /**
   * Whether the call returns only when the training has ended. Such a training does not wait for promises.
   */
  readonly isSync: boolean;
  /** The number of epochs of this training that have ended. */
  readonly done: number;
  /** Whether the training has ended before its last epoch. */
  readonly isOver: boolean;
  readonly control: Control;
  /**
   * Returns a copy of all that the training needs to resume. It may overwrite the arrays of the snapshot
   * `before`.
   */
  snapshot(before?: Snapshot): Snapshot;
  /** Whether the training has resumed from a checkpoint. */
  readonly isResumed: boolean;
  /** Resumes from a snapshot, or throws before anything changes. */
  resume(snapshot: Snapshot, place: string): void;
}

/** A participant of one training. The training waits for the promises that its methods return. */
export interface Participant {
  /** Whether the signal and the budget end the wait for a promise; false by default. */
  readonly isInterruptible?: boolean;
  /** Returns how many epochs may pass until the next call, after `done` epochs; by default any number. */
  epochsUntil?(done: number): number;
  onTrainBegin?(training: RunningTraining): unknown;
  onEpochBegin?(epoch: number, training: RunningTraining): unknown;
  /** Called with the epochs that have ended since the last call. */
  onEpochsEnd?(epochs: readonly Epoch[], training: RunningTraining): unknown;
  /** Called after the last epoch, while the model still has its parameters. Not called after an error. */
  onLastEpoch?(training: RunningTraining): unknown;
  /** Called when the training has ended, also after an error or an abort. */
  onTrainEnd?(history: History): unknown;
}

/** The key of the method with which a callback of the package creates its participant. */
export const createParticipant = Symbol("takePart");

/** A callback of the package that is a participant; `place` begins the messages of its errors. */
export interface ParticipantCallback {
  [createParticipant](place: string): Participant;
}
