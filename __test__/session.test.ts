/** One training at a time: what locks a model, what unlocks it, and what all ways to train have in common. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, test, vi } from "vitest";
import {
  type Callback,
  callbacks,
  type FitOptions,
  type History,
  Model,
  StateError,
  save,
  trainMany,
} from "../src/index.ts";
import { freshPaths } from "./folders.ts";
import { kernelNames } from "./kernels.ts";
import { data, failureOf, makeModel } from "./samples.ts";

const freshPath = freshPaths("session", "log.jsonl");
const never = () => new Promise<void>(() => {});

describe.each(kernelNames)("on the %s kernel", (kernel) => {
  const make = (seed = 3) => makeModel({ kernel, seed });
  const pulled = async (model: Model, options: FitOptions) => {
    const generator = model.epochs(data, options);
    let next = await generator.next();
    while (!next.done) next = await generator.next();
    return next.value;
  };
  const ways: [string, (model: Model, options: FitOptions) => Promise<History>][] = [
    ["fit", (model, options) => model.fit(data, options)],
    ["epochs", pulled],
    ["trainMany", async (model, options) => (await trainMany([model], data, options))[0]],
  ];

  describe.each(ways)("%s", (_, run) => {
    test("ends while a hook's promise is pending, if the signal aborts", async () => {
      for (const hook of ["onTrainBegin", "onEpochBegin", "onEpochEnd", "onTrainEnd"] as const) {
        const model = make();
        const controller = new AbortController();
        setTimeout(() => controller.abort("enough"), 5);
        const options = { epochs: 3, signal: controller.signal, callbacks: { [hook]: never } };
        expect(await failureOf(() => run(model, options))).toBe("enough");
        expect(() => model.fitSync(data)).not.toThrow();
      }
    });

    test("ends while a hook's promise is pending, if the budget's time is over", async () => {
      for (const hook of ["onTrainBegin", "onEpochBegin", "onEpochEnd"] as const) {
        // On a busy machine the time may be over before the hook.
        let isPending = false;
        const wait = () => {
          isPending = true;
          return never();
        };
        const options = { epochs: 3, budget: { seconds: 0.02 }, callbacks: { [hook]: wait } };
        const { ended, epoch } = await run(make(), options);
        expect([ended, epoch.length]).toEqual(["budget", Number(isPending && hook === "onEpochEnd")]);
      }
    });

    test("clears the budget's timer if the signal ends the wait", async () => {
      const controller = new AbortController();
      setTimeout(() => controller.abort("enough"), 5);
      const options = {
        signal: controller.signal,
        budget: { seconds: 600 },
        callbacks: { onTrainBegin: never },
      };
      const before = process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
      expect(await failureOf(() => run(make(), options))).toBe("enough");
      const after = process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
      expect(after).toBeLessThanOrEqual(before);
    });

    test("waits for onTrainEnd after the budget's time is over", async () => {
      let hasEnded = false;
      const onTrainEnd = async () => {
        await new Promise((resolve) => setTimeout(resolve, 20));
        hasEnded = true;
      };
      await run(make(), { epochs: 1e9, budget: { seconds: 0.02 }, callbacks: { onTrainEnd } });
      expect(hasEnded).toBe(true);
    });

    test("calls hooks and stops early as fitSync does", async () => {
      const seen: unknown[] = [];
      const hooks: Callback = {
        onTrainBegin: () => void seen.push("begin"),
        onEpochBegin: (epoch) => void seen.push(epoch),
        onEpochEnd: ({ loss }, control) => {
          seen.push(loss);
          control.learningRate *= 0.9;
        },
        onTrainEnd: ({ ended }) => void seen.push(ended),
      };
      const options = {
        epochs: 40,
        callbacks: [hooks, callbacks.earlyStopping({ patience: 2, minDelta: 10 })],
      };
      const [model, twin] = [make(), make()];
      const history = await run(model, options);
      const inCall = seen.splice(0);
      const expected = twin.fitSync(data, options);
      expect(inCall).toEqual(seen);
      expect({ ...history, seconds: [] }).toEqual({ ...expected, seconds: [] });
      expect(model.toJSON()).toEqual(twin.toJSON());
    });

    test("accepts a target loss", async () => {
      const loss = make().fitSync(data, { epochs: 9 }).loss;
      const history = await run(make(), { epochs: 9, budget: { targetLoss: loss[4] } });
      expect(history.ended).toBe("target");
      expect(history.loss.length).toBeLessThanOrEqual(5);
    });

    test("rejects with the error of a hook, and unlocks the model", async () => {
      const model = make();
      const mine = new Error("mine");
      const onEpochEnd = () => {
        throw mine;
      };
      expect(await failureOf(() => run(model, { epochs: 5, callbacks: { onEpochEnd } }))).toBe(mine);
      expect(model.history).toMatchObject({ epoch: [0], ended: "error" });
      expect(() => model.fitSync(data)).not.toThrow();
    });
  });

  describe("trainMany", () => {
    test("takes a function that returns callbacks for each model", async () => {
      const models = [make(1), make(2)];
      const paths = models.map(() => freshPath());
      await trainMany(models, data, {
        epochs: 3,
        callbacks: (model, index) => callbacks.log({ path: model === models[index] ? paths[index] : "" }),
      });
      const { loss } = models[1].history!;
      const { readFileSync } = await import("node:fs");
      const lines = readFileSync(paths[1], "utf8").trim().split("\n");
      expect(lines.map((line) => JSON.parse(line).loss)).toEqual(loss);
    });

    test("refuses a single callback that writes a file for all models", async () => {
      const options = { callbacks: callbacks.log({ path: freshPath() }) };
      expect(String(await failureOf(() => trainMany([make(1), make(2)], data, options)))).toContain(
        "trainMany: callbacks[0]: expected early stopping or hooks, received a callback that writes files",
      );
    });

    test("ends all trainings if a hook of one throws, each after a complete epoch", async () => {
      const models = [make(1), make(2), make(3)];
      const mine = new Error("mine");
      const hooks = (_: Model, index: number): Callback => ({
        onEpochEnd: ({ epoch }) => {
          if (index === 1 && epoch === 2) throw mine;
        },
      });
      const options = { epochs: 9, callbacks: hooks };
      expect(await failureOf(() => trainMany(models, data, options))).toBe(mine);
      expect(models.map(({ history }) => history?.ended)).toEqual(["callback", "error", "callback"]);
      for (const model of models) expect(() => model.fitSync(data)).not.toThrow();
    });

    test("spends the budget's time once, not once per model", async () => {
      const models = [1, 2, 3, 4].map(make);
      const histories = await trainMany(models, data, { epochs: 1e9, budget: { seconds: 0.05 } });
      for (const { ended } of histories) expect(ended).toBe("budget");
    });
  });

  describe("an abandoned epochs loop", () => {
    test("locks the model; the error names return(), which unlocks it", async () => {
      const model = make();
      const generator = model.epochs(data, { epochs: 9 });
      await generator.next();
      const error = await failureOf(() => model.fit(data));
      expect(error).toBeInstanceOf(StateError);
      expect(String(error)).toContain("call return() on its generator");
      await generator.return(undefined as never);
      expect(model.history).toMatchObject({ epoch: [0], ended: "callback" });
      expect(() => model.fitSync(data)).not.toThrow();
    });

    test("unlocks the model when it is garbage-collected", async () => {
      setFlagsFromString("--expose-gc");
      const collect = runInNewContext("gc") as () => void;
      const model = make();
      const ended: unknown[] = [];
      const callbacks = { onTrainEnd: (history: History) => void ended.push(history.ended) };
      await (async () => {
        const generator = model.epochs(data, { epochs: 9, callbacks });
        await generator.next();
      })();
      await vi.waitFor(
        () => {
          collect();
          model.fitSync(data);
        },
        { timeout: 200_000, interval: 10 },
      );
      expect(ended).toEqual(["callback"]);
    });
  });

  test("early stopping restores the best weights after an early exit from the loop", async () => {
    const [model, best] = [make(), make()];
    best.fitSync(data, { epochs: 1 });
    const options = { epochs: 9, callbacks: callbacks.earlyStopping({ minDelta: 10 }) };
    for await (const { epoch } of model.epochs(data, options)) if (epoch === 4) break;
    expect(model.getWeights()).toEqual(best.getWeights());
  });

  describe("a model behind a proxy", () => {
    /** Like Vue's `reactive`: objects of the target are proxies too. */
    function reactive<T extends object>(target: T): T {
      return new Proxy(target, {
        get(of, name, receiver) {
          const value = Reflect.get(of, name, receiver);
          return typeof value === "object" && value !== null ? reactive(value) : value;
        },
      });
    }

    test("works like the model", async () => {
      const model = make();
      const proxy = reactive(model);
      await proxy.fit(data, { epochs: 2 });
      for await (const _ of proxy.epochs(data, { epochs: 2 }));
      await trainMany([proxy], data, { epochs: 1 });
      const path = freshPath("model.safetensors");
      await save(proxy, path);
      const { loss } = proxy.evaluate(data);
      expect(loss).toBe(model.evaluate(data).loss);
      expect(proxy.predict([0.2, 0.9])).toEqual(model.predict([0.2, 0.9]));
      expect(model.toJSON().training.epochs).toBe(5);
      expect(proxy.history!.epoch).toEqual([4]);
    });

    test("is the same model for trainMany", async () => {
      const model = make();
      const error = await failureOf(() => trainMany([model, reactive(model)], data));
      expect(String(error)).toContain("entries 0 and 1 are the same model");
    });
  });

  test("a method without its model causes an error with the fix", async () => {
    const model = make();
    const { predict, fit, epochs, toJSON } = model;
    for (const [name, method] of Object.entries({ predict, fit, epochs, toJSON })) {
      const error = await failureOf(async () => (method as (x: unknown) => unknown)([0.2, 0.9]));
      expect(error).toBeInstanceOf(StateError);
      expect(String(error)).toContain(`${name}: called without its model. Fix: call model.${name}(…)`);
    }
  });

  test("a copy by structuredClone causes an error with the way to send models", async () => {
    const clone = structuredClone(make());
    expect(String(await failureOf(() => save(clone, freshPath())))).toContain("Fix: send model.toBytes()");
    Object.setPrototypeOf(clone, Model.prototype);
    expect(() => clone.predict([0.2, 0.9])).toThrow("Fix: send model.toBytes()");
    expect(String(await failureOf(() => save(clone, freshPath())))).toContain("Fix: send model.toBytes()");
  });
});
