/** How long a training may take, and how good is good enough. */
import { OptionError, show } from "../errors.ts";
import { after, now } from "../host.ts";
import { checkNames } from "../options.ts";

/** Ends a training early, as if the epoch at hand had been the last. */
export interface Budget {
  /**
   * How long to train, in seconds, above 0: what a resumed training took before counts. `fit` ends after the
   * current batch; `fitSync` between epochs, and begins none that would take longer than what is left.
   */
  readonly seconds?: number | undefined;
  /** The training ends with the first epoch whose `loss` is not above it. */
  readonly targetLoss?: number | undefined;
}

/** Checks a budget. */
export function readBudget(given: unknown, place: string): Budget {
  checkNames(given, ["seconds", "targetLoss"], place);
  const { seconds, targetLoss } = given as Budget;
  if (seconds !== undefined && !(typeof seconds === "number" && seconds > 0)) {
    throw new OptionError(`${place}: seconds: expected a number above 0, received ${show(seconds)}`);
  }
  if (targetLoss !== undefined && !(typeof targetLoss === "number" && !Number.isNaN(targetLoss))) {
    throw new OptionError(`${place}: targetLoss: expected a number, received ${show(targetLoss)}`);
  }
  return { seconds, targetLoss };
}

/** Time from look to look at the clock. */
const CHECK_SECONDS = 0.1;

/** No timer of a JavaScript host goes further. */
const MOST_MILLISECONDS = 2 ** 31 - 1;

/** The clock of one training. */
export class Clock {
  readonly #seconds: number;
  #started = now();
  /** Time and epochs of this process. */
  #epochs = 0;
  /** Seconds of epochs in other processes. */
  #earlierSeconds = 0;

  constructor(budget: Budget) {
    this.#seconds = budget.seconds ?? Number.POSITIVE_INFINITY;
  }

  /** The training begins, or goes on after epochs that took so many seconds. */
  start(before: readonly number[]): void {
    this.#started = now();
    this.#earlierSeconds = before.reduce((sum, seconds) => sum + seconds, 0);
  }

  /** Calls `stop` when the time is over, unless what it gives is called before. */
  whenOver(stop: () => void): () => void {
    if (this.#seconds === Number.POSITIVE_INFINITY) return () => {};
    return after(Math.min(MOST_MILLISECONDS, Math.max(0, this.secondsLeft * 1000)), stop);
  }

  get #elapsed(): number {
    return (now() - this.#started) / 1000;
  }

  /** Seconds of the budget that are left. */
  get secondsLeft(): number {
    return this.#seconds - this.#earlierSeconds - this.#elapsed;
  }

  countEpochs(epochs: number): void {
    this.#epochs += epochs;
  }

  /** Seconds an epoch has taken, on average; undefined before the first. */
  get #secondsPerEpoch(): number | undefined {
    return this.#epochs === 0 ? undefined : this.#elapsed / this.#epochs;
  }

  /** The time of so many epochs more, as far as the budget has it. */
  secondsFor(epochs: number): number | undefined {
    const each = this.#secondsPerEpoch;
    return each === undefined ? undefined : Math.max(0, Math.min(each * epochs, this.secondsLeft));
  }

  /**
   * Epochs until the clock has to be looked at, 0 if the time is over. Off the event loop `whenOver` looks at
   * it; a synchronous training looks itself, and its time is over when less is left than an epoch takes.
   */
  epochsUntilCheck(isSync: boolean): number {
    const { secondsLeft } = this;
    if (secondsLeft <= 0) return 0;
    if (!isSync || secondsLeft === Number.POSITIVE_INFINITY) return Number.POSITIVE_INFINITY;
    const each = this.#secondsPerEpoch ?? 0;
    if (each > secondsLeft) return 0;
    return each === 0 ? 1 : Math.max(1, Math.floor(Math.min(secondsLeft, CHECK_SECONDS) / each));
  }
}
