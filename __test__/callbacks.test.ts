/** Callbacks of a training: the order of hooks, early stopping with the best weights, a budget. */
import fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import {
  type Callback,
  type Control,
  callbacks,
  dense,
  dropout,
  type Epoch,
  type FitOptions,
  Model,
  type ModelOptions,
  OptionError,
  relu,
  schedules,
} from "../src/index.ts";
import type { Run } from "../src/kernel/kernel.ts";
import { sessionOf } from "../src/model.ts";
import { readFitOptions } from "../src/training/options.ts";
import { flatten, kernelNames } from "./kernels.ts";
import { data, failureOf, makeModel, someRows } from "./samples.ts";

/** A clock that may advance so fast that each reading is long after the one before. */
const clock = vi.hoisted(() => ({ isFast: false, time: 0 }));
vi.mock(import("../src/host.ts"), async (original) => {
  const host = await original();
  const now = () => {
    clock.time += 10;
    return clock.time;
  };
  return { ...host, now: () => (clock.isFast ? now() : host.now()) };
});

const held = someRows(30, 50);
const weights = (model: Model) => flatten(model.getWeights());

/** The ways to train that return the history. */
const ways = [
  ["fit", (model: Model, options: FitOptions) => model.fit(data, options)],
  ["fitSync", async (model: Model, options: FitOptions) => model.fitSync(data, options)],
] as const;

