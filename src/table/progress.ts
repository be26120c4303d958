/** How far the training of a table model has come: for a caller, and on standard error. */
import { now } from "../host.ts";
import { displayModels } from "../training/progressBar.ts";

/** How far a training has come. */
export interface TableProgress {
  /** Networks whose training has ended. */
  readonly finished: number;
  /** All networks. */
  readonly total: number;
  /** Seconds since the training of the first network began. */
  readonly seconds: number;
}

/** Ends the training that tells its progress. */
export interface TableControl {
  /** Ends the training as if the time of `budget` were over: what has been trained is kept. */
  stop(): void;
}

/** Whom to tell. */
interface Listeners {
  readonly onProgress: ((progress: TableProgress, control: TableControl) => void) | undefined;
  readonly control: TableControl;
  readonly verbose: boolean;
  /** The most seconds of the training. */
  readonly seconds: number | undefined;
}

/** Counts the networks of all targets. */
export class Progress {
  readonly #counts: readonly number[];
  readonly #listeners: Listeners;
  readonly #begun = now();
  readonly #display: ReturnType<typeof displayModels> | undefined;
  /** The current target. */
  #target = 0;
  #last = -1;

  /** `counts`: the networks of each target. */
  constructor(counts: readonly number[], listeners: Listeners) {
    this.#counts = counts;
    this.#listeners = listeners;
    this.#display = listeners.verbose ? displayModels(this.#total, "network") : undefined;
  }

  get #total(): number {
    return this.#counts.reduce((sum, count) => sum + count, 0);
  }

  get #before(): number {
    return this.#counts.slice(0, this.#target).reduce((sum, count) => sum + count, 0);
  }

  get #seconds(): number {
    return (now() - this.#begun) / 1000;
  }

  /**
   * The share that the current target has in the time that is planned for the rest, times the share that is
   * left.
   */
  share(): number {
    const { seconds = Number.POSITIVE_INFINITY } = this.#listeners;
    const rest = this.#total - this.#before;
    const left = seconds === Number.POSITIVE_INFINITY ? 1 : Math.max(0, 1 - this.#seconds / seconds);
    return rest === 0 ? left : (left * this.#counts[this.#target]) / rest;
  }

  /** Tells that networks of the current target have been trained. */
  readonly report = ({ finished }: { readonly finished: number }): void => {
    this.#tell(this.#before + finished);
  };

  /** The current target is done. */
  end(): void {
    this.#target++;
    if (this.#last < this.#before) this.#tell(this.#before);
  }

  /** Ends the line on the terminal. */
  close(): void {
    this.#display?.end();
  }

  #tell(finished: number): void {
    const [total, seconds] = [this.#total, this.#seconds];
    this.#last = finished;
    const { onProgress, control, seconds: most = Number.POSITIVE_INFINITY } = this.#listeners;
    const left = finished === 0 ? undefined : (seconds / finished) * (total - finished);
    this.#display?.show(
      finished,
      left === undefined ? undefined : Math.max(0, Math.min(left, most - seconds)),
    );
    onProgress?.({ finished, total, seconds }, control);
  }
}
