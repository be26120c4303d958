/** `model.history`: the history of the last training, however it ended. */
import { describe, expect, test } from "vitest";
import { DivergenceError, sgd, trainMany } from "../src/index.ts";
import { kernelNames } from "./kernels.ts";
import { data, failureOf, makeModel } from "./samples.ts";

describe.each(kernelNames)("the history of a model of the %s kernel", (kernel) => {
  test("is there from the first training on, and is what fit gives", async () => {
    const model = makeModel({ kernel });
    expect(model.history).toBeUndefined();
    expect(await model.fit(data, { epochs: 2 })).toBe(model.history);
    expect(model.fitSync(data, { epochs: 3 })).toBe(model.history);
    expect(model.history!.epoch).toEqual([2, 3, 4]);
  });

  test("grows while epochs are pulled", async () => {
    const model = makeModel({ kernel });
    for await (const { epoch, loss } of model.epochs(data, { epochs: 5 })) {
      expect(model.history!.loss.at(-1)).toBe(loss);
      if (epoch === 2) break;
    }
    expect(model.history!.epoch).toEqual([0, 1, 2]);
  });

  test("holds what there is of a training that was aborted", async () => {
    const model = makeModel({ kernel });
    const abort = new AbortController();
    const running = failureOf(() => model.fit(data, { epochs: 1e9, signal: abort.signal }));
    setTimeout(() => abort.abort(), 30);
    await running;
    expect(model.history!.epoch.length).toBeGreaterThan(0);
    expect(model.history!.epoch).toEqual(model.history!.epoch.map((_, at) => at));
    expect(model.toJSON().training.epochs).toBeGreaterThanOrEqual(model.history!.epoch.length);
  });

  test("holds the epochs before the one that diverged", async () => {
    const model = makeModel({ kernel, optimizer: sgd({ learningRate: 1e6 }) });
    const error = (await failureOf(() => model.fit(data, { epochs: 1000 }))) as DivergenceError;
    expect(error).toBeInstanceOf(DivergenceError);
    expect(model.history!.epoch).toHaveLength(error.epoch);
  });

  test("is its own for each of many models", async () => {
    const models = [1, 2].map((seed) => makeModel({ kernel, seed }));
    const histories = await trainMany(models, data, { epochs: 2 });
    expect(models.map(({ history }) => history!.loss)).toEqual(histories.map(({ loss }) => loss));
  });

  test("stays as it was where a call is refused", () => {
    const model = makeModel({ kernel });
    const history = model.fitSync(data);
    expect(() => model.fitSync(data, { epochs: 0 })).toThrow();
    expect(() => model.fitSync([[1]], [1])).toThrow();
    expect(model.history).toBe(history);
  });
});