describe.each(kernelNames)("hooks on the %s kernel", (kernel) => {
  const make = (options: Partial<ModelOptions> = {}) => makeModel({ kernel, ...options });

  describe.each(ways)("of %s", (_, train) => {
    test("are called in order, with the epochs, in the order of the callbacks", async () => {
      const calls: string[] = [];
      const named = (name: string): Callback => ({
        onTrainBegin: () => void calls.push(`${name} begin`),
        onEpochBegin: (epoch) => void calls.push(`${name} epoch ${epoch}`),
        onEpochEnd: ({ epoch, loss }) => void calls.push(`${name} ${epoch} ${loss}`),
        onTrainEnd: ({ loss }) => void calls.push(`${name} end ${loss.length}`),
      });
      const model = make();
      const { loss } = await train(model, { epochs: 2, callbacks: [named("a"), named("b")] });
      const epoch = (at: number) => [
        `a epoch ${at}`,
        `b epoch ${at}`,
        `a ${at} ${loss[at]}`,
        `b ${at} ${loss[at]}`,
      ];
      expect(calls).toEqual(["a begin", "b begin", ...epoch(0), ...epoch(1), "a end 2", "b end 2"]);
    });

    test("do not change a bit of the training", async () => {
      const [plain, watched] = [make(), make()];
      await train(plain, { epochs: 5 });
      await train(watched, { epochs: 5, callbacks: { onEpochEnd() {} } });
      expect(weights(watched)).toEqual(weights(plain));
    });

    test("can stop the training after the current epoch", async () => {
      const stop: Callback = {
        onEpochEnd: ({ epoch }, control) => (epoch === 2 ? control.stop() : undefined),
      };
      const [stopped, plain] = [make(), make()];
      expect((await train(stopped, { epochs: 9, callbacks: stop })).epoch).toEqual([0, 1, 2]);
      await train(plain, { epochs: 3 });
      expect(weights(stopped)).toEqual(weights(plain));
    });

    test("can stop it before it begins", async () => {
      const model = make();
      const before = weights(model);
      const history = await train(model, {
        epochs: 9,
        callbacks: { onTrainBegin: (control) => control.stop() },
      });
      expect(history.loss).toEqual([]);
      expect(weights(model)).toEqual(before);
    });

    test("can set the learning rate of the following epochs, instead of a schedule", async () => {
      const seen: number[] = [];
      const halve: Callback = {
        onEpochBegin: (_epoch, control) => void seen.push(control.learningRate),
        onEpochEnd({ epoch }, control) {
          if (epoch === 1) control.learningRate = 0.003;
        },
      };
      const schedule = schedules.exponential({ factor: 0.5 });
      const { learningRate } = await train(make(), { epochs: 4, schedule, callbacks: halve });
      expect(learningRate).toEqual([0.05, 0.025, 0.003, 0.003]);
      expect(seen).toEqual(learningRate);
    });

    test("can read the weights of the epoch, and the remaining time", async () => {
      let control: Control | undefined;
      const read: unknown[] = [];
      const left: (number | undefined)[] = [];
      const model = make();
      await train(model, {
        epochs: 3,
        callbacks: {
          onTrainBegin(given) {
            control = given;
            left.push(given.secondsLeft);
          },
          onEpochEnd(_epoch, given) {
            read.push(given.getWeights());
            left.push(given.secondsLeft);
          },
        },
      });
      expect(read[2]).toEqual(model.getWeights());
      expect(read[1]).not.toEqual(read[2]);
      expect(left[0]).toBeUndefined();
      expect(left[1]).toBeGreaterThan(0);
      expect(left[3]).toBe(0);
      expect(control?.learningRate).toBe(0.05);
    });

    test("end the training if they throw; the model keeps its weights, and all onTrainEnd hooks are called", async () => {
      const error = new Error("enough");
      const ends: string[] = [];
      const throwing: Callback = {
        onEpochEnd({ epoch }) {
          if (epoch === 1) throw error;
        },
        onTrainEnd: () => void ends.push("first"),
      };
      const [model, plain] = [make(), make()];
      const last: Callback = { onTrainEnd: ({ loss }) => void ends.push(`last ${loss.length}`) };
      expect(await failureOf(() => train(model, { epochs: 9, callbacks: [throwing, last] }))).toBe(error);
      expect(ends).toEqual(["first", "last 2"]);
      await train(plain, { epochs: 2 });
      expect(weights(model)).toEqual(weights(plain));
      await train(model, { epochs: 1 });
    });

    test("end it with their own error, even if onTrainEnd throws too", async () => {
      const callbacks: Callback = {
        onEpochEnd() {
          throw new Error("first");
        },
        onTrainEnd() {
          throw new Error("second");
        },
      };
      expect(await failureOf(() => train(make(), { callbacks }))).toMatchObject({ message: "first" });
      const { onTrainEnd } = callbacks;
      const alone = { onTrainEnd } as Callback;
      expect(await failureOf(() => train(make(), { callbacks: alone }))).toMatchObject({ message: "second" });
    });

    test("include onTrainEnd after a divergence", async () => {
      const onTrainEnd = vi.fn();
      const model = make({ optimizer: { type: "sgd", learningRate: 1e20 } });
      expect(await failureOf(() => train(model, { epochs: 5, callbacks: { onTrainEnd } }))).toMatchObject({
        name: "DivergenceError",
      });
      expect(onTrainEnd).toHaveBeenCalledOnce();
    });

    test.each([
      [{ onEpochend() {} }, 'callbacks[0]: unknown hook "onEpochend". Did you mean "onEpochEnd"?'],
      [() => {}, "callbacks[0]: expected an object of hooks, received a function; call it"],
      [[{ onEpochEnd() {} }, 3], "callbacks[1]: expected an object of hooks, received 3"],
      [
        {},
        "callbacks[0]: expected one of the hooks onTrainBegin, onEpochBegin, onEpochEnd, onTrainEnd, received none",
      ],
      [{ onEpochEnd: 3 }, "callbacks[0]: onEpochEnd: expected a function, received 3"],
      [
        [callbacks.earlyStopping(), callbacks.earlyStopping()],
        "expected one earlyStopping, received several",
      ],
    ])("are checked before the training: %o", async (given, message) => {
      const model = make();
      const before = weights(model);
      const error = (await failureOf(() => train(model, { callbacks: given as Callback }))) as Error;
      expect(error).toBeInstanceOf(OptionError);
      expect(error.message).toContain(message);
      expect(weights(model)).toEqual(before);
    });
  });

  test("that return a promise delay fit", async () => {
    const order: string[] = [];
    await make().fit(data, {
      epochs: 2,
      callbacks: {
        async onEpochEnd({ epoch }) {
          await new Promise((resolve) => setTimeout(resolve, 5));
          order.push(`waited ${epoch}`);
        },
        onEpochBegin: (epoch) => void order.push(`begin ${epoch}`),
      },
    });
    expect(order).toEqual(["begin 0", "waited 0", "begin 1", "waited 1"]);
  });

  test("that return a promise are refused by fitSync", () => {
    const callbacks: Callback = { async onEpochEnd() {} };
    const message =
      "fitSync: callbacks[0]: onEpochEnd: the hook returned a promise, and fitSync does not wait. Fix: use fit";
    expect(() => make().fitSync(data, { callbacks })).toThrow(message);
  });

  test("cannot set an invalid learning rate", () => {
    const set = (rate: number): Callback => ({
      onEpochEnd(_epoch, control) {
        control.learningRate = rate;
      },
    });
    for (const rate of [-1, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => make().fitSync(data, { callbacks: set(rate) })).toThrow(
        `learningRate: expected a number of at least 0, received ${rate}`,
      );
    }
  });
});

