/** The participants of a training, which it calls between epochs: callbacks and the progress display. */
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

/** Makes a participant of the caller's hooks. Hooks of epochs are called after each epoch. */
function ofHooks(callback: Callback): Participant {
  const isAboutEpochs = callback.onEpochBegin !== undefined || callback.onEpochEnd !== undefined;
  return {
    isInterruptible: true,
    ...(isAboutEpochs && { epochsUntil: () => 1 }),
    onTrainBegin: ({ control }) => callback.onTrainBegin?.(control),
    onEpochBegin: (epoch, { control }) => callback.onEpochBegin?.(epoch, control),
    // `epochsUntil` is 1 here, so exactly one epoch has ended.
    onEpochsEnd: ([epoch], { control }) => callback.onEpochEnd?.(epoch, control),
    onTrainEnd: (history) => callback.onTrainEnd?.(history),
  };
}

/** Makes a participant that shows the progress. */
function ofProgress(epochs: number): Participant {
  let display: ReturnType<typeof displayProgress> | undefined;
  return {
    epochsUntil: () => display?.epochs ?? 1,
    onTrainBegin: ({ done }) => {
      display = displayProgress(epochs, done);
    },
    onEpochsEnd: (ended, { control }) => display?.show(ended, control.secondsLeft ?? 0),
    onTrainEnd: (history) => display?.end(history),
  };
}

/** Checks the option `callbacks`: one callback, or a list. */
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
  // Without an error, such a callback would do nothing.
  const hint = "a callback made by another copy of myelin has no hooks for this one";
  throw new OptionError(`${place}: expected one of the hooks ${HOOKS.join(", ")}, received none; ${hint}`);
}

/** Refuses callbacks that write files, for a call with many models; `fix` says what to do instead. */
export function checkShared(list: readonly Callback[], place: string, fix: string): void {
  const at = list.findIndex((callback) => createParticipant in callback);
  if (at < 0) return;
  throw new OptionError(
    `${place}[${at}]: expected early stopping or hooks, received a callback that writes files, which all ` +
      `models would share. Fix: ${fix}`,
  );
}

/** What a hook returned, which may be a promise. */
export interface HookResult {
  readonly value: unknown;
  readonly place: string;
  /** Whether the signal and the budget end the wait for the promise. */
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

  /** Returns how many epochs may pass until a participant has to be called, after `done` epochs. */
  epochsUntil(done: number): number {
    return this.#list.reduce(
      (least, { participant }) => Math.min(least, participant.epochsUntil?.(done) ?? least),
      Number.POSITIVE_INFINITY,
    );
  }

  *begin(training: RunningTraining): Generator<HookResult, void> {
    yield* this.#call("onTrainBegin", (participant) => participant.onTrainBegin?.(training));
  }

  *beginEpoch(epoch: number, training: RunningTraining): Generator<HookResult, void> {
    yield* this.#call("onEpochBegin", (participant) => participant.onEpochBegin?.(epoch, training));
  }

  *endEpochs(epochs: readonly Epoch[], training: RunningTraining): Generator<HookResult, void> {
    yield* this.#call("onEpochEnd", (participant) => participant.onEpochsEnd?.(epochs, training));
  }

  *lastEpoch(training: RunningTraining): Generator<HookResult, void> {
    yield* this.#call("onEpochEnd", (participant) => participant.onLastEpoch?.(training));
  }

  /** Calls all participants, even if one throws, and appends what they throw to `errors`. */
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
