/** Which networks a table model is made of, by the quality that is wanted. */
import type { Task } from "../target.ts";
import {
  type Bag,
  full,
  type Member,
  mish,
  mishSelected,
  relu,
  shallow,
  siluDeep,
  siluScaled,
  siluSelected,
} from "./members.ts";

/** How much work goes into a table model. */
export type Quality = "fast" | "balanced" | "best";

export const QUALITIES: readonly Quality[] = ["fast", "balanced", "best"];

/** Folds, and networks of each kind: one validated on each fold. On many rows only the last ones are used. */
export const FOLDS = 5;

/**
 * The folds that networks learn from: on many rows networks differ less, and each takes longer, so the mean of
 * two is as good as that of five.
 */
export const foldsFor = (rows: number) => Math.max(2, Math.min(FOLDS, Math.round((50_000 * FOLDS) / rows)));

/** The portfolio of each quality, with so many networks of each kind: one for each fold, or more. */
export function portfolio(quality: Quality, task: Task, folds = FOLDS): readonly Bag[] {
  const isRegression = task === "regression";
  const bagsOf = (members: readonly Member[], networks = folds): Bag[] =>
    members.map((member) => ({ member, networks }));
  if (quality === "fast") return bagsOf([relu, isRegression ? siluSelected : shallow]);
  const deep = isRegression ? [relu, siluSelected, mish, mishSelected] : [relu, siluDeep, siluScaled];
  const others = isRegression ? [] : [shallow];
  if (quality === "balanced") return bagsOf([...deep, ...others]);
  return [...bagsOf(deep, 2 * folds), ...bagsOf([...others, full])];
}

/** The portfolio with so many networks at most: of the first kinds as many as they have. */
export function limit(bags: readonly Bag[], networks = Number.POSITIVE_INFINITY): Bag[] {
  let rest = networks;
  return bags.flatMap(({ member, networks: wanted }) => {
    const taken = Math.min(rest, wanted);
    rest -= taken;
    return taken > 0 ? [{ member, networks: taken }] : [];
  });
}