/** Returns what early stopping must do for a list of values: the number of epochs, and the best of them. */
function expected(values: readonly number[], patience: number, minDelta: number) {
  let [best, bestEpoch, waited] = [Number.POSITIVE_INFINITY, -1, 0];
  for (const [epoch, value] of values.entries()) {
    if (value < best - minDelta) [best, bestEpoch, waited] = [value, epoch, 0];
    else waited++;
    if (waited > patience) return { epochs: epoch + 1, bestEpoch };
  }
  return { epochs: values.length, bestEpoch };
}

describe.each(kernelNames)("early stopping on the %s kernel", (kernel) => {
  /** A learning rate at which losses rise and fall. */
  const makeFluctuating = (options: Partial<ModelOptions> = {}) =>
    new Model({
      inputs: 2,
      layers: [dense(6), relu(), dropout({ rate: 0.2 }), dense(1)],
      loss: "meanSquaredError",
      optimizer: { type: "adam", learningRate: 0.05 },
      metrics: ["meanAbsoluteError", "rocAuc", "accuracy"],
      seed: 5,
      kernel,
      ...options,
    });
  const options = { epochs: 25, batchSize: 8, validationData: held };
  const whole = makeFluctuating().fitSync(data, options) as unknown as Record<string, number[]>;
  const weightsAfter = new Map<number, number[]>();
  const after = (epochs: number) => {
    if (!weightsAfter.has(epochs)) {
      const model = makeFluctuating();
      model.fitSync(data, { ...options, epochs });
      weightsAfter.set(epochs, weights(model));
    }
    return weightsAfter.get(epochs);
  };

  test("ends at the expected epoch with the best weights, for every monitored metric and with other callbacks", async () => {
    const monitors = [
      ...(["loss", "validationLoss", "meanAbsoluteError", "validationMeanAbsoluteError"] as const),
      ...(["accuracy", "validationAccuracy", "validationRocAuc"] as const),
    ];
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...monitors),
        fc.nat(6),
        fc.constantFrom(0, 0.001, 0.02),
        fc.boolean(),
        fc.boolean(),
        async (monitor, patience, minDelta, alone, sync) => {
          const values = whole[monitor].map((value) => (/accuracy|auc/i.test(monitor) ? -value : value));
          const { epochs, bestEpoch } = expected(values, patience, minDelta);
          const stopping = callbacks.earlyStopping({ monitor, patience, minDelta });
          const model = makeFluctuating();
          const list = alone ? [stopping] : [{ onEpochEnd() {} }, stopping];
          const given = { ...options, callbacks: list };
          const history = sync ? model.fitSync(data, given) : await model.fit(data, given);
          expect(history.loss).toEqual(whole.loss.slice(0, epochs));
          expect(weights(model)).toEqual(after(bestEpoch + 1));
        },
      ),
      { numRuns: 60, seed: 1 },
    );
  });

  test("restores the best weights when the loss is no longer finite", () => {
    const model = makeFluctuating({ layers: [dense(6), relu(), dense(1)] });
    const best: number[][] = [];
    const explode: Callback = {
      onEpochEnd({ epoch }, control) {
        if (epoch === 1) best.push(flatten(control.getWeights()));
        if (epoch === 2) control.learningRate = 1e30;
      },
    };
    const monitor = { monitor: "loss", patience: 50 } as const;
    expect(() =>
      model.fitSync(data, { ...options, callbacks: [explode, callbacks.earlyStopping(monitor)] }),
    ).toThrow("The weights are those of the best epoch");
    const { loss } = model.history as { loss: number[] };
    expect(loss.length).toBeGreaterThanOrEqual(3);
    expect(weights(model).every(Number.isFinite)).toBe(true);
  });

  test("allows further training afterwards", () => {
    const model = makeFluctuating();
    const { epoch } = model.fitSync(data, {
      ...options,
      callbacks: callbacks.earlyStopping({ patience: 0 }),
    });
    expect(model.fitSync(data, options).epoch[0]).toBe(epoch.length);
  });

  test.each([
    [{ patience: -1 }, "callbacks.earlyStopping: patience: expected a whole number"],
    [
      { minDelta: -1 },
      "callbacks.earlyStopping: minDelta: expected a finite number of at least 0, received -1",
    ],
    [{ patients: 3 }, 'unknown option "patients". Did you mean "patience"?'],
  ])("refuses the options %o", (given, message) => {
    expect(() => callbacks.earlyStopping(given as object)).toThrow(message);
  });

  test.each([
    ["validationLoss", "is measured with validationData or validationSplit, and neither is given"],
    ["acuracy", 'unknown metric "acuracy". Did you mean "accuracy"?'],
  ])("refuses to monitor %s when the training begins", (monitor, message) => {
    const list = [callbacks.earlyStopping({ monitor: monitor as "loss" })];
    const fit = () => makeFluctuating().fitSync(data, { callbacks: list });
    expect(fit).toThrow(OptionError);
    expect(fit).toThrow("fitSync: callbacks[0]: earlyStopping: monitor: ");
    expect(fit).toThrow(message);
  });
});

