/** The namespace `callbacks`: ready-made hooks of a training. */
export {
  type CheckpointOptions,
  checkpoint,
  type LogOptions,
  log,
  type TensorBoardOptions,
  tensorBoard,
} from "#callbacks/files";
export { type EarlyStoppingOptions, earlyStopping } from "./callbacks/earlyStopping.ts";
