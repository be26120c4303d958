/** The table of strategies: which points a search tries, and for how many epochs. */
import { OptionError } from "../../errors.ts";
import { entry, number, optionalSize, size } from "../../options.ts";
import { type AnyPoint, drawPoints, gridOf, type Space } from "./space.ts";

/** One round of training: the number of best candidates that it trains, and their epochs. */
export interface Round {
  readonly candidates: number;
  /** Undefined where each candidate has its own. */
  readonly epochs: number | undefined;
}

/** A strategy with its options filled in. */
export interface Strategy {
  points(space: Space, seed: number): AnyPoint[];
  /** Returns the rounds for a number of points. The first round trains all of them. */
  rounds(points: number): readonly Round[];
}

const once = (points: number): readonly Round[] => [{ candidates: points, epochs: undefined }];

/**
 * Tries every combination of the values. Each name needs a list of values.
 *
 * @example
 * ```ts
 * const strategy = strategies.grid();
 * ```
 */
export const grid = entry("grid", {}, (): Strategy => ({ points: gridOf, rounds: once }));

/**
 * Tries distinct points that are drawn at random. Each value of a list is equally likely, as in
 * scikit-learn's `RandomizedSearchCV`. A space without more points than `configurations` is tried completely.
 *
 * Options: `configurations` (10), the number of points.
 *
 * @example
 * ```ts
 * const strategy = strategies.random({ configurations: 60 });
 * ```
 */
export const random = entry(
  "random",
  { configurations: size({ default: 10 }) },
  ({ configurations }): Strategy => ({
    points: (space, seed) => drawPoints(space, configurations, seed),
    rounds: once,
  }),
);

/** Returns how often `value`, at least 1, can be divided by `factor` until it is below 1; at least 1. */
function timesDivided(value: number, factor: number): number {
  let times = 1;
  for (let rest = value / factor; rest >= 1; rest /= factor) times++;
  return times;
}

/**
 * Runs successive halving: trains many points for few epochs, then trains the best 1 / `factor` of each round
 * again from the start for `factor` times as many epochs. As scikit-learn's `HalvingRandomSearchCV` with
 * epochs as the resource.
 *
 * Options: `epochs`, required, the maximum epochs of a training; `configurations` (27), the number of points
 * in the first round; `factor` (3, above 1); `minimumEpochs` (null), the epochs of the first round. Null
 * chooses epochs / factor^(rounds - 1), rounded down, so that the last round gets close to `epochs`:
 * scikit-learn's "exhaust". Rounds end when one candidate is left, or when the next round would need more
 * than `epochs`.
 *
 * @example
 * ```ts
 * const strategy = strategies.halving({ epochs: 81, configurations: 27 }); // 3, 9, 27, 81 epochs
 * ```
 */
export const halving = entry(
  "halving",
  {
    epochs: size(),
    configurations: size({ default: 27 }),
    factor: number({ default: 3, above: 1 }),
    minimumEpochs: optionalSize(),
  },
  ({ epochs, configurations, factor, minimumEpochs }): Strategy => {
    if (minimumEpochs !== null && minimumEpochs > epochs) {
      throw new OptionError(
        `strategy halving: minimumEpochs: expected at most ${epochs}, the epochs, received ${minimumEpochs}`,
      );
    }
    return {
      points: (space, seed) => drawPoints(space, configurations, seed),
      rounds(points) {
        const wanted = timesDivided(points, factor);
        const first = minimumEpochs ?? Math.max(1, Math.floor(epochs / factor ** (wanted - 1)));
        const rounds: Round[] = [];
        let candidates = points;
        for (let at = 0; at < Math.min(wanted, timesDivided(epochs / first, factor)); at++) {
          rounds.push({ candidates, epochs: Math.min(epochs, Math.floor(first * factor ** at)) });
          candidates = Math.ceil(candidates / factor);
        }
        return rounds;
      },
    };
  },
);