describe.each(kernelNames)("a budget on the %s kernel", (kernel) => {
  const make = () => makeModel({ kernel });

  test.each(ways)("ends %s with the first epoch whose loss reaches the target", async (_, train) => {
    const { loss } = await train(make(), { epochs: 40 });
    for (const at of [0, 7, 25]) {
      const targetLoss = loss[at];
      const first = loss.findIndex((value) => value <= targetLoss);
      const history = await train(make(), { epochs: 40, budget: { targetLoss } });
      expect(history.loss).toEqual(loss.slice(0, first + 1));
    }
    expect((await train(make(), { epochs: 5, budget: { targetLoss: -1 } })).loss.length).toBe(5);
  });

  test.each(ways)("ends %s when the time is over, and keeps the weights at that time", async (_, train) => {
    const model = make();
    const { loss, ended } = await train(model, { epochs: 1e7, budget: { seconds: 0.2 } });
    expect(ended).toBe("budget");
    expect(loss.length).toBeGreaterThan(0);
    expect(loss.length).toBeLessThan(1e7);
    const { training } = model.toJSON();
    expect(weights(model)).toEqual(weightsAfterSteps(make(), training.steps, { epochs: loss.length + 1 }));
  });

  test("provides the remaining time", async () => {
    const left: number[] = [];
    const epochs: Epoch[] = [];
    await make().fit(data, {
      epochs: 1e7,
      budget: { seconds: 0.3 },
      callbacks: {
        onEpochEnd(epoch, { secondsLeft }) {
          epochs.push(epoch);
          left.push(secondsLeft as number);
        },
      },
    });
    expect(left[0]).toBeLessThanOrEqual(0.3);
    expect(left.at(-1)).toBeLessThan(left[0]);
  });

  test.each([
    [{ seconds: 0 }, "budget: seconds: expected a number above 0, received 0"],
    [{ targetLoss: Number.NaN }, "budget: targetLoss: expected a number, received NaN"],
    [{ second: 1 }, 'unknown option "second". Did you mean "seconds"?'],
    [3, "budget: expected an object, received 3. Fix: budget: { seconds: 3 }"],
  ])("refuses %o", (budget, message) => {
    expect(() => make().fitSync(data, { budget: budget as object })).toThrow(message);
  });
});

/** Returns the weights after a number of steps that the kernel itself takes. */
function weightsAfterSteps(model: Model, steps: number, options: FitOptions): number[] {
  const session = sessionOf(model);
  const checked = readFitOptions("fit", options);
  const fit = session.begin("fit", data, checked);
  const { value: request } = fit.requests().next();
  const { run } = request as { run: Run };
  // For a user, one call of the kernel takes at most this number of epochs.
  const learningRates = new Float64Array(checked.epochs).fill(run.learningRates[0]);
  fit.network.train(fit.kernelData, { ...run, steps, learningRates });
  return weights(model);
}

describe.each(kernelNames)("a signal on the %s kernel", (kernel) => {
  const options = { epochs: 6, batchSize: 8 };
  const steps = 6 * 7;

  test("leaves the model after the last complete step, at any time", async () => {
    const seen = new Set<number>();
    clock.isFast = true; // so that the typescript kernel yields after each step
    try {
      for (let turns = 0; turns <= 2 * steps + 4; turns++) {
        const model = makeModel({ kernel });
        const abort = new AbortController();
        const running = failureOf(async () => {
          await model.fit(data, { ...options, signal: abort.signal });
          throw "ended";
        });
        for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
        abort.abort("enough");
        const ended = await running;
        const taken = model.toJSON().training.steps;
        expect(ended).toBe(taken === steps && ended === "ended" ? "ended" : "enough");
        seen.add(taken);
        expect(weights(model)).toEqual(weightsAfterSteps(makeModel({ kernel }), taken, options));
      }
    } finally {
      clock.isFast = false;
    }
    const all = Array.from({ length: steps + 1 }, (_, step) => step);
    if (kernel === "typescript") expect([...seen]).toEqual(all);
  });
});
