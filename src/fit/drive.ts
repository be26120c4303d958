/** What takes a training from step to step: on the spot, or off the event loop. */
import { OptionError } from "../errors.ts";
import type { Progress, Run } from "../kernel.ts";
import type { Answer } from "./hooks.ts";

/** What a training asks for: a call of the kernel, or that what a hook gave is waited for. */
export type Request = { readonly run: Run } | Answer;

/** A training: it asks, and is told what a call of the kernel did. */
export type Steps = Generator<Request, void, Progress | undefined>;

function isPromise(given: unknown): given is PromiseLike<unknown> {
  return typeof (given as PromiseLike<unknown> | undefined)?.then === "function";
}

/** Takes all steps before it returns. */
export function driveSync(steps: Steps, train: (run: Run) => Progress): void {
  const answer = (request: Request) => {
    if ("run" in request) return train(request.run);
    if (!isPromise(request.given)) return undefined;
    request.given.then(undefined, () => undefined);
    throw new OptionError(`${request.place}: it gave a promise, and fitSync waits for none; use fit`);
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

/** Takes all steps while the event loop goes on. */
export async function drive(steps: Steps, train: (run: Run) => Promise<Progress>): Promise<void> {
  let step = steps.next();
  while (!step.done) {
    let answered: Progress | undefined;
    try {
      if ("run" in step.value) answered = await train(step.value.run);
      else if (isPromise(step.value.given)) await step.value.given;
    } catch (error) {
      step = steps.throw(error);
      continue;
    }
    step = steps.next(answered);
  }
}
