/**
 * Successive halving over folds (Jamieson and Talwalkar, "Non-stochastic Best Arm Identification and
 * Hyperparameter Optimization", 2016): each round trains one more network of each kind that is left, and the
 * better half goes on.
 */
import { inTurns } from "../pieces.ts";
import type { Target } from "../target.ts";
import { applyTemperature, blendLoss, findTemperature, scoredRows } from "./blend.ts";
import type { Encoded } from "./encoded.ts";
import { orDispose, predictEncoded, rangeOf } from "./learned.ts";
import type { Bag, Member } from "./members.ts";
import type { Trained } from "./train.ts";

/** Kinds of networks that are tried beside the bags. */
export interface Search {
  readonly members: readonly Member[];
  /** The networks of each kind that reaches the last round: one for each round. */
  readonly networks: number;
  /** Called once with all kinds that were tried, those of the bags first. */
  readonly onEnd: (trials: readonly Tried[]) => void;
}

/** A kind of networks that was tried. */
export interface Tried {
  readonly member: Member;
  /** The mean loss of its networks, each on the fold that it did not learn from; NaN without a network. */
  readonly loss: number;
  /** Its networks that were measured. */
  readonly networks: number;
}

/** As many kinds, or all if there are fewer, reach the last round. */
const FEWEST = 3;

/** How many kinds are trained in each round. */
export function roundsOf(kinds: number, rounds: number): number[] {
  const sizes = [kinds];
  while (sizes.length < rounds) {
    const [before] = sizes.slice(-1);
    sizes.push(Math.min(before, Math.max(FEWEST, Math.ceil(before / 2))));
  }
  return sizes;
}

/** The networks that are trained in all rounds. */
export const countTrials = (kinds: number, rounds: number) =>
  roundsOf(kinds, rounds).reduce((sum, size) => sum + size, 0);

/** What the rounds need. */
interface Steps {
  /** The most networks that there is time for. */
  readonly most: number | undefined;
  /** Trains a network of each kind, of the number `round`. A network that diverges is left out. */
  readonly train: (kinds: readonly number[], round: number) => Promise<Trained[]>;
  readonly measure: (network: Trained) => Promise<number>;
  /** Whether the time is over. */
  readonly isOver: () => boolean;
}

/** Networks with their bags. */
export interface Bagged {
  readonly trained: readonly Trained[];
  readonly bags: readonly Bag[];
}

/**
 * Tries kinds of networks beside bags that are trained. Returns all bags that are left: those, and the kinds
 * that have a network of each round, the best first.
 */
export async function searchBags(
  { members, networks: rounds, onEnd }: Search,
  { trained, bags }: Bagged,
  { most = Number.POSITIVE_INFINITY, train, measure, isOver }: Steps,
): Promise<Bagged> {
  const known: number[][] = bags.map(() => []);
  for (const one of trained) known[one.bag].push(await measure(one));
  let kinds = members.length;
  while (kinds > 0 && countTrials(kinds, rounds) > most) kinds--;
  const kindOf = ({ bag }: Trained) => bag - bags.length;
  const { kept, losses } = await halve({ kinds, rounds, kindOf, train, measure, isOver });
  const tried = [...bags.map(({ member }) => member), ...members.slice(0, kinds)];
  onEnd(
    [...known, ...losses].map((own, at) => {
      return { member: tried[at], loss: meanOf(own), networks: own.length };
    }),
  );
  const found = kept.map(({ networks }, at) => networks.map((one) => ({ ...one, bag: bags.length + at })));
  return {
    trained: [...trained, ...found.flat()],
    bags: [...bags, ...kept.map(({ kind }) => ({ member: members[kind], networks: rounds }))],
  };
}

/** A kind with the networks that it has so far. */
interface Running {
  readonly kind: number;
  readonly networks: readonly Trained[];
  readonly losses: readonly number[];
}

/** NaN without any. */
const meanOf = (losses: readonly number[]) => losses.reduce((a, b) => a + b, 0) / losses.length;

/** The smaller mean loss first, and what is not a number last. */
function byLoss(a: Running, b: Running): number {
  const [one, other] = [a, b].map(({ losses }) => {
    const mean = meanOf(losses);
    return Number.isNaN(mean) ? Number.MAX_VALUE : mean;
  });
  return one - other || a.kind - b.kind;
}

/**
 * Runs the rounds. Returns the kinds that have a network of each round, the best first, and the losses of all
 * kinds. The networks of the others are disposed.
 */
async function halve(
  steps: Omit<Steps, "most"> & {
    /** The kinds to begin with, and the rounds. */
    readonly kinds: number;
    readonly rounds: number;
    readonly kindOf: (network: Trained) => number;
  },
): Promise<{ kept: Running[]; losses: (readonly number[])[] }> {
  const losses: (readonly number[])[] = Array.from({ length: steps.kinds }, () => []);
  const all: Trained[] = [];
  return orDispose(all, async () => {
    let active = losses.map((_, kind): Running => ({ kind, networks: [], losses: [] }));
    for (const [round, size] of roundsOf(steps.kinds, steps.rounds).entries()) {
      if (steps.isOver()) break;
      active = active.slice(0, size);
      const trained = await steps.train(
        active.map(({ kind }) => kind),
        round,
      );
      all.push(...trained);
      const next: Running[] = [];
      for (const one of active) {
        const network = trained.find((other) => steps.kindOf(other) === one.kind);
        if (network === undefined) continue;
        losses[one.kind] = [...one.losses, await steps.measure(network)];
        next.push({ ...one, networks: [...one.networks, network], losses: losses[one.kind] });
      }
      active = next.sort(byLoss);
    }
    const kept = active.filter(({ networks }) => networks.length === steps.rounds);
    const used = new Set(kept.flatMap(({ networks }) => networks));
    for (const one of all) if (!used.has(one)) one.model.dispose();
    return { kept, losses };
  });
}

/**
 * The loss of a network on the rows of its fold that it did not learn from, at the best temperature: mean
 * squared error, or log loss.
 *
 * `weights`: what each row of the table counts in the training.
 */
export async function heldOutLoss(
  { model }: Trained,
  fold: Encoded,
  target: Target,
  weights: Float64Array | undefined,
): Promise<number> {
  const { task } = target.description;
  const { outputs } = model;
  const { split, heldOut } = fold;
  const scored = scoredRows(target, split.heldOut, weights);
  const isClassification = task === "classification";
  const predictions = await inTurns(
    predictEncoded(model, heldOut.x, fold, rangeOf(target), isClassification),
  );
  if (isClassification)
    applyTemperature(predictions, outputs, await inTurns(findTemperature(predictions, scored)));
  return blendLoss(predictions, scored);
}
