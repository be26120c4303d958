/** The callbacks that write files. */
export { type CheckpointOptions, checkpoint } from "./checkpoint.ts";
export { type LogOptions, log } from "./log.ts";
export { type TensorBoardOptions, tensorBoard } from "./tensorBoard.ts";
