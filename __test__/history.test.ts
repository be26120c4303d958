/** `model.history`: the history of the last training, with any ending. */
import { describe, expect, test } from "vitest";
import {
  type Callback,
  callbacks,
  DivergenceError,
  type FitOptions,
  Model,
  sgd,
  trainMany,
  xor,
} from "../src/index.ts";
import { sessionOf } from "../src/model.ts";
import { freshPaths } from "./folders.ts";
import { kernelNames } from "./kernels.ts";
import { data, failureOf, makeModel } from "./samples.ts";

describe.each(kernelNames)("the history of a model of the %s kernel", (kernel) => {
  test("exists after the first training, and fit returns a copy of it", async () => {
    const model = makeModel({ kernel });
    expect(model.history).toBeUndefined();
    expect(await model.fit(data, { epochs: 2 })).toEqual(model.history);
    const history = model.fitSync(data, { epochs: 3 });
    expect(history).toEqual(model.history);
    history.epoch.push(7);
    expect(model.history!.epoch).toEqual([2, 3, 4]);
  });

  test("grows with each epoch of an epochs loop", async () => {
    const model = makeModel({ kernel });
    for await (const { epoch, loss } of model.epochs(data, { epochs: 5 })) {
      expect(model.history!.loss.at(-1)).toBe(loss);
      if (epoch === 2) break;
    }
    expect(model.history!.epoch).toEqual([0, 1, 2]);
  });

  test("has the completed epochs of a training that was aborted", async () => {
    const model = makeModel({ kernel });
    const abort = new AbortController();
    const onEpochEnd = ({ epoch }: { epoch: number }) => {
      if (epoch === 5) abort.abort();
    };
    const options = { epochs: 1e9, signal: abort.signal, callbacks: { onEpochEnd } };
    await failureOf(() => model.fit(data, options));
    expect(model.history!.epoch.length).toBeGreaterThan(0);
    expect(model.history!.epoch).toEqual(model.history!.epoch.map((_, at) => at));
    expect(model.toJSON().training.epochs).toBeGreaterThanOrEqual(model.history!.epoch.length);
  });

  test("has the epochs before the one that diverged", async () => {
    const model = makeModel({ kernel, optimizer: sgd({ learningRate: 1e6 }) });
    const error = (await failureOf(() => model.fit(data, { epochs: 1000 }))) as DivergenceError;
    expect(error).toBeInstanceOf(DivergenceError);
    expect(model.history!.epoch).toHaveLength(error.epoch);
  });

  test("is separate for each model of trainMany", async () => {
    const models = [1, 2].map((seed) => makeModel({ kernel, seed }));
    const histories = await trainMany(models, data, { epochs: 2 });
    expect(models.map(({ history }) => history!.loss)).toEqual(histories.map(({ loss }) => loss));
  });

  test("does not change if a call is refused", () => {
    const model = makeModel({ kernel });
    model.fitSync(data);
    const { history } = model;
    expect(() => model.fitSync(data, { epochs: 0 })).toThrow();
    expect(() => model.fitSync([[1]], [1])).toThrow();
    expect(model.history).toBe(history);
  });
});

const early = (patience: number) => callbacks.earlyStopping({ patience, minDelta: 10 });
const abort = (controller: AbortController): Callback => ({ onEpochEnd: () => controller.abort() });

