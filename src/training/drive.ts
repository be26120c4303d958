/** Answers the requests of a training: before the call returns, or off the event loop. */
import { OptionError } from "../errors.ts";
import type { Progress, Run } from "../kernel/kernel.ts";
import type { Epoch } from "./history.ts";
import type { HookResult } from "./participants.ts";

/** A request of a training: call the kernel, wait for a hook's promise, or hand out the epochs that ended. */
export type TrainingRequest = { readonly run: Run } | { readonly ended: readonly Epoch[] } | HookResult;

/** A training as a generator: it yields requests and receives the result of each call of the kernel. */
export type TrainingRequests = Generator<TrainingRequest, void, Progress | undefined>;

export function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | undefined)?.then === "function";
}

/** Answers all requests before it returns. */
export function driveSync(requests: TrainingRequests, train: (run: Run) => Progress): void {
  const answer = (request: TrainingRequest) => {
    if ("run" in request) return train(request.run);
    if ("ended" in request || !isPromise(request.value)) return undefined;
    // Nobody waits for the promise, so a rejection would be unhandled.
    request.value.then(undefined, () => undefined);
    throw new OptionError(
      `${request.place}: the hook returned a promise, and fitSync does not wait. Fix: use fit`,
    );
  };
  let step = requests.next();
  while (!step.done) {
    let answered: Progress | undefined;
    try {
      answered = answer(step.value);
    } catch (error) {
      step = requests.throw(error);
      continue;
    }
    step = requests.next(answered);
  }
}

/** Answers requests off the event loop. */
export interface RequestHandlers {
  /** Calls the kernel. */
  train(run: Run): Promise<Progress>;
  /** Waits for the promise that a hook returned. */
  wait(promise: PromiseLike<unknown>, result: HookResult): PromiseLike<unknown>;
}

/**
 * Answers requests until the training hands out epochs, which it returns, or until the training has ended;
 * then it returns undefined.
 */
export async function advance(
  requests: TrainingRequests,
  { train, wait }: RequestHandlers,
): Promise<readonly Epoch[] | undefined> {
  let step = requests.next();
  while (!step.done) {
    const request = step.value;
    if ("ended" in request) return request.ended;
    let answered: Progress | undefined;
    try {
      if ("run" in request) answered = await train(request.run);
      else if (isPromise(request.value)) await wait(request.value, request);
    } catch (error) {
      step = requests.throw(error);
      continue;
    }
    step = requests.next(answered);
  }
  return undefined;
}
