/** How good the networks of a target are while they train. */
import { momentsOf } from "../../data/moments.ts";
import { now } from "../../host.ts";
import type { Model } from "../../model.ts";
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

/** Rows that networks share. */
interface Scaled {
  /** The factors that the inputs were multiplied by. */
  readonly scales?: Float32Array | undefined;
}

/** Rows that the networks of a fold do not learn from, as these networks take them. */
interface Sample {
  readonly x: Float32Array<ArrayBuffer>;
  readonly fold: Encoded;
  readonly objective: Objective;
}

interface Watched {
  readonly model: Model;
  readonly sample: Sample;
  /** What it answers to the first row before it has learned anything. */
  readonly untrained: Float32Array;
  /** The last values of the networks of its kind; smaller is better. */
  readonly values: Map<Model, number>;
}

/** Measures networks while they train. */
export interface Watch {
  /** Begins to watch a network before its training. */
  add(planned: { readonly bag: number; readonly fold: number }, model: Model, rows: Scaled): void;
  /** Measures the next network that has learned something, unless the last time is too short ago. */
  measure(): void;
  /** Measures all networks when their training has ended, and then watches them no more. */
  end(): Promise<void>;
  /** The mean over the networks of the best kind so far; undefined until one has been measured. */
  score(): ScoreSoFar | undefined;
}

const firstAnswer = (model: Model, { x }: Sample) => model.predict(x.subarray(0, model.inputs));

/**
 * Makes what measures the networks of a target one at a time: a network answers with the weights of its last
 * whole epoch.
 */
export function watchNetworks(
  target: Target,
  encoded: readonly Encoded[],
  { weights, isTuned = false }: { weights: Float64Array | undefined; isTuned?: boolean | undefined },
): Watch {
  const { description, values: all } = target;
  const { name, task, classWeights } = description;
  const metric = shownMetric(description);
  const samples = new Map<Scaled, Sample>();
  const kinds = new Map<number, Watched["values"]>();
  let running: Watched[] = [];
  let next = 0;
  let until = Number.NEGATIVE_INFINITY;

  /** Takes rows at equal distances, because a table may be sorted. */
  function sampleOf(fold: Encoded, { scales }: Scaled): Sample {
    const held = fold.split.heldOut;
    const { inputs } = fold.preparation;
    const count = Math.min(MOST_ROWS, held.length);
    const places = Array.from({ length: count }, (_, at) => Math.floor((at * held.length) / count));
    const x = Float32Array.from({ length: count * inputs }, (_, at) => {
      const input = at % inputs;
      return fold.heldOut.x[places[(at - input) / inputs] * inputs + input] * (scales?.[input] ?? 1);
    });
    const take = (list: Float64Array) => Float64Array.from(places, (place) => list[held[place]]);
    const own = weights && take(weights);
    const objective = objectiveOf({ ...description, metric }, isTuned, take(all), own) as Objective;
    return { x, fold, objective };
  }

  function measureOne({ model, values, sample: { x, fold, objective } }: Watched): void {
    const answers = finish(predictEncoded(model, x, fold, rangeOf(target), task === "classification"));
    // Networks learn with the weights of classes, which a decision applies again.
    if (classWeights !== undefined)
      for (let at = 0; at < answers.length; at++) answers[at] /= classWeights[at % classWeights.length];
    const value = objective(answers);
    if (Number.isFinite(value)) values.set(model, value);
  }

  return {
    add({ bag, fold }, model, rows) {
      const sample = samples.get(rows) ?? sampleOf(encoded[fold], rows);
      samples.set(rows, sample);
      const values = kinds.get(bag) ?? new Map();
      kinds.set(bag, values);
      running.push({ model, sample, untrained: firstAnswer(model, sample), values });
    },
    measure() {
      const begun = now();
      if (begun < until) return;
      for (const _ of running) {
        const one = running[next++ % running.length];
        if (firstAnswer(one.model, one.sample).every((value, at) => value === one.untrained[at])) continue;
        measureOne(one);
        break;
      }
      until = now() + REST * (now() - begun);
    },
    async end() {
      for (const one of running) {
        await pause();
        measureOne(one);
      }
      running = [];
      samples.clear();
    },
    score() {
      const means = Array.from(kinds.values(), (values) => momentsOf([...values.values()]).mean);
      const known = means.filter((mean) => !Number.isNaN(mean));
      if (known.length === 0) return undefined;
      const best = Math.min(...known);
      const value = metricOf(metric, description).smallerIsBetter ? best : -best;
      return { target: name, metric: metric.type as keyof Scores, value };
    },
  };
}
