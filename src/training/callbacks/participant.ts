/** What takes part in a training between its epochs, and knows more of it than a hook does. */

import type { Snapshot } from "../../formats/checkpoint.ts";
import type { Epoch, History } from "../history.ts";
import type { Control } from "./callback.ts";

/** A training under way. */
export interface RunningTraining {
  /** What trains, for errors: `fit` or `fitSync`. */
  readonly call: string;
  /** Whether it ends before the call returns, so that it waits for nothing. */
  readonly isSync: boolean;
  /** Its epochs that have ended. */
  readonly done: number;
  /** Whether it has ended before its last epoch, and goes no further. */
  readonly isOver: boolean;
  readonly control: Control;
  /** All that it needs to go on from here, copied: over the numbers of the snapshot before, if there is one. */
  snapshot(before?: Snapshot): Snapshot;
  /** Whether it has resumed from a checkpoint. */
  readonly isResumed: boolean;
  /** Resumes from there, or throws before anything changes. */
  resume(snapshot: Snapshot, place: string): void;
}

/** Takes part in one training, which waits for the promises that its hooks return. */
export interface Participant {
  /** Whether the signal and the budget end the wait for such a promise; false by default. */
  readonly isInterruptible?: boolean;
  /** How many epochs may pass until it is asked again, when so many have ended; any number by default. */
  epochsUntil?(done: number): number;
  onTrainBegin?(course: RunningTraining): unknown;
  onEpochBegin?(epoch: number, course: RunningTraining): unknown;
  /** After the epochs that have ended since. */
  onEpochsEnd?(epochs: readonly Epoch[], course: RunningTraining): unknown;
  /** When no more epochs come, and the parameters are still those of the last one. Not after an error. */
  onLastEpoch?(course: RunningTraining): unknown;
  /** When it is over, also after an error or an abort. */
  onTrainEnd?(history: History): unknown;
}

/** The key under which a callback of the package says what takes part; `place` begins its errors. */
export const createParticipant = Symbol("takePart");

/** A callback of the package that is more than hooks. */
export interface ParticipantCallback {
  [createParticipant](place: string): Participant;
}
