/** Schedules trainings that run on the calling thread, so that they share it with the event loop. */
import { nextTurn, now } from "../host.ts";

/** The functions of the host that the scheduler needs. */
export interface Turns {
  /** Returns the time in milliseconds since a fixed moment. */
  now(): number;
  /** Calls `callback` after one turn of the event loop. */
  nextTurn(callback: () => void): void;
}

/**
 * Takes a step, or steps for up to `milliseconds`, the rest of the time in this turn of the event loop. Returns
 * whether it took the last one.
 */
export type Step = (milliseconds: number) => boolean;

/** A training in progress. */
interface Job {
  readonly step: Step;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Takes the steps of all jobs. In each turn of the event loop it takes steps for at most `hold` milliseconds,
 * but at least one. It continues the job that has waited longest, and the next one if that job ends in time.
 */
export class Scheduler {
  readonly #turns: Turns;
  readonly #hold: number;
  readonly #jobs: Job[] = [];
  /** When the current turn of the event loop began, if this scheduler waited for it. */
  #began = Number.NEGATIVE_INFINITY;
  #isWaiting = false;

  constructor(turns: Turns, hold: number) {
    this.#turns = turns;
    this.#hold = hold;
  }

  /** Calls `step` until it returns true. Begins at once if the current turn has time left. */
  run(step: Step): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#jobs.push({ step, resolve, reject });
      if (this.#isWaiting) return;
      if (this.#timeLeft > 0) this.#work();
      else this.#wait();
    });
  }

  /** The milliseconds left in this turn; 0 if they are used up, or if the clock was set back. */
  get #timeLeft(): number {
    const spent = this.#turns.now() - this.#began;
    return spent >= 0 && spent < this.#hold ? this.#hold - spent : 0;
  }

  #work(): void {
    let hasEnded: boolean;
    do {
      const job = this.#jobs.shift()!;
      hasEnded = this.#advance(job);
      if (!hasEnded) this.#jobs.push(job);
    } while (hasEnded && this.#jobs.length > 0 && this.#timeLeft > 0);
    if (this.#jobs.length > 0) this.#wait();
  }

  /** Takes at least one step, and more while there is time. Returns whether the job has ended. */
  #advance({ step, resolve, reject }: Job): boolean {
    try {
      let left = this.#timeLeft;
      for (let taken = 1; !step(left); taken++) {
        left = this.#timeLeft;
        if (left === 0 || taken === MOST_STEPS) return false;
      }
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

/**
 * The most steps of a job per turn. Without a limit, a clock that a test stopped would block the event loop.
 */
const MOST_STEPS = 10_000;

/**
 * How long trainings may hold the event loop in each turn. Longer steps are not interrupted. A sampling
 * interval of 10 ms, as in `monitorEventLoopDelay`, then becomes at most 12 ms.
 */
const HOLD_MILLISECONDS = 2;

/** The scheduler of this process. */
export const scheduler = new Scheduler({ now, nextTurn }, HOLD_MILLISECONDS);
