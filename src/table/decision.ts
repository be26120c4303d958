/**
 * From probabilities to a class: the most probable one, or what a threshold or class weights make of them.
 */
import type { TargetDescription } from "./target.ts";

/** The class, by its number, of a row whose probabilities begin at a place. */
export type Decide = (probabilities: Float64Array, start: number) => number;

/** The number of the positive class of two: the given one, else the second. */
export function positiveOf({ classes = [], positive }: TargetDescription): number {
  return positive === undefined ? 1 : classes.indexOf(positive);
}

/**
 * How a target's class is chosen. With a threshold: the positive class where its probability is above the
 * threshold. With class weights: the class k with the largest w_k · p_k, the choice of least cost where an
 * error on a row of class k costs w_k (Elkan, "The Foundations of Cost-Sensitive Learning", 2001). Else the
 * most probable class. Of equal classes it is the first.
 */
export function decider(description: TargetDescription): Decide {
  const { classes = [], threshold, classWeights } = description;
  const outputs = classes.length;
  if (threshold !== undefined && outputs === 2) {
    const positive = positiveOf(description);
    return (probabilities, start) => (probabilities[start + positive] > threshold ? positive : 1 - positive);
  }
  if (classWeights !== undefined) {
    return (probabilities, start) => {
      let found = 0;
      for (let at = 1; at < outputs; at++) {
        const isMore =
          classWeights[at] * probabilities[start + at] > classWeights[found] * probabilities[start + found];
        if (isMore) found = at;
      }
      return found;
    };
  }
  return (probabilities, start) => {
    let found = 0;
    for (let at = 1; at < outputs; at++)
      if (probabilities[start + at] > probabilities[start + found]) found = at;
    return found;
  };
}

/** The class of each row. */
export function decideAll(description: TargetDescription, probabilities: Float64Array): Uint32Array {
  const outputs = description.classes?.length ?? 1;
  const decide = decider(description);
  const decisions = new Uint32Array(probabilities.length / outputs);
  for (let row = 0; row < decisions.length; row++) decisions[row] = decide(probabilities, row * outputs);
  return decisions;
}
