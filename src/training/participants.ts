/** Who takes part in a training between its epochs: callbacks, and the progress that is shown. */

import { OptionError, show } from "../errors.ts";
import { unknownName } from "../options.ts";
import { type Callback, HOOKS } from "./callbacks/callback.ts";
import { EarlyStoppingCallback } from "./callbacks/earlyStopping.ts";
import {
  createParticipant,
  type Participant,
  type ParticipantCallback,
  type RunningTraining,
} from "./callbacks/participant.ts";
import type { Epoch, History } from "./history.ts";
import { displayProgress } from "./progressBar.ts";

/** The caller's hooks as a participant. They are called after each epoch if one of them is about epochs. */
function ofHooks(callback: Callback): Participant {
  const isAboutEpochs = callback.onEpochBegin !== undefined || callback.onEpochEnd !== undefined;
  return {
    isInterruptible: true,
    ...(isAboutEpochs && { epochsUntil: () => 1 }),
    onTrainBegin: ({ control }) => callback.onTrainBegin?.(control),
    onEpochBegin: (epoch, { control }) => callback.onEpochBegin?.(epoch, control),
    // `epochsUntil` is 1 here, so exactly one epoch ended.
    onEpochsEnd: ([epoch], { control }) => callback.onEpochEnd?.(epoch, control),
    onTrainEnd: (history) => callback.onTrainEnd?.(history),
  };
}

/** Shows the progress. */
function ofProgress(epochs: number): Participant {
  let watcher: ReturnType<typeof displayProgress> | undefined;
  return {
    epochsUntil: () => watcher?.epochs ?? 1,
    onTrainBegin: ({ done }) => {
      watcher = displayProgress(epochs, done);
    },
    onEpochsEnd: (ended, { control }) => watcher?.show(ended, control.secondsLeft ?? 0),
    onTrainEnd: (history) => watcher?.end(history),
  };
}

/** One callback, or a list; checked. */
export function readCallbacks(given: unknown, place: string): readonly Callback[] {
  if (given === undefined) return [];
  const list: readonly unknown[] = Array.isArray(given) ? given : [given];
  for (const [index, callback] of list.entries()) checkCallback(callback, `${place}[${index}]`);
  if (list.filter((callback) => callback instanceof EarlyStoppingCallback).length > 1) {
    throw new OptionError(`${place}: expected one earlyStopping, received several`);
  }
  return list as readonly Callback[];
}

function checkCallback(callback: unknown, place: string): void {
  if (callback === null || typeof callback !== "object") {
    const hint = typeof callback === "function" ? "; call it, or name the hook: { onEpochEnd: … }" : "";
    throw new OptionError(`${place}: expected an object of hooks, received ${show(callback)}${hint}`);
  }
  for (const name of Object.keys(callback)) {
    if (/^on[A-Z_]/.test(name) && !(HOOKS as readonly string[]).includes(name)) {
      throw unknownName(place, "hook", name, HOOKS);
    }
  }
  for (const name of HOOKS) {
    const hook = (callback as Callback)[name];
    if (hook !== undefined && typeof hook !== "function") {
      throw new OptionError(`${place}: ${name}: expected a function, received ${show(hook)}`);
    }
  }
  const isOurs = createParticipant in callback || callback instanceof EarlyStoppingCallback;
  if (isOurs || HOOKS.some((name) => (callback as Callback)[name] !== undefined)) return;
  // It would be passed over in silence.
  const hint = "a callback made by another copy of myelin has none for this one";
  throw new OptionError(`${place}: expected one of the hooks ${HOOKS.join(", ")}, received none; ${hint}`);
}

/** Refuses callbacks that write files where many models share them; `fix` says what to do. */
export function checkShared(list: readonly Callback[], place: string, fix: string): void {
  const at = list.findIndex((callback) => createParticipant in callback);
  if (at < 0) return;
  throw new OptionError(
    `${place}[${at}]: expected early stopping or hooks, received a callback that writes files, which all ` +
      `models would share. Fix: ${fix}`,
  );
}

/** What a participant returned, which may be a promise. */
export interface HookResult {
  readonly value: unknown;
  readonly place: string;
  /** Whether the signal and the budget end the wait for it. */
  readonly isInterruptible: boolean;
}

interface Placed {
  readonly place: string;
  readonly participant: Participant;
}

/** All participants of a training, called in the order of the callbacks. */
export class Participants {
  readonly #list: readonly Placed[];

  constructor(call: string, callbacks: readonly Callback[], progressOf: number | undefined) {
    const given = callbacks.map((callback, index) => {
      const place = `${call}: callbacks[${index}]`;
      const participant =
        createParticipant in callback
          ? (callback as ParticipantCallback)[createParticipant](place)
          : ofHooks(callback);
      return { place, participant };
    });
    const progress = progressOf === undefined ? [] : [{ place: call, participant: ofProgress(progressOf) }];
    this.#list = [...given, ...progress];
  }

  /** How many epochs may pass until one of them is called, when so many have ended. */
  epochsUntil(done: number): number {
    return this.#list.reduce(
      (least, { participant }) => Math.min(least, participant.epochsUntil?.(done) ?? least),
      Number.POSITIVE_INFINITY,
    );
  }

  *begin(course: RunningTraining): Generator<HookResult, void> {
    yield* this.#call("onTrainBegin", (participant) => participant.onTrainBegin?.(course));
  }

  *beginEpoch(epoch: number, course: RunningTraining): Generator<HookResult, void> {
    yield* this.#call("onEpochBegin", (participant) => participant.onEpochBegin?.(epoch, course));
  }

  *endEpochs(epochs: readonly Epoch[], course: RunningTraining): Generator<HookResult, void> {
    yield* this.#call("onEpochEnd", (participant) => participant.onEpochsEnd?.(epochs, course));
  }

  *lastEpoch(course: RunningTraining): Generator<HookResult, void> {
    yield* this.#call("onEpochEnd", (participant) => participant.onLastEpoch?.(course));
  }

  /** Calls all, even where one of them throws; appends what they throw to the errors. */
  *end(history: History, errors: unknown[]): Generator<HookResult, void> {
    for (const placed of this.#list) {
      try {
        yield hookResult(placed, "onTrainEnd", placed.participant.onTrainEnd?.(history));
      } catch (error) {
        errors.push(error);
      }
    }
  }

  *#call(hook: string, call: (participant: Participant) => unknown): Generator<HookResult, void> {
    for (const placed of this.#list) yield hookResult(placed, hook, call(placed.participant));
  }
}

function hookResult({ place, participant }: Placed, hook: string, value: unknown): HookResult {
  return { value, place: `${place}: ${hook}`, isInterruptible: participant.isInterruptible === true };
}
