/** How far the training of a table model has come: for a caller, and on standard error. */
import { now } from "../host.ts";
import { displayModels, nameAndValue } from "../training/progressBar.ts";
import type { ScoreSoFar } from "./learner/scoreSoFar.ts";

/** How far a training has come. */
export interface TableProgress {
  /** Networks whose training has ended, and not those that `stop()` or the budget has ended. */
  readonly finished: number;
  /** All networks. */
  readonly total: number;
  /** Seconds since the training of the first network began. */
  readonly seconds: number;
  /**
   * How good the networks of the best kind so far are: their mean, of up to 512 rows of each fold that they do
   * not learn from. Undefined until a network has ended its first epoch. The blend of all networks is usually
   * better.
   */
  readonly score?: ScoreSoFar | undefined;
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
  #score: ScoreSoFar | undefined;
  /** Networks of the targets so far whose training was cut off. */
  #cut = 0;
  /** Networks that the models have. */
  #kept = 0;

  /** `counts`: the networks of each target. */
  constructor(counts: readonly number[], listeners: Listeners) {
    this.#counts = counts;
    this.#listeners = listeners;
    const isShown = listeners.verbose && this.#total > 0;
    this.#display = isShown ? displayModels(this.#total, "network") : undefined;
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

  /** Tells that networks of the current target have been trained; undefined if nobody listens. */
  get report() {
    if (this.#display === undefined && this.#listeners.onProgress === undefined) return undefined;
    return ({ finished, score }: { finished: number; score?: ScoreSoFar | undefined }): void => {
      this.#score = score ?? this.#score;
      this.#tell(this.#before - this.#cut + finished);
    };
  }

  /** The current target is done. `isCut`: whether it was ended early; `kept`: the networks that it has. */
  end(isCut: boolean, kept: number): void {
    this.#target++;
    this.#kept += kept;
    const finished = this.#before - this.#cut;
    if (isCut) this.#cut = this.#before - Math.max(0, this.#last);
    else if (this.#last < finished) this.#tell(finished);
  }

  /** Ends the line on the terminal: with what was kept, if the training was ended early. */
  close(): void {
    const [finished, total, kept] = [Math.max(0, this.#last), this.#total, this.#kept];
    this.#display?.end(
      finished < total
        ? `stopped early, kept ${kept} of ${total} networks`
        : `finished ${finished} of ${total} networks`,
    );
  }

  #tell(finished: number): void {
    const [total, seconds, score] = [this.#total, this.#seconds, this.#score];
    this.#last = finished;
    const { onProgress, control, seconds: most = Number.POSITIVE_INFINITY } = this.#listeners;
    const shown = score && nameAndValue(score.metric, score.value);
    const left = finished === 0 ? undefined : (seconds / finished) * (total - finished);
    this.#display?.show(
      finished,
      left === undefined ? undefined : Math.max(0, Math.min(left, most - seconds)),
      score && this.#counts.length > 1 ? `${score.target}: ${shown}` : shown,
    );
    onProgress?.({ finished, total, seconds, ...(score && { score }) }, control);
  }
}
