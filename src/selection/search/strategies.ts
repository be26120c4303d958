/** The table of strategies: which points of a space a search tries, and for how long. */
import { OptionError } from "../../errors.ts";
import { entry, number, optionalSize, size } from "../../options.ts";
import { type AnyPoint, drawPoints, gridOf, type Space } from "./space.ts";

/** One call of training: how many of the best so far take part, and how long each is trained. */
export interface Round {
  readonly candidates: number;
  /** Undefined where each says it itself. */
  readonly epochs: number | undefined;
}

/** A strategy with its options filled in. */
export interface Strategy {
  points(space: Space, seed: number): AnyPoint[];
  /** The rounds of so many points; all take part in the first. */
  rounds(points: number): readonly Round[];
}

const once = (points: number): readonly Round[] => [{ candidates: points, epochs: undefined }];

/**
 * Every combination of the values; each name needs a list of them.
 *
 * @example
 * ```ts
 * const strategy = strategies.grid();
 * ```
 */
export const grid = entry("grid", {}, (): Strategy => ({ points: gridOf, rounds: once }));

/**
 * Points that are drawn, all of them different: of lists each value is as likely as another, as in
 * scikit-learn's `RandomizedSearchCV`. A space that has no more points than are wanted is tried as a whole.
 *
 * Options: `configurations` (10), how many points.
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

/** How often a number of at least 1 can be divided by a factor before it is below 1, at least once. */
function timesDivided(value: number, factor: number): number {
  let times = 1;
  for (let rest = value / factor; rest >= 1; rest /= factor) times++;
  return times;
}

/**
 * Successive halving: many points for few epochs, and of each round the best 1 / `factor` go on, anew, with
 * `factor` times as many epochs. As scikit-learn's `HalvingRandomSearchCV` with epochs as its resource.
 *
 * Options: `epochs`, required, the most that a training takes; `configurations` (27), how many points the first
 * round has; `factor` (3, above 1); `minimumEpochs` (null), the epochs of the first round. Null stands for so
 * many that the last round takes as nearly `epochs` as it can: epochs / factor^(rounds - 1), rounded down,
 * scikit-learn's "exhaust". Rounds end where one candidate is left, or where another would take more than
 * `epochs`.
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
