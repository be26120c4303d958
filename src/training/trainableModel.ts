/** What a training needs of its model. */
import type { Configuration } from "../formats/configuration.ts";
import type { SavedModel } from "../formats/saved.ts";
import type { Position } from "../kernel/kernel.ts";
import type { AdvisedModel } from "./advice.ts";
import type { History } from "./history.ts";
import type { NamedMetric } from "./metrics.ts";

/** What a saved model contains besides its parameters. */
export interface SavedParts {
  readonly optimizerState: boolean;
  readonly history: boolean;
  /** An earlier saved model with the same optimizer state, whose arrays may be overwritten. */
  readonly into?: SavedModel | undefined;
}

/** A model as its training sees it. */
export interface TrainableModel extends AdvisedModel {
  readonly configuration: Configuration;
  readonly seed: number;
  readonly outputs: number;
  readonly metrics: readonly NamedMetric[];
  readonly position: Position;
  /** Sets the position and the history of the model. */
  commit(position: Position, history: History): void;
  /** Unlocks the model, if `training` holds the lock. */
  release(training: object): void;
  /** Returns the saved form of the model. Call it only between two calls of the kernel. */
  saved(parts: SavedParts): SavedModel;
}

/** Returns where the next training starts: at a whole epoch, after the rest of an epoch that was aborted. */
export function startOfNextEpoch({ epoch, step, steps }: Position): Position {
  return { epoch: step > 0 ? epoch + 1 : epoch, step: 0, steps, loss: 0 };
}