describe.each(kernelNames)("the end of a training on the %s kernel", (kernel) => {
  const signalled = new AbortController();
  const cases: [string, FitOptions, object][] = [
    ["epochs", { epochs: 2 }, {}],
    ["patience", { epochs: 90, callbacks: early(3) }, { bestEpoch: 0 }],
    ["epochs", { epochs: 2, callbacks: early(3) }, { bestEpoch: 0 }],
    ["budget", { epochs: 1e9, budget: { seconds: 0.05 } }, {}],
    ["target", { epochs: 90, budget: { targetLoss: 1e3 } }, {}],
    ["signal", { epochs: 90, signal: signalled.signal, callbacks: abort(signalled) }, {}],
    ["callback", { epochs: 90, callbacks: { onEpochEnd: (_, control) => control.stop() } }, {}],
    ["error", { epochs: 90, callbacks: { onEpochEnd: () => Promise.reject(new Error("mine")) } }, {}],
  ];

  test.each(cases)("is %s with %o", async (ended, options, others) => {
    const model = makeModel({ kernel });
    await model.fit(data, options).catch(() => undefined);
    expect(model.history).toMatchObject({ ended, ...others });
    expect(Model.fromBytes(model.toBytes(), { kernel }).history).toEqual(model.history);
  });

  test("is divergence if the loss is no longer finite", async () => {
    const model = makeModel({ kernel, optimizer: sgd({ learningRate: 1e30 }) });
    await failureOf(() => model.fit(data, { epochs: 3 }));
    expect(model.history).toMatchObject({ ended: "divergence", loss: [] });
  });

  test("is known for each model of trainMany", async () => {
    const models = [1, 2].map((seed) => makeModel({ kernel, seed }));
    const many = await trainMany(models, data, { epochs: 90, callbacks: early(3) });
    for (const history of many) expect(history).toMatchObject({ ended: "patience", bestEpoch: 0 });
  });
});

const freshPath = freshPaths("history", "other.safetensors");

/** Returns everything that a training changes in a model. */
const stateOf = (model: Model) => [model.toJSON(), structuredClone(model.history), sessionOf(model).position];

describe.each(kernelNames)("a call that ends before its first step on the %s kernel", (kernel) => {
  const path = freshPath();
  const other = makeModel({ kernel, seed: 77 });
  other.fitSync(data, { callbacks: callbacks.checkpoint({ path }) });
  const refused = callbacks.checkpoint({ path, resume: true });
  const aborting = () => {
    const controller = new AbortController();
    return { signal: controller.signal, callbacks: { onTrainBegin: () => controller.abort() } };
  };
  const ways: [string, (model: Model, options: FitOptions) => unknown][] = [
    ["fit", (model, options) => model.fit(data, options)],
    ["fitSync", (model, options) => model.fitSync(data, options)],
    ["epochs", (model, options) => model.epochs(data, options).next()],
    ["trainMany", (model, options) => trainMany([model, makeModel({ kernel })], data, options)],
  ];
  const endings: [string, () => FitOptions][] = [
    ["an aborted signal", () => ({ signal: AbortSignal.abort() })],
    ["a signal that a first hook aborts", aborting],
    ["a hook that throws", () => ({ callbacks: { onTrainBegin: () => Promise.reject(new Error("mine")) } })],
    ["a hook that stops", () => ({ callbacks: { onTrainBegin: (control) => control.stop() } })],
    ["a refused checkpoint", () => ({ callbacks: refused })],
    ["a refused option", () => ({ epochs: 0 })],
  ];
  const cases = ways.flatMap(([way, run]) =>
    endings.map(([ending, options]) => ({ way, run, ending, options })),
  );

  test.each(cases)("$way with $ending leaves the model unchanged", async ({ run, options }) => {
    const model = makeModel({ kernel });
    model.fitSync(data, { epochs: 2 });
    const before = stateOf(model);
    try {
      await run(model, { epochs: 5, ...options() });
    } catch {}
    expect(stateOf(model)).toEqual(before);
    expect(() => model.fitSync(data)).not.toThrow();
  });

  test("trainMany with data that another model refuses leaves all models unchanged", async () => {
    const [model, narrow] = [makeModel({ kernel }), makeModel({ kernel, inputs: 3 })];
    model.fitSync(data, { epochs: 2 });
    const before = stateOf(model);
    await failureOf(() => trainMany([model, narrow], xor({ examples: 20, seed: 1 })));
    expect(stateOf(model)).toEqual(before);
  });
});
