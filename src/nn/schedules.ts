/** The table of schedules: (options) → the learning rate of each epoch or step. Every export is an entry. */
export { chain, perStep } from "./schedules/chain.ts";
export { cosine, exponential, oneCycle, polynomial, step, warmup } from "./schedules/known.ts";
export { reduceOnPlateau } from "./schedules/plateau.ts";
