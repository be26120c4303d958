/** Takes a training from request to request: before the call returns, or off the event loop. */
import { OptionError } from "../errors.ts";
import type { Progress, Run } from "../kernel/kernel.ts";
import type { Epoch } from "./history.ts";
import type { HookResult } from "./participants.ts";

/** What a training asks for: a call of the kernel, the end of a hook's promise, or that epochs are shown. */
export type TrainingRequest = { readonly run: Run } | { readonly ended: readonly Epoch[] } | HookResult;

/** A training: it yields requests and receives what a call of the kernel did. */
export type TrainingRequests = Generator<TrainingRequest, void, Progress | undefined>;

export function isPromise(given: unknown): given is PromiseLike<unknown> {
  return typeof (given as PromiseLike<unknown> | undefined)?.then === "function";
}

/** Takes all steps before it returns. */
export function driveSync(steps: TrainingRequests, train: (run: Run) => Progress): void {
  const answer = (request: TrainingRequest) => {
    if ("run" in request) return train(request.run);
    if ("ended" in request || !isPromise(request.value)) return undefined;
    request.value.then(undefined, () => undefined);
    throw new OptionError(`${request.place}: it returned a promise, and fitSync waits for none; use fit`);
  };
  let step = steps.next();
  while (!step.done) {
    let answered: Progress | undefined;
    try {
      answered = answer(step.value);
    } catch (error) {
      step = steps.throw(error);
      continue;
    }
    step = steps.next(answered);
  }
}

/** How requests are answered off the event loop. */
export interface RequestHandlers {
  /** Takes a call of the kernel. */
  train(run: Run): Promise<Progress>;
  /** Waits for what a hook returned. */
  wait(given: PromiseLike<unknown>, answer: HookResult): PromiseLike<unknown>;
}

/**
 * Takes steps while the event loop runs, until epochs are to be shown, which it returns, or until the training
 * has ended.
 */
export async function advance(
  steps: TrainingRequests,
  { train, wait }: RequestHandlers,
): Promise<readonly Epoch[] | undefined> {
  let step = steps.next();
  while (!step.done) {
    const request = step.value;
    if ("ended" in request) return request.ended;
    let answered: Progress | undefined;
    try {
      if ("run" in request) answered = await train(request.run);
      else if (isPromise(request.value)) await wait(request.value, request);
    } catch (error) {
      step = steps.throw(error);
      continue;
    }
    step = steps.next(answered);
  }
  return undefined;
}
