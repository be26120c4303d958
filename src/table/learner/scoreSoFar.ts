/** How good the networks of a target are while they train. */
import { now } from "../../host.ts";
import type { Model } from "../../model.ts";
import type { Complete } from "../../options.ts";
import { metricOf, type Objective, objectiveOf, shownMetric } from "../metric.ts";
import { finish, pause } from "../pieces.ts";
import type { Scores } from "../scores.ts";
import type { Target } from "../target.ts";
import type { Encoded } from "./encoded.ts";
import { predictEncoded, rangeOf } from "./learned.ts";

/** How good the networks are so far. */
export interface ScoreSoFar {
  /** The column that they predict. */
  readonly target: string;
  /** The `metric` of the options; by default the accuracy, or the root of the mean squared error. */
  readonly metric: keyof Scores;
  /** Its value, in the target's unit. */
  readonly value: number;
}

/** The most rows of a fold that networks are measured on. */
const MOST_ROWS = 512;
/** The time between two measurements, as a multiple of the time that the first one took. */
const REST = 20;

/** Rows that the networks of a fold do not learn from, as these networks take them. */
interface Sample {
  readonly x: Float32Array<ArrayBuffer>;
  readonly fold: Encoded;
  readonly objective: Objective;
}

/** Rows that networks share. */
interface Scaled {
  /** The factors that the inputs were multiplied by. */
  readonly scales: Float32Array | undefined;
}

interface Watched {
  readonly model: Model;
  readonly bag: number;
  readonly sample: Sample;
  /** What it answers to the first row before it has learned anything. */
  readonly untrained: Float32Array;
}

/**
 * Measures networks while they train, one at a time: a network answers with the weights of its last whole
 * epoch.
 */
export class Watch {
  readonly #target: Target;
  readonly #metric: Complete;
  readonly #encoded: readonly Encoded[];
  readonly #weights: Float64Array | undefined;
  readonly #isTuned: boolean;
  readonly #samples = new Map<Scaled, Sample>();
  #running: Watched[] = [];
  /** The last value of each network by its kind; smaller is better. */
  readonly #values = new Map<number, Map<Model, number>>();
  #next = 0;
  #until = Number.NEGATIVE_INFINITY;

  constructor(
    target: Target,
    encoded: readonly Encoded[],
    { weights, isTuned = false }: { weights: Float64Array | undefined; isTuned?: boolean | undefined },
  ) {
    this.#metric = shownMetric(target.description);
    this.#target = target;
    this.#encoded = encoded;
    this.#weights = weights;
    this.#isTuned = isTuned;
  }

  /** Begins to watch a network before its training. */
  add({ bag, fold }: { readonly bag: number; readonly fold: number }, model: Model, rows: Scaled): void {
    const sample = this.#samples.get(rows) ?? this.#sampleOf(this.#encoded[fold], rows);
    this.#samples.set(rows, sample);
    this.#running.push({ model, bag, sample, untrained: firstAnswer(model, sample) });
  }

  /** Measures the next network that has learned something, unless the last time is too short ago. */
  measure(): void {
    const begun = now();
    if (begun < this.#until) return;
    for (let tried = 0; tried < this.#running.length; tried++) {
      const one = this.#running[this.#next++ % this.#running.length];
      if (firstAnswer(one.model, one.sample).every((value, at) => value === one.untrained[at])) continue;
      this.#measure(one);
      break;
    }
    this.#until = now() + REST * (now() - begun);
  }

  /** Measures all networks when their training has ended, and then watches them no more. */
  async end(): Promise<void> {
    for (const one of this.#running) {
      await pause();
      this.#measure(one);
    }
    this.#running = [];
    this.#samples.clear();
  }

  /** The mean over the networks of the best kind so far; undefined until one has been measured. */
  get score(): ScoreSoFar | undefined {
    let best = Number.POSITIVE_INFINITY;
    for (const values of this.#values.values()) {
      let sum = 0;
      for (const value of values.values()) sum += value;
      best = Math.min(best, sum / values.size);
    }
    if (best === Number.POSITIVE_INFINITY) return undefined;
    const { description } = this.#target;
    const { smallerIsBetter } = metricOf(this.#metric, description);
    const metric = this.#metric.type as keyof Scores;
    return { target: description.name, metric, value: smallerIsBetter ? best : -best };
  }

  /** Rows at equal distances, because a table may be sorted. */
  #sampleOf(fold: Encoded, { scales }: Scaled): Sample {
    const { values, description } = this.#target;
    const held = fold.split.heldOut;
    const { inputs } = fold.preparation;
    const count = Math.min(MOST_ROWS, held.length);
    const places = Array.from({ length: count }, (_, at) => Math.floor((at * held.length) / count));
    const x = new Float32Array(count * inputs);
    for (const [row, place] of places.entries())
      for (let input = 0; input < inputs; input++)
        x[row * inputs + input] = fold.heldOut.x[place * inputs + input] * (scales?.[input] ?? 1);
    const rows = places.map((place) => held[place]);
    const weights = this.#weights;
    const objective = objectiveOf(
      { ...description, metric: this.#metric },
      this.#isTuned,
      Float64Array.from(rows, (row) => values[row]),
      weights && Float64Array.from(rows, (row) => weights[row]),
    ) as Objective;
    return { x, fold, objective };
  }

  #measure({ model, bag, sample: { x, fold, objective } }: Watched): void {
    const { task, classWeights } = this.#target.description;
    const isClassification = task === "classification";
    const answers = finish(predictEncoded(model, x, fold, rangeOf(this.#target), isClassification));
    // Networks learn with the weights of classes, which a decision applies again.
    if (classWeights !== undefined)
      for (let at = 0; at < answers.length; at++) answers[at] /= classWeights[at % classWeights.length];
    const value = objective(answers);
    if (!Number.isFinite(value)) return;
    const known = this.#values.get(bag) ?? new Map<Model, number>();
    this.#values.set(bag, known.set(model, value));
  }
}

const firstAnswer = (model: Model, { x }: Sample) => model.predict(x.subarray(0, model.inputs));
