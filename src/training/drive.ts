/** Takes a training from request to request: before the call returns, or off the event loop. */
import { OptionError } from "../errors.ts";
import type { Progress, Run } from "../kernel/kernel.ts";
import type { Epoch } from "./history.ts";
import type { Answer } from "./participants.ts";

/** What a training asks for: a call of the kernel, the end of a hook's promise, or that epochs are shown. */
export type Request = { readonly run: Run } | { readonly ended: readonly Epoch[] } | Answer;

/** A training: it yields requests and receives what a call of the kernel did. */
export type Steps = Generator<Request, void, Progress | undefined>;

export function isPromise(given: unknown): given is PromiseLike<unknown> {
  return typeof (given as PromiseLike<unknown> | undefined)?.then === "function";
}

/** Takes all steps before it returns. */
export function driveSync(steps: Steps, train: (run: Run) => Progress): void {
  const answer = (request: Request) => {
    if ("run" in request) return train(request.run);
    if ("ended" in request || !isPromise(request.given)) return undefined;
    request.given.then(undefined, () => undefined);
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
export interface Answers {
  /** Takes a call of the kernel. */
  train(run: Run): Promise<Progress>;
  /** Waits for what a hook returned. */
  wait(given: PromiseLike<unknown>, answer: Answer): PromiseLike<unknown>;
}

/**
 * Takes steps while the event loop runs, until epochs are to be shown, which it returns, or until the training
 * has ended.
 */
export async function advance(steps: Steps, { train, wait }: Answers): Promise<readonly Epoch[] | undefined> {
  let step = steps.next();
  while (!step.done) {
    const request = step.value;
    if ("ended" in request) return request.ended;
    let answered: Progress | undefined;
    try {
      if ("run" in request) answered = await train(request.run);
      else if (isPromise(request.given)) await wait(request.given, request);
    } catch (error) {
      step = steps.throw(error);
      continue;
    }
    step = steps.next(answered);
  }
  return undefined;
}
