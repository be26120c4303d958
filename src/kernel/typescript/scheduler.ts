/** Shares the turns of the event loop among all trainings of a kernel that computes on the calling thread. */
import { nextTurn, now } from "../../host.ts";

/** What the scheduler needs of the host. */
export interface Turns {
  /** Milliseconds since some moment. */
  now(): number;
  /** Calls back after one turn of the event loop. */
  nextTurn(callback: () => void): void;
}

/** A training under way. */
interface Job {
  /** Takes a step; returns whether it was the last. */
  readonly step: () => boolean;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Takes the steps of all jobs for at most `hold` milliseconds, and a step, in each turn of the event loop. A turn goes
 * on with the job that has waited longest, and with the next one when a job has ended and time is left.
 */
export class Scheduler {
  readonly #turns: Turns;
  readonly #hold: number;
  readonly #jobs: Job[] = [];
  /** When the event loop last came round, as far as this scheduler knows. */
  #began = Number.NEGATIVE_INFINITY;
  #isWaiting = false;

  constructor(turns: Turns, hold: number) {
    this.#turns = turns;
    this.#hold = hold;
  }

  /** Calls `step` until it returns true. The first steps are taken at once if this turn has time left. */
  run(step: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#jobs.push({ step, resolve, reject });
      if (this.#isWaiting) return;
      if (this.#hasTime) this.#work();
      else this.#wait();
    });
  }

  get #hasTime(): boolean {
    const spent = this.#turns.now() - this.#began;
    return spent >= 0 && spent < this.#hold; // a clock may be set back
  }

  #work(): void {
    let hasEnded: boolean;
    do {
      const job = this.#jobs.shift()!;
      hasEnded = this.#advance(job);
      if (!hasEnded) this.#jobs.push(job);
    } while (hasEnded && this.#jobs.length > 0 && this.#hasTime);
    if (this.#jobs.length > 0) this.#wait();
  }

  /** Takes a step, and more while there is time; returns whether the job has ended. */
  #advance({ step, resolve, reject }: Job): boolean {
    try {
      for (let taken = 1; !step(); taken++) if (!this.#hasTime || taken === MOST_STEPS) return false;
    } catch (error) {
      reject(error);
      return true;
    }
    resolve();
    return true;
  }

  #wait(): void {
    this.#isWaiting = true;
    this.#turns.nextTurn(() => {
      this.#isWaiting = false;
      this.#began = this.#turns.now();
      this.#work();
    });
  }
}

/** Steps of a job in a row: a clock that a test has stopped would otherwise hold the event loop for good. */
const MOST_STEPS = 10_000;

/**
 * How long trainings may hold the event loop. A step that takes longer is not interrupted. A sampling interval of
 * 10 ms, which is what `monitorEventLoopDelay` has, then becomes at most 12 ms.
 */
const HOLD_MILLISECONDS = 2;

/** The trainings of this process. */
export const scheduler = new Scheduler({ now, nextTurn }, HOLD_MILLISECONDS);
