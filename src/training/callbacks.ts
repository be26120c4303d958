/** The namespace `callbacks`: callbacks that the package provides. */
export {
  type CheckpointOptions,
  checkpoint,
  type LogOptions,
  log,
  type TensorBoardOptions,
  tensorBoard,
} from "#callbacks/files";
export { type EarlyStoppingOptions, earlyStopping } from "./callbacks/earlyStopping.ts";
