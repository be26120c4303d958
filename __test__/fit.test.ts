import { getEventListeners } from "node:events";
import { setImmediate as turn } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { describe, expect, test } from "vitest";
import {
  DivergenceError,
  dense,
  type Epoch,
  type Examples,
  type FitOptions,
  Model,
  type ModelOptions,
  relu,
  StateError,
  sgd,
  xor,
} from "../src/index.ts";
import { kernelNames } from "./kernels.ts";
import { data, failureOf, makeModel, rows, someRows } from "./samples.ts";

/** 200 steps of 5 rows per epoch. Enough epochs keep a kernel busy for as long as a test needs. */
const manyRows = xor({ examples: 1000, seed: 4 });
const endless = { epochs: 1e9, batchSize: 5 };

describe.each(kernelNames)("training on the %s kernel", (kernel) => {
  const make = (options: Partial<ModelOptions> = {}) => makeModel({ kernel, ...options });

  /** Returns a model after a training. */
  const trained = (examples: Examples, options?: FitOptions) => {
    const model = make();
    model.fitSync(examples, options);
    return model;
  };

  describe("the history", () => {
    test("has an entry for each epoch in every list", async () => {
      const history = await make().fit(data, { epochs: 3 });
      expect(history.epoch).toEqual([0, 1, 2]);
      expect(history.learningRate).toEqual([0.05, 0.05, 0.05]);
      expect(history.loss).toHaveLength(3);
      expect(history.seconds).toHaveLength(3);
      expect(history.seconds.every((seconds) => seconds >= 0)).toBe(true);
    });

    test("has the mean loss over the rows, measured before each step", () => {
      const model = make();
      const { loss } = model.evaluate(data);
      expect(model.fitSync(data, { batchSize: 50 }).loss[0]).toBeCloseTo(loss, 5);
      const [first, second] = [make(), make()];
      const before = first.evaluate(someRows(0, 32)).loss;
      second.fitSync(someRows(0, 32), { shuffle: false });
      const between = second.evaluate(someRows(32, 50)).loss;
      const history = first.fitSync(data, { shuffle: false });
      expect(history.loss[0]).toBeCloseTo((32 * before + 18 * between) / 50, 5);
    });

    test("falls if the data can be learned", () => {
      const { loss } = make().fitSync(data, { epochs: 200, batchSize: 5 });
      expect(loss[199]).toBeLessThan(loss[0] / 3);
    });
  });

  describe("fit, fitSync and epochs", () => {
    test("return the same bits", async () => {
      const options = { epochs: 4, batchSize: 8 };
      const [inOneGo, awaited, pulled] = [make(), make(), make()];
      const history = inOneGo.fitSync(data, options);
      const { loss } = await awaited.fit(data, options);
      const seen: Epoch[] = [];
      for await (const epoch of pulled.epochs(data, options)) seen.push(epoch);
      expect(awaited.toJSON()).toEqual(inOneGo.toJSON());
      expect(pulled.toJSON()).toEqual(inOneGo.toJSON());
      expect(loss).toEqual(history.loss);
      expect(seen.map((epoch) => epoch.loss)).toEqual(history.loss);
      expect(seen.map((epoch) => epoch.epoch)).toEqual([0, 1, 2, 3]);
    });

    test("accept x and y, or a dataset, in any form", async () => {
      const expected = trained(data).toJSON();
      const column = rows.y.map((label) => [label]);
      expect(trained({ x: rows.x, y: data.y }).toJSON()).toEqual(expected);
      for (const [x, y] of [
        [rows.x, rows.y],
        [rows.x, column],
        [data.x, data.y],
      ] as const) {
        const model = make();
        await model.fit(x, y);
        expect(model.toJSON()).toEqual(expected);
      }
    });

    test("continue from the end of the last training", async () => {
      const twice = make();
      const first = await twice.fit(data, { epochs: 1 });
      const second = await twice.fit(data, { epochs: 1 });
      const once = make();
      const history = await once.fit(data, { epochs: 2 });
      expect(twice.toJSON()).toEqual(once.toJSON());
      expect([...first.epoch, ...second.epoch]).toEqual(history.epoch);
      expect([...first.loss, ...second.loss]).toEqual(history.loss);
    });

    test("train more epochs than one call of the kernel does", async () => {
      const few = someRows(0, 2);
      const history = await make().fit(few, { epochs: 10_050 });
      expect(history.epoch).toHaveLength(10_050);
      expect(history.epoch.at(-1)).toBe(10_049);
      expect(make().fitSync(few, { epochs: 10_050 }).loss).toEqual(history.loss);
    });
  });

  describe("a step", () => {
    test("takes 32 rows by default, and the last of an epoch takes the rest", () => {
      expect(trained(data).toJSON()).toEqual(trained(data, { batchSize: 32 }).toJSON());
      expect(trained(data).toJSON().training).toEqual({ epochs: 1, steps: 2 });
      expect(trained(data, { batchSize: 7 }).toJSON().training).toEqual({ epochs: 1, steps: 8 });
      const inTwo = make();
      inTwo.fitSync(someRows(0, 32), { shuffle: false });
      inTwo.fitSync(someRows(32, 50), { shuffle: false });
      expect(inTwo.getWeights()).toEqual(trained(data, { shuffle: false }).getWeights());
    });

    test("takes all rows if the batch is larger than the data", () => {
      const all = trained(data, { batchSize: 50 }).toJSON();
      expect(trained(data, { batchSize: 2 ** 31 - 1 }).toJSON()).toEqual(all);
    });

    test("takes the rows in order without shuffling", () => {
      const rowByRow = make();
      for (let row = 0; row < 6; row++) rowByRow.fitSync(someRows(row, row + 1));
      const options = { batchSize: 1, shuffle: false };
      const inOrder = trained(someRows(0, 6), options);
      expect(inOrder.getWeights()).toEqual(rowByRow.getWeights());
      expect(trained(someRows(0, 6), { batchSize: 1 }).getWeights()).not.toEqual(inOrder.getWeights());
    });
  });

  test("fit copies the data before it returns the promise", async () => {
    // The training is long, so most of it happens after the call has returned.
    const options = { epochs: 60, batchSize: 5 };
    const [x, y] = [manyRows.x.slice(), manyRows.y.slice()];
    const model = make();
    const running = model.fit(x, y, options);
    x.fill(1e6);
    y.fill(1e6);
    await running;
    expect(model.toJSON()).toEqual(trained(manyRows, options).toJSON());
  });

  describe("while fit runs", () => {
    /** Calls `look` while a training runs, then ends the training. Returns the number of complete epochs. */
    const during = async (model: Model, look: () => Promise<void>) => {
      const controller = new AbortController();
      const training = failureOf(() => model.fit(manyRows, { ...endless, signal: controller.signal }));
      await look();
      controller.abort("enough");
      expect(await training).toBe("enough");
      return model.toJSON().training.epochs;
    };

    test("the event loop turns, and the weights are those of the last complete epoch", async () => {
      const model = make();
      const seen = new Set<string>();
      const epochs = await during(model, async () => {
        while (seen.size < 4) {
          await turn();
          seen.add(JSON.stringify(model.getWeights()));
        }
      });
      const twin = make();
      seen.delete(JSON.stringify(twin.getWeights()));
      for await (const _ of twin.epochs(manyRows, { ...endless, epochs })) {
        seen.delete(JSON.stringify(twin.getWeights()));
        if (seen.size === 0) break;
      }
      expect(seen.size).toBe(0);
    });

    test("predict and evaluate use these weights", async () => {
      const model = make();
      const twin = make();
      const answers = (from: Model) => [from.predict([0.2, 0.9]), from.evaluate(data)];
      await during(model, async () => {
        for (let asked = 0; asked < 4; await turn()) {
          const weights = model.getWeights();
          const answer = answers(model);
          // An epoch that ended meanwhile would change the weights.
          if (!isDeepStrictEqual(model.getWeights(), weights)) continue;
          twin.setWeights(weights);
          expect(answer).toEqual(answers(twin));
          asked++;
        }
      });
    });

    test("calls that would change the model are refused, and the training continues", async () => {
      const model = make();
      const weights = model.getWeights();
      const calls = {
        fit: () => model.fit(data),
        fitSync: () => model.fitSync(data),
        epochs: () => model.epochs(data).next(),
        setWeights: () => model.setWeights(weights),
        gradients: () => model.gradients(data),
        dispose: () => model.dispose(),
        toJSON: () => model.toJSON(),
      };
      const options = { epochs: 40, batchSize: 5 };
      const training = model.fit(manyRows, options);
      for (const [name, call] of Object.entries(calls)) {
        const error = await failureOf(call);
        expect(error).toBeInstanceOf(StateError);
        expect((error as Error).message).toBe(
          `${name}: a training of this model is running. Fix: wait until it ends`,
        );
      }
      const history = await training;
      const twin = make();
      expect(twin.fitSync(manyRows, options).loss).toEqual(history.loss);
      expect(twin.toJSON()).toEqual(model.toJSON());
      expect(() => model.fitSync(data)).not.toThrow();
    });
  });

  describe("epochs", () => {
    test("starts at the first `next`", async () => {
      const model = make();
      const before = model.toJSON();
      const generator = model.epochs(data, { epochs: 2 });
      await turn();
      expect(model.toJSON()).toEqual(before);
      model.fitSync(data);
      const { value } = await generator.next();
      expect(value).toMatchObject({ epoch: 1, learningRate: 0.05 });
      await generator.return({ epoch: [], loss: [], learningRate: [], seconds: [] });
    });

    test("waits while the loop's body runs, and the model stays locked", async () => {
      const model = make();
      for await (const { epoch } of model.epochs(data, { epochs: 3 })) {
        const { weights } = trained(data, { epochs: epoch + 1 }).toJSON();
        await turn();
        expect(model.getWeights()).toEqual(weights);
        await expect(model.fit(data)).rejects.toThrow(StateError);
      }
    });

    test("leaves the model unlocked after a break, with the weights of the last epoch seen", async () => {
      const model = make();
      for await (const { epoch } of model.epochs(data, { epochs: 10 })) if (epoch === 1) break;
      expect(model.toJSON()).toEqual(trained(data, { epochs: 2 }).toJSON());
      model.fitSync(data);
      expect(model.toJSON()).toEqual(trained(data, { epochs: 3 }).toJSON());
    });

    test("unlocks the model after an error in the loop's body", async () => {
      const model = make();
      const loop = async () => {
        for await (const _ of model.epochs(data)) throw new Error("of the body");
      };
      await expect(loop()).rejects.toThrow("of the body");
      expect(() => model.fitSync(data)).not.toThrow();
    });

    test("returns the history at its end", async () => {
      const generator = make().epochs(data, { epochs: 2 });
      await generator.next();
      await generator.next();
      expect(await generator.next()).toEqual({
        done: true,
        value: {
          epoch: [0, 1],
          loss: [expect.any(Number), expect.any(Number)],
          learningRate: [0.05, 0.05],
          seconds: [expect.any(Number), expect.any(Number)],
          ended: "epochs",
        },
      });
    });
  });

  describe("a signal", () => {
    /** Aborts a training after its first epoch. */
    const abort = async (model: Model, controller: AbortController, reason: unknown) => {
      const options = { ...endless, shuffle: false, signal: controller.signal };
      const { loss } = model.evaluate(data);
      const training = model.fit(manyRows, options);
      while (model.evaluate(data).loss === loss) await turn();
      controller.abort(reason);
      return failureOf(() => training);
    };

    test("that is already aborted changes nothing, and its reason is the error", async () => {
      const reason = { why: "too late" };
      const signal = AbortSignal.abort(reason);
      const model = make();
      const before = model.toJSON();
      expect(await failureOf(() => model.fit(data, { signal }))).toBe(reason);
      expect(await failureOf(() => model.fitSync(data, { signal }))).toBe(reason);
      expect(await failureOf(() => model.epochs(data, { signal }).next())).toBe(reason);
      expect(model.toJSON()).toEqual(before);
    });

    test("ends the training in the middle with its reason, and keeps the last complete step", async () => {
      const model = make();
      const reason = new Error("enough");
      expect(await abort(model, new AbortController(), reason)).toBe(reason);
      const { steps } = model.toJSON().training;
      const twin = make();
      const [epochs, rest] = [Math.floor(steps / 200), steps % 200];
      if (epochs > 0) twin.fitSync(manyRows, { epochs, batchSize: 5, shuffle: false });
      if (rest > 0) {
        const taken = { x: manyRows.x.slice(0, rest * 10), y: manyRows.y.slice(0, rest * 5) };
        twin.fitSync(taken, { batchSize: 5, shuffle: false });
      }
      expect(model.getWeights()).toEqual(twin.getWeights());
    });

    test("without a reason causes an AbortError", async () => {
      expect(await abort(make(), new AbortController(), undefined)).toMatchObject({ name: "AbortError" });
    });

    test("leaves the model unlocked for the next training, which starts a new epoch", async () => {
      const model = make();
      await abort(model, new AbortController(), "enough");
      const { epochs, steps } = model.toJSON().training;
      expect(epochs).toBe(Math.ceil(steps / 200));
      const copy = Model.fromJSON(model.toJSON(), { kernel });
      const history = await model.fit(data, { epochs: 2 });
      expect(history.epoch).toEqual([epochs, epochs + 1]);
      expect(copy.fitSync(data, { epochs: 2 }).loss).toEqual(history.loss);
    });

    test("also stops `epochs` between two epochs", async () => {
      const controller = new AbortController();
      const model = make();
      const loop = async () => {
        for await (const { epoch } of model.epochs(data, { epochs: 9, signal: controller.signal })) {
          if (epoch === 1) controller.abort("enough");
        }
      };
      expect(await failureOf(loop)).toBe("enough");
      expect(model.toJSON()).toEqual(trained(data, { epochs: 2 }).toJSON());
    });

    test("keeps its own listeners, and ours are removed", async () => {
      const controller = new AbortController();
      const { signal } = controller;
      let calls = 0;
      const onabort = () => calls++;
      signal.onabort = onabort;
      const before = getEventListeners(signal, "abort");
      await make().fit(data, { epochs: 3, signal });
      await failureOf(() => make({ optimizer: sgd({ learningRate: 1e30 }) }).fit(data, { signal }));
      for await (const _ of make().epochs(data, { epochs: 3, signal })) break;
      expect(getEventListeners(signal, "abort")).toEqual(before);
      await abort(make(), controller, "enough");
      expect(getEventListeners(signal, "abort")).toEqual(before);
      expect(signal.onabort).toBe(onabort);
      expect(calls).toBe(1);
    });

    test("has no effect after the training", async () => {
      const controller = new AbortController();
      const model = make();
      await model.fit(data, { signal: controller.signal });
      controller.abort();
      expect(model.toJSON()).toEqual(trained(data).toJSON());
    });
  });

  describe("a loss that is not finite", () => {
    // One step per epoch of a linear model. Each makes the error about ten times as large.
    const linear = (learningRate: number) => make({ layers: [dense(1)], optimizer: sgd({ learningRate }) });
    const options = { epochs: 1000, batchSize: 50 };

    const diverge = async (model: Model, examples = data) => {
      const error = await failureOf(() => model.fit(examples, options));
      expect(error).toBeInstanceOf(DivergenceError);
      return error as DivergenceError;
    };

    test("causes an error with the place, the cause and the fix", async () => {
      const error = await diverge(linear(10));
      expect(error.epoch).toBeGreaterThan(5);
      expect(error.step).toBe(0);
      expect(error.code).toBe("MYELIN_DIVERGENCE");
      expect(error.message).toBe(
        `epoch ${error.epoch}, step 0: the loss, a gradient or a weight is no longer a finite number; ` +
          "the learning rate 10 may be too high: try 0.001; " +
          "layer 0 (dense) has grown furthest, bias up to 1.52e+19. The weights are those of the last whole epoch.",
      );
    });

    test("is attributed to unscaled data first", async () => {
      const large = { ...data, x: data.x.map((value) => value * 1e4), y: data.y.map((value) => value - 500) };
      const { message } = await diverge(linear(0.01), large);
      expect(message).toMatch(
        /x: column \d has values from [\d.]+ to 9[\d.]+, the largest in row \d+, and is not scaled; likewise column \d: scale it to about -1 to 1 with .*; y: column 0 has values from -500 to -499, .*; leave the learning rate, 0.01, as it is until then;/,
      );
    });

    test("restores the weights and the optimizer's state of the last complete epoch", async () => {
      const momentum = { layers: [dense(1)], optimizer: sgd({ learningRate: 10, momentum: 0.5 }) };
      const [model, twin] = [make(momentum), make(momentum)];
      const { epoch } = await diverge(model);
      twin.fitSync(data, { ...options, epochs: epoch });
      expect(model.toJSON()).toEqual(twin.toJSON());
    });

    test("restores the weights at the start if no epoch was completed", async () => {
      const model = make({ optimizer: sgd({ learningRate: 1e30 }) });
      const before = model.toJSON();
      const error = await failureOf(() => model.fit(data, { batchSize: 5 }));
      expect(error).toMatchObject({ epoch: 0, step: expect.any(Number) });
      expect((error as DivergenceError).step).toBeGreaterThan(0);
      expect(model.toJSON()).toEqual(before);
    });

    test("causes the same error in fitSync and epochs", async () => {
      const { message } = await diverge(linear(10));
      expect(await failureOf(() => linear(10).fitSync(data, options))).toMatchObject({ message });
      const loop = async () => {
        for await (const _ of linear(10).epochs(data, options));
      };
      expect(await failureOf(loop)).toMatchObject({ message });
    });

    test("leaves a model that can be trained again", async () => {
      const model = linear(10);
      const weights = model.getWeights();
      const { epoch } = await diverge(model);
      model.setWeights(weights);
      const history = await model.fit(data, { epochs: 2, batchSize: 50 });
      expect(history.epoch).toEqual([epoch, epoch + 1]);
      expect(history.loss.every(Number.isFinite)).toBe(true);
    });
  });

  test("two models can train at the same time", async () => {
    const options = { epochs: 20, batchSize: 5 };
    const [first, second] = [make(), make({ layers: [dense(16), relu(), dense(1)], seed: 9 })];
    const twins = [make(), make({ layers: [dense(16), relu(), dense(1)], seed: 9 })];
    await Promise.all([first.fit(manyRows, options), second.fit(manyRows, options)]);
    for (const twin of twins) twin.fitSync(manyRows, options);
    expect(first.toJSON()).toEqual(twins[0].toJSON());
    expect(second.toJSON()).toEqual(twins[1].toJSON());
  });
});
