/** The namespace `callbacks`: ready-made hooks of a training. */
export { type LogOptions, log, type TensorBoardOptions, tensorBoard } from "#callbacks/files";
