/** One training of a model: runs its epochs synchronously, off the event loop, or one at a time. */
import { onAbort } from "../abort.ts";
import type { Dataset } from "../data/examples.ts";
import type { KernelData, Network, Progress, Run } from "../kernel/kernel.ts";
import { Clock } from "./budget.ts";
import type { Loaded } from "./data.ts";
import { advance, driveSync, type TrainingRequests } from "./drive.ts";
import { EpochLoop } from "./epochLoop.ts";
import type { Epoch, History } from "./history.ts";
import type { CheckedFitOptions } from "./options.ts";
import type { HookResult } from "./participants.ts";
import { ResumableState } from "./resumableState.ts";
import type { TrainableModel } from "./trainableModel.ts";
import type { Profile } from "./warnings/profile.ts";

/** One training, from its first epoch to its last. */
export class Training {
  /** The name of the call, which begins the messages of errors. */
  readonly call: string;
  readonly network: Network;
  readonly #model: TrainableModel;
  readonly #options: CheckedFitOptions;
  readonly #state: ResumableState;
  readonly #clock: Clock;
  readonly #loop: EpochLoop;
  #requests: TrainingRequests | undefined;

  constructor(
    call: string,
    model: TrainableModel,
    loaded: Loaded,
    options: CheckedFitOptions,
    reload?: () => Loaded,
  ) {
    const state = new ResumableState(model, loaded, options, reload);
    const clock = new Clock(options.budget);
    this.call = call;
    this.network = state.network;
    this.#model = model;
    this.#options = options;
    this.#state = state;
    this.#clock = clock;
    this.#loop = new EpochLoop({ call, model, options, state, clock });
  }

  /** A copy of the history so far. */
  get history(): History {
    return this.#state.historyCopy;
  }

  get kernelData(): KernelData {
    return this.#state.loaded.kernelData;
  }

  /** The rows to train on, possibly in the caller's own memory. */
  get data(): Dataset {
    return this.#state.loaded.data;
  }

  /** Whether to warn if the training stalls. */
  get warns(): boolean {
    return this.#options.warnings;
  }

  /** The data's properties that warnings look at; undefined where the caller wants no warnings. */
  get profile(): Profile | undefined {
    return this.#state.loaded.profile;
  }

  get batchSize(): number {
    return this.#options.batchSize;
  }

  /** Identifies the call: each warning is given once per call. */
  get scope(): object {
    return this.#options.scope;
  }

  /** Epochs still to come. */
  get left(): number {
    return this.#state.epochsLeft;
  }

  /** Returns whether a run takes all epochs that are left. */
  takesAll({ steps }: Run): boolean {
    return steps === this.left * this.#state.stepsPerEpoch;
  }

  /** Returns the training as a generator of requests, for a caller that answers them itself. */
  requests(): TrainingRequests {
    return this.#loop.requests(false, false);
  }

  /** Ends the training as a hook's `stop` does. */
  leave(): void {
    this.#state.end("callback");
  }

  /** Trains all epochs before it returns. */
  sync(): History {
    try {
      driveSync(this.#loop.requests(true, false), (run) => this.network.train(this.kernelData, run));
    } finally {
      this.release();
    }
    return this.history;
  }

  /** Trains all epochs off the event loop. */
  async all(): Promise<History> {
    try {
      await this.#advance();
    } finally {
      this.release();
    }
    return this.history;
  }

  /** Trains off the event loop and yields each epoch. It continues when the caller asks for the next one. */
  async *each(): AsyncGenerator<Epoch, History> {
    try {
      for (let epochs = await this.#advance(true); epochs; epochs = await this.#advance(true)) yield* epochs;
      return this.history;
    } finally {
      await this.abandon();
    }
  }

  /** Ends the training that `each` began, if nobody pulls its generator to the end. */
  async abandon(): Promise<void> {
    this.leave();
    try {
      await this.#advance(true);
    } finally {
      this.release();
    }
  }

  /** Unlocks the model and frees the kernel's copy of the data. */
  release(): void {
    this.#model.release(this);
    this.#state.free();
  }

  /** Continues until the next epoch has ended where the training pauses after each, else to the end. */
  #advance(pauses = false): Promise<readonly Epoch[] | undefined> {
    this.#requests ??= this.#loop.requests(false, pauses);
    return advance(this.#requests, {
      train: (run) => this.#start(run),
      wait: (value, result) => this.wait(value, result),
    });
  }

  /** Starts a call of the kernel that ends early when the signal aborts or the time is over. */
  async #start(run: Run): Promise<Progress> {
    const stop = () => this.network.stop();
    const running = this.network.start(this.kernelData, run);
    const end = this.#onInterruption({ abort: stop, timeOver: stop });
    try {
      return await running;
    } finally {
      end();
    }
  }

  /** Calls back when the signal aborts and when the time is over, until the returned function is called. */
  #onInterruption({ abort, timeOver }: { abort(): void; timeOver?: () => void }): () => void {
    const endListening = onAbort(this.#options.signal, abort);
    const cancel = timeOver && this.#clock.whenOver(timeOver);
    return () => {
      cancel?.();
      endListening();
    };
  }

  /** Waits for a hook's promise, until the signal aborts or, while epochs are to come, the time is over. */
  wait(promise: PromiseLike<unknown>, { isInterruptible }: HookResult): PromiseLike<unknown> {
    const { signal } = this.#options;
    if (!isInterruptible) return promise;
    const isRunning = this.#state.history.ended === undefined;
    let end = () => {};
    const waiting = new Promise<unknown>((resolve, reject) => {
      const abort = () => reject(signal?.reason);
      const timeOver = () => {
        this.#state.end("budget");
        resolve(undefined);
      };
      end = this.#onInterruption({ abort, ...(isRunning && { timeOver }) });
      promise.then(resolve, reject);
      if (signal?.aborted) abort();
    });
    return waiting.finally(() => end());
  }
}
