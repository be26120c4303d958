/** The budget of a training: how long it may take, and which loss is low enough. */
import { OptionError, show } from "../errors.ts";
import { after, now } from "../host.ts";
import { checkNames, refuse } from "../options.ts";

/** Ends a training early, as if the current epoch had been the last. */
export interface Budget {
  /**
   * The longest time to train, in seconds, above 0. For a resumed training it includes the time before. `fit`
   * ends after the current batch. `fitSync` ends between epochs, and begins no epoch that would exceed the
   * budget.
   */
  readonly seconds?: number | undefined;
  /** The training ends with the first epoch whose `loss` is at most this. */
  readonly targetLoss?: number | undefined;
}

/** Checks the names in the option `budget`. */
export function checkBudget(
  given: unknown,
  names: readonly string[],
  place: string,
): asserts given is Budget {
  if (typeof given === "number")
    throw refuse(place, "an object", given, `. Fix: budget: { seconds: ${show(given)} }`);
  checkNames(given, names, place);
}

/** Checks the option `budget`. */
export function readBudget(given: unknown, place: string): Budget {
  checkBudget(given, ["seconds", "targetLoss"], place);
  const { seconds, targetLoss } = given;
  if (seconds !== undefined && !(typeof seconds === "number" && seconds > 0)) {
    throw new OptionError(`${place}: seconds: expected a number above 0, received ${show(seconds)}`);
  }
  if (targetLoss !== undefined && !(typeof targetLoss === "number" && !Number.isNaN(targetLoss))) {
    throw new OptionError(`${place}: targetLoss: expected a number, received ${show(targetLoss)}`);
  }
  return { seconds, targetLoss };
}

/** The time between two checks of the clock. */
const CHECK_SECONDS = 0.1;

/** The longest delay of a timer in JavaScript. */
const MOST_MILLISECONDS = 2 ** 31 - 1;

/** Measures the time of one training against its budget. */
export class Clock {
  readonly #seconds: number;
  #started = now();
  /** Epochs that ended in this process. */
  #epochs = 0;
  /** Seconds of the epochs before the training was resumed. */
  #earlierSeconds = 0;

  constructor(budget: Budget) {
    this.#seconds = budget.seconds ?? Number.POSITIVE_INFINITY;
  }

  /** Starts the clock; `earlier` has the seconds of each epoch before the training was resumed. */
  start(earlier: readonly number[]): void {
    this.#started = now();
    this.#earlierSeconds = earlier.reduce((sum, seconds) => sum + seconds, 0);
  }

  /** Calls `stop` when the time is over, unless the returned function is called first. */
  whenOver(stop: () => void): () => void {
    if (this.#seconds === Number.POSITIVE_INFINITY) return () => {};
    return after(Math.min(MOST_MILLISECONDS, Math.max(0, this.secondsLeft * 1000)), stop);
  }

  /** Seconds since the start. */
  get #elapsed(): number {
    return (now() - this.#started) / 1000;
  }

  /** Seconds until the time is over. */
  get secondsLeft(): number {
    return this.#seconds - this.#earlierSeconds - this.#elapsed;
  }

  countEpochs(epochs: number): void {
    this.#epochs += epochs;
  }

  /** The mean time of an epoch, in seconds; undefined before the first. */
  get #secondsPerEpoch(): number | undefined {
    return this.#epochs === 0 ? undefined : this.#elapsed / this.#epochs;
  }

  /** Returns the expected time of this number of epochs, at most the rest of the budget. */
  secondsFor(epochs: number): number | undefined {
    const each = this.#secondsPerEpoch;
    return each === undefined ? undefined : Math.max(0, Math.min(each * epochs, this.secondsLeft));
  }

  /**
   * Returns how many epochs may pass until the next check of the clock; 0 if the time is over. Off the event
   * loop the timer of `whenOver` does the checks. A synchronous training has no timer, and its time is over
   * when less than the mean time of an epoch is left.
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
