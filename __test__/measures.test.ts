/** Measures of a training besides its loss: validation, metrics, schedules that monitor them, progress. */
import { setImmediate as turn } from "node:timers/promises";
import { afterEach, describe, expect, test, vi } from "vitest";
import {
  adam,
  callbacks,
  dense,
  type Epoch,
  type FitOptions,
  type History,
  Model,
  type ModelOptions,
  metrics,
  OptionError,
  schedules,
  sgd,
  trainMany,
  xor,
} from "../src/index.ts";
import { splitHistory } from "../src/training/history.ts";
import { kernelNames, kernels } from "./kernels.ts";
import { programOf } from "./programs.ts";
import { data, failureOf, makeModel, someRows } from "./samples.ts";

/** Replaces the package's clock with one that the test sets, in milliseconds. Each reading advances it. */
const clock = vi.hoisted(() => ({ time: undefined as number | undefined, tick: 0 }));

vi.mock("../src/host.ts", async (importOriginal) => {
  const host = await importOriginal<typeof import("../src/host.ts")>();
  const now = () => {
    if (clock.time === undefined) return host.now();
    clock.time += clock.tick;
    return clock.time;
  };
  return { ...host, now };
});

const held = xor({ examples: 30, seed: 9 });

afterEach(() => {
  Object.assign(clock, { time: undefined, tick: 0 });
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

/** Returns a history without values that differ between runs. */
const timeless = (history: History) => {
  const { seconds: _, ...lists } = splitHistory(history).history;
  return lists;
};

describe.each(kernelNames)("on the %s kernel", (kernel) => {
  const make = (options: Partial<ModelOptions> = {}) => makeModel({ kernel, ...options });
  const measured = (options: Partial<ModelOptions> = {}) =>
    make({ metrics: ["accuracy", "meanAbsoluteError", metrics.rocAuc()], ...options });

  describe("a validation", () => {
    test("returns the loss that `evaluate` returns after each epoch, and does not train", async () => {
      const [validated, plain] = [make(), make()];
      const history = await validated.fit(data, { epochs: 3, batchSize: 8, validationData: held });
      const expected: number[] = [];
      for await (const _ of plain.epochs(data, { epochs: 3, batchSize: 8 })) {
        expected.push(plain.evaluate(held).loss);
      }
      expect(history.validationLoss).toEqual(expected);
      expect(validated.toJSON()).toEqual(plain.toJSON());
    });

    test("is a dataset, or x and y", () => {
      const of = (validationData: FitOptions["validationData"]) =>
        make().fitSync(data, { epochs: 2, validationData }).validationLoss;
      const expected = of(held);
      expect(expected).toHaveLength(2);
      expect(of([held.x, held.y])).toEqual(expected);
      expect(of({ x: held.x, y: Array.from(held.y, (value) => [value]) })).toEqual(expected);
    });

    test("has no sample weights", () => {
      const options = { validationData: held, sampleWeight: new Float32Array(50).fill(3) };
      const model = make({ optimizer: sgd({ learningRate: 0 }) });
      const { loss, validationLoss } = model.fitSync(data, options);
      expect(validationLoss).toEqual([model.evaluate(held).loss]);
      expect(loss[0]).toBeCloseTo(3 * model.evaluate(data).loss, 5);
    });

    test.each([
      [0.2, 40],
      [0.9, 5],
      [0.01, 49],
      [1 - 1e-9, 0],
    ])("of the share %d leaves the first %i rows for training", async (validationSplit, rows) => {
      const [split, first] = [make(), make()];
      const training = () => split.fit(data, { epochs: 2, validationSplit, validationShuffle: false });
      if (rows === 0) {
        const message = `fit: validationSplit: ${validationSplit} of 50 rows leaves nothing to train on`;
        expect(await failureOf(training)).toEqual(new OptionError(message));
        return;
      }
      const history = await training();
      const validationData = someRows(rows, 50);
      const expected = first.fitSync(someRows(0, rows), { epochs: 2, validationData });
      expect(history.validationRows).toEqual(Array.from({ length: 50 - rows }, (_, at) => rows + at));
      expect(timeless(history)).toEqual(timeless(expected));
    });

    test("of many rows yields to the event loop", async () => {
      const many = xor({ examples: 100_000, seed: 3 });
      // Each reading of the clock takes as long as a step, so turns count steps of the typescript kernel.
      Object.assign(clock, { time: 0, tick: 1 });
      let [turns, isOver] = [0, false];
      const training = make().fit(data, { epochs: 20, validationData: many });
      void training.finally(() => {
        isOver = true;
      });
      for (; !isOver; turns++) await turn();
      // Each of the 20 validations takes 196 steps of at most 512 rows there, and a turn takes two of them.
      expect(turns).toBeGreaterThan(kernel === "typescript" ? 20 * 90 : 3);
    });
  });

  describe("metrics", () => {
    test("that the kernel computes need one call for all epochs, also with early stopping on one", () => {
      const train = vi.spyOn(kernelNetwork(kernel).prototype, "train");
      const callsOf = (monitor: "accuracy" | "validationMeanAbsoluteError" | "rocAuc") => {
        train.mockClear();
        const stopping = callbacks.earlyStopping({ monitor, patience: 90 });
        measured().fitSync(data, { epochs: 40, validationData: held, callbacks: stopping });
        return train.mock.calls.length;
      };
      expect(callsOf("accuracy")).toBe(1);
      expect(callsOf("validationMeanAbsoluteError")).toBe(1);
      expect(callsOf("rocAuc")).toBe(40);
    });

    test("measure the predictions that training made before each step", () => {
      const before = measured();
      const { loss: _, ...expected } = before.evaluate(data);
      const { accuracy, meanAbsoluteError, rocAuc } = measured().fitSync(data, { batchSize: 50 });
      expect([accuracy![0], rocAuc![0]]).toEqual([expected.accuracy, expected.rocAuc]);
      expect(meanAbsoluteError![0]).toBeCloseTo(expected.meanAbsoluteError!, 6);
      const stepwise = measured({ metrics: ["meanAbsoluteError"] });
      const parts = [someRows(0, 32), someRows(32, 50)].map((part) => {
        const mean = stepwise.evaluate(part).meanAbsoluteError!;
        stepwise.fitSync(part, { shuffle: false, batchSize: 50 });
        return mean * part.y.length;
      });
      const whole = measured({ metrics: ["meanAbsoluteError"] }).fitSync(data, { shuffle: false });
      expect(whole.meanAbsoluteError![0]).toBeCloseTo((parts[0] + parts[1]) / 50, 6);
    });

    test("of a validation equal those of `evaluate`, under their own names", async () => {
      const model = measured();
      const epochs: Epoch[] = [];
      for await (const epoch of model.epochs(data, { epochs: 3, validationData: held })) {
        const { loss, accuracy, meanAbsoluteError, rocAuc } = model.evaluate(held);
        expect(epoch).toMatchObject({
          validationLoss: loss,
          validationAccuracy: accuracy,
          validationMeanAbsoluteError: meanAbsoluteError,
          validationRocAuc: rocAuc,
        });
        epochs.push(epoch);
      }
      const history = measured().fitSync(data, { epochs: 3, validationData: held });
      expect(history.validationAccuracy).toEqual(epochs.map((epoch) => epoch.validationAccuracy));
    });

    test("are the same in fit, fitSync, epochs and trainMany", async () => {
      const options = { epochs: 4, batchSize: 8, validationSplit: 0.3 };
      const expected = timeless(measured().fitSync(data, options));
      expect(Object.keys(expected)).toEqual([
        "epoch",
        "loss",
        "learningRate",
        "accuracy",
        "meanAbsoluteError",
        "rocAuc",
        "validationLoss",
        "validationAccuracy",
        "validationMeanAbsoluteError",
        "validationRocAuc",
      ]);
      expect(timeless(await measured().fit(data, options))).toEqual(expected);
      const pulled = measured().epochs(data, options);
      let next = await pulled.next();
      while (!next.done) next = await pulled.next();
      expect(timeless(next.value)).toEqual(expected);
      const many = await trainMany([measured(), measured()], data, options);
      for (const history of many) expect(timeless(history)).toEqual(expected);
    });

    test("change no bit of the training, for any number of calls of the kernel", () => {
      // More predictions than one call returns.
      const many = xor({ examples: 3000, seed: 2 });
      const options = { epochs: 400, batchSize: 3000 };
      const [plain, seen] = [make(), measured({ metrics: ["accuracy"] })];
      expect(seen.fitSync(many, options).loss).toEqual(plain.fitSync(many, options).loss);
      expect(seen.getWeights()).toEqual(plain.getWeights());
    });

    test("use the data as it was when the training began", async () => {
      const copy = { x: data.x.slice(), y: data.y.slice() };
      const training = measured().fit(copy, { epochs: 300, validationData: copy });
      copy.x.fill(0);
      copy.y.fill(0);
      expect(timeless(await training)).toEqual(
        timeless(measured().fitSync(data, { epochs: 300, validationData: data })),
      );
    });

    test("are kept in a saved model", () => {
      const model = measured();
      model.fitSync(data);
      const copy = Model.fromJSON(JSON.stringify(model), { kernel });
      expect(copy.evaluate(held)).toEqual(model.evaluate(held));
      expect(Object.keys(copy.evaluate(held))).toEqual(["loss", "accuracy", "meanAbsoluteError", "rocAuc"]);
      expect(copy.toJSON()).toEqual(model.toJSON());
    });

    test.each(["estimates", "logits"])("of classes read predictions as %s", (kind) => {
      const layers = [
        dense(8, { activation: "tanh" }),
        dense(2),
        ...(kind === "logits" ? [] : ["softmax" as const]),
      ];
      const parts = { layers, loss: "sparseCategoricalCrossentropy", optimizer: adam() } as const;
      const model = make({ ...parts, metrics: ["logLoss", "accuracy"] });
      const { loss, logLoss, accuracy } = model.evaluate(data);
      expect(logLoss).toBeCloseTo(loss, 5);
      const right = (row: number) => {
        const [first, second] = model.predict([data.x[2 * row], data.x[2 * row + 1]]);
        return Number(second > first) === data.y[row];
      };
      expect(accuracy).toBe(Array.from(data.y.keys()).filter(right).length / 50);
      expect(model.fitSync(data, { batchSize: 50 }).accuracy).toEqual([accuracy]);
    });
  });

  describe("a schedule", () => {
    const schedule = schedules.chain({
      schedules: [schedules.warmup({ epochs: 2 }), (epoch, rate) => rate / (epoch + 1)],
      milestones: [2],
    });

    test("gives each epoch its learning rate, the same in every call", async () => {
      const options = { epochs: 4, schedule };
      const history = make().fitSync(data, options);
      const { learningRate } = history;
      expect(learningRate.map((rate) => Number((rate / 0.05).toFixed(6)))).toEqual([
        0.333333, 0.666667, 1, 0.5,
      ]);
      expect(history.loss).not.toEqual(make().fitSync(data, { epochs: 4 }).loss);
      expect(timeless(await make().fit(data, options))).toEqual(timeless(history));
      const seen: number[] = [];
      for await (const epoch of make().epochs(data, options)) seen.push(epoch.learningRate);
      expect(seen).toEqual(learningRate);
      const [one] = await trainMany([make(), make()], data, options);
      expect(timeless(one)).toEqual(timeless(history));
    });

    test("starts again with each training", () => {
      const model = make();
      const first = model.fitSync(data, { epochs: 3, schedule });
      expect(model.fitSync(data, { epochs: 3, schedule }).learningRate).toEqual(first.learningRate);
    });

    test("can monitor a metric", async () => {
      const options = {
        epochs: 6,
        validationData: held,
        schedule: schedules.reduceOnPlateau({
          monitor: "validationAccuracy",
          largerIsBetter: true,
          minDelta: 1,
          patience: 1,
          factor: 0.5,
        }),
      };
      const history = measured().fitSync(data, options);
      expect(history.learningRate).toEqual([0.05, 0.05, 0.05, 0.025, 0.025, 0.0125]);
      expect(timeless(await measured().fit(data, options))).toEqual(timeless(history));
      const [one] = await trainMany([measured(), measured()], data, options);
      expect(timeless(one)).toEqual(timeless(history));
    });

    test("cannot monitor a metric that is not measured", async () => {
      const model = measured();
      const before = model.toJSON();
      const plateau = schedules.reduceOnPlateau({ monitor: "validationAcuracy" as "loss" });
      const call = (options: FitOptions) =>
        failureOf(() => model.fit(data, { schedule: plateau, ...options }));
      const message = 'fit: schedule: monitor: unknown metric "validationAcuracy".';
      expect(await call({ validationData: held })).toMatchObject({
        message: expect.stringContaining(`${message} Did you mean "validationAccuracy"?`),
      });
      expect(await call({})).toMatchObject({ message: expect.stringContaining(message) });
      expect(model.toJSON()).toEqual(before);
    });

    test("whose function returns an invalid rate ends the training, which keeps its weights", async () => {
      const [model, twin] = [make(), make()];
      const wrong = (epoch: number) => (epoch < 2 ? 0.05 : Number.NaN);
      const failing = async () => {
        for await (const _ of model.epochs(data, { epochs: 4, schedule: wrong }));
      };
      expect(await failureOf(failing)).toBeInstanceOf(OptionError);
      twin.fitSync(data, { epochs: 2 });
      expect(model.toJSON()).toEqual(twin.toJSON());
    });
  });

  describe("progress", () => {
    const stderr = (terminal: boolean, columns = 120) => {
      const written: string[] = [];
      const write = (text: string) => written.push(text);
      vi.stubGlobal(
        "process",
        new Proxy(process, {
          get: (target, name) =>
            name === "stderr" ? { isTTY: terminal, columns, write } : Reflect.get(target, name, target),
        }),
      );
      return written;
    };

    /** Sets how long each epoch of the kernel takes. Returns a mock that counts the calls of the kernel. */
    const timed = (millisecondsPerEpoch: number) => {
      clock.time = 0;
      const calls = vi.fn();
      const { prototype } = kernelNetwork(kernel);
      const train = prototype.train;
      vi.spyOn(prototype, "train").mockImplementation(function (this: unknown, ...given: unknown[]) {
        calls();
        const progress = train.apply(this, given);
        clock.time! += millisecondsPerEpoch * progress.losses.length;
        return progress;
      });
      return calls;
    };

    test("is displayed on a terminal as a bar that is overwritten", async () => {
      const written = stderr(true);
      const history = await measured().fit(data, { epochs: 3, verbose: true, validationData: held });
      const end = history.validationLoss![2].toPrecision(4);
      expect(written.at(-1)).toBe(`\nfinished after 3 epochs, validation loss ${end}\n`);
      const last = written.at(-2)!;
      expect(last).toMatch(/^\r█{24} epoch 3\/3 {2}loss 0\.\d+ {2}validation loss 0\.\d+ {2}accuracy 0\.\d+/);
      expect(last).toContain(`loss ${history.loss[2].toPrecision(4)}`);
      expect(written.length).toBeGreaterThan(1);
      expect(written[0]).toMatch(/^\r█{8}░{16} epoch 1\/3 /);
    });

    test("fits into the terminal's width", () => {
      const written = stderr(true, 40);
      measured().fitSync(data, { epochs: 3, verbose: true });
      const lines = written.slice(0, -1);
      // The carriage return before it and the code that clears the rest of the line take no columns.
      for (const line of lines) expect(line.length).toBe(1 + 39 + 3);
    });

    test("is a line at once and then at most one line per second if there is no terminal", () => {
      const written = stderr(false);
      timed(100);
      const { loss } = make().fitSync(data, { epochs: 50, verbose: true });
      const left = ["4.9 s", "3.9 s", "2.9 s", "1.9 s", "0.9 s"];
      for (const [line, seconds] of left.entries()) {
        expect(written[line]).toMatch(
          new RegExp(
            `^epoch ${1 + 10 * line}/50 {2}loss 0\\.\\d+ {2}learning rate 0\\.05000 {2}${seconds} left\n$`,
          ),
        );
      }
      expect(written[5]).toMatch(/^epoch 50\/50 {2}loss 0\.\d+ {2}learning rate 0\.05000\n$/);
      expect(written[6]).toBe(`finished after 50 epochs, loss ${loss[49].toPrecision(4)}\n`);
      expect(written).toHaveLength(7);
    });

    test("names the epoch whose weights early stopping has kept", async () => {
      const written = stderr(false);
      const stop = callbacks.earlyStopping({ patience: 3, minDelta: 10 });
      const { loss } = await make().fit(data, { epochs: 90, verbose: true, callbacks: stop });
      const kept = `kept epoch 1, loss ${loss[0].toPrecision(4)}`;
      expect(written.at(-1)).toBe(`stopped early after 5 epochs, ${kept}\n`);
    });

    test("is hidden by default", () => {
      const written = stderr(false);
      const log = vi.spyOn(console, "log");
      make().fitSync(data, { epochs: 3 });
      expect(written).toEqual([]);
      expect(log).not.toHaveBeenCalled();
    });

    test("is printed to the console off Node", () => {
      const log = vi.spyOn(console, "log").mockImplementation(() => {});
      const model = make();
      vi.stubGlobal("process", undefined);
      model.fitSync(data, { verbose: true });
      vi.unstubAllGlobals();
      expect(log).toHaveBeenCalledTimes(2);
      expect(log.mock.calls[0][0]).toMatch(/^epoch 1\/1 {2}loss /);
    });

    test("changes nothing, and splits the training into calls of the kernel of 100 ms", () => {
      const written = stderr(true);
      const calls = timed(1);
      const [shown, plain] = [make(), make()];
      const history = shown.fitSync(data, { epochs: 2000, verbose: true });
      // One epoch, which measures the duration of an epoch, and then 100 epochs per call.
      expect(calls).toHaveBeenCalledTimes(1 + 20);
      expect(written).toHaveLength(1 + 20 + 1);
      expect(history.loss).toEqual(plain.fitSync(data, { epochs: 2000 }).loss);
      expect(shown.toJSON()).toEqual(plain.toJSON());
    });

    test("ends its line if the training fails", async () => {
      const written = stderr(true);
      const model = make({ optimizer: sgd({ learningRate: 1e30 }) });
      await failureOf(() => model.fit(data, { epochs: 10, verbose: true }));
      expect(written.at(-1)).toBe("stopped, the loss is no longer finite, after 0 epochs\n");
    });

    test("is also displayed for an epochs loop, and reports an early exit", async () => {
      const written = stderr(false);
      for await (const { epoch } of make().epochs(data, { epochs: 50, verbose: true })) {
        if (epoch === 3) break;
      }
      expect(written[0]).toMatch(/^epoch 1\/50/);
      expect(written.at(-1)).toMatch(/^stopped after 4 epochs, loss /);
    });

    test("of trainMany counts models", async () => {
      const written = stderr(true);
      await trainMany([make(), make()], data, { epochs: 3, verbose: true });
      expect(written.at(-2)).toMatch(/^\r█{24} model 2\/2/);
      expect(written.at(-1)).toBe("\nfinished 2 of 2 models\n");
    });
  });
});

/** Returns the class of a kernel's networks. */
function kernelNetwork(name: string) {
  const kernel = kernels.find((entry) => entry.name === name)!;
  const program = programOf({ inputs: 1, layers: ["relu"] });
  // biome-ignore lint/suspicious/noExplicitAny: its methods are called as they come
  return kernel.network(program).constructor as { prototype: any };
}
