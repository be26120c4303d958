/** Runs and their progress as blocks of doubles, in the order of `crates/wasm/src/run.rs`. */
import type { Best, Progress, Run } from "../kernel.ts";
import type { Instance } from "./instance.ts";

/** Returns the numbers of a run, followed by its learning rates. */
export function encodeRun(run: Run): Float64Array {
  const { from, earlyStopping, learningRates } = run;
  const settings = [
    from.epoch,
    from.step,
    from.steps,
    from.loss,
    run.steps,
    run.batchSize,
    run.seed,
    Number(run.shuffle),
    run.accumulate,
    Number(run.ratePerStep ?? false),
    Number(run.predictions ?? false),
    run.targetLoss ?? Number.NEGATIVE_INFINITY,
    Number(earlyStopping !== undefined),
    Number(earlyStopping?.validation ?? false),
    earlyStopping?.measure ?? Number.NaN,
    Number(earlyStopping?.largerIsBetter ?? false),
    earlyStopping?.minDelta ?? 0,
    earlyStopping?.patience ?? 0,
    earlyStopping?.best ?? 0,
    earlyStopping?.waited ?? 0,
  ];
  const numbers = new Float64Array(settings.length + learningRates.length);
  numbers.set(settings);
  numbers.set(learningRates, settings.length);
  return numbers;
}

/** The numbers before the arrays, and the numbers of all eight arrays: their places and lengths. */
const NUMBERS = 11 + 2 * 8;

/** Returns the progress that the module has left. */
export function decodeProgress(instance: Instance, run: Run): Progress {
  const numbers = instance.numbers(NUMBERS);
  const [epoch, step, steps, loss, reached, stopped, divergedEpoch, divergedStep, best, waited, bestEpoch] =
    numbers;
  const place = (index: number) => numbers.subarray(11 + 2 * index);
  const doubles = (index: number) => instance.doubles(place(index)[0], place(index)[1]);
  const floats = (index: number) => {
    const [pointer, count] = place(index);
    return instance.floats.slice(pointer / 4, pointer / 4 + count);
  };
  const some = <T>(index: number, read: (index: number) => T) =>
    place(index)[1] === 0 ? undefined : read(index);
  const found: Best | undefined = Number.isNaN(bestEpoch)
    ? undefined
    : { epoch: bestEpoch, parameters: floats(7) };
  return {
    position: { epoch, step, steps, loss },
    losses: doubles(0),
    seconds: doubles(1),
    validationLosses: some(2, doubles),
    measures: some(3, doubles),
    validationMeasures: some(4, doubles),
    predictions: some(5, floats),
    validationPredictions: some(6, floats),
    earlyStopping: run.earlyStopping && { ...run.earlyStopping, best, waited },
    best: found,
    reached: reached === 1,
    stopped: stopped === 1,
    diverged: Number.isNaN(divergedEpoch) ? undefined : { epoch: divergedEpoch, step: divergedStep },
  };
}
