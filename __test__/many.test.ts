import { describe, expect, test } from "vitest";
import {
  DataError,
  DivergenceError,
  dense,
  type FitOptions,
  type ManyProgress,
  Model,
  type ModelOptions,
  OptionError,
  StateError,
  sgd,
  tanh,
  trainMany,
  xor,
} from "../src/index.ts";
import { runNode } from "./child.ts";
import { kernelNames } from "./kernels.ts";
import { data, failureOf, makeModel, someRows } from "./samples.ts";

const endless = { epochs: 1e9, batchSize: 5 };
const bits = (model: Model) => JSON.stringify(model);

describe.each(kernelNames)("trainMany on the %s kernel", (kernel) => {
  const make = (options: Partial<ModelOptions> = {}) => makeModel({ kernel, ...options });

  /** Different models: seeds, rates, widths. */
  const unlike = () => [
    ...Array.from({ length: 7 }, (_, seed) => make({ seed })),
    make({ optimizer: sgd({ learningRate: 0.001 }) }),
    make({ layers: [dense(20), tanh(), dense(1)] }),
  ];

  test.each([
    { epochs: 3 },
    { epochs: 2, batchSize: 5, threads: 2 },
    { epochs: 2, shuffle: false, threads: 1 },
  ])("trains each model with the same bits as fit alone: %j", async (options) => {
    const [together, alone] = [unlike(), unlike()];
    const histories = await trainMany(together, data, options);
    for (const [index, model] of alone.entries()) {
      expect(histories[index].loss).toEqual(model.fitSync(data, options).loss);
      expect(bits(together[index])).toBe(bits(model));
    }
  });

  test("accepts examples for each model", async () => {
    const [together, alone] = [unlike(), unlike()];
    const list = together.map((_, index) => someRows(index, index + 20));
    await trainMany(together, list, { epochs: 2 });
    for (const [index, model] of alone.entries()) {
      model.fitSync(list[index], { epochs: 2 });
      expect(bits(together[index])).toBe(bits(model));
    }
  });

  test("continues from each model's state", async () => {
    const [together, alone] = [unlike(), unlike()];
    for (let time = 0; time < 2; time++) await trainMany(together, data);
    for (const [index, model] of alone.entries()) {
      model.fitSync(data, { epochs: 3 });
      together[index].fitSync(data);
      expect(bits(together[index])).toBe(bits(model));
    }
  });

  test("reports the error of a model that diverges, and trains the others", async () => {
    const models = [make(), make({ optimizer: sgd({ learningRate: 1e30 }) }), make()];
    const before = models[1].getWeights();
    const [first, second, third] = await trainMany(models, data, { epochs: 4 });
    expect([first.error, third.error]).toEqual([undefined, undefined]);
    expect(third.loss).toHaveLength(4);
    expect(second.error).toBeInstanceOf(DivergenceError);
    expect(second.loss.length).toBeLessThan(4);
    expect(models[1].getWeights()).toEqual(before);
  });

  test("reports the number of finished models, up to all", async () => {
    const seen: ManyProgress[] = [];
    await trainMany(unlike(), data, { epochs: 200, batchSize: 5, onProgress: (at) => seen.push(at) });
    expect(seen.at(-1)).toEqual({ finished: 9, total: 9 });
    expect(seen.map(({ finished }) => finished)).toEqual(
      seen.map(({ finished }) => finished).sort((a, b) => a - b),
    );
  });

  test("stops all with the signal's reason; each keeps its last complete step", async () => {
    const models = unlike();
    const before = models.map(bits);
    const reason = new Error("enough");
    const abort = new AbortController();
    const first = models[0].predict([0.5, 0.5]);
    const timer = setInterval(() => {
      if (models[0].predict([0.5, 0.5])[0] !== first[0]) abort.abort(reason);
    }, 5);
    expect(await failureOf(() => trainMany(models, data, { ...endless, signal: abort.signal }))).toBe(reason);
    clearInterval(timer);
    expect(bits(models[0])).not.toBe(before[0]);
    for (const model of models) model.fitSync(data);
    const late = AbortSignal.abort(reason);
    expect(await failureOf(() => trainMany(models, data, { signal: late }))).toBe(reason);
  });

  test("stops all if onProgress throws, with its error", async () => {
    const failure = new Error("no more");
    const onProgress = () => {
      throw failure;
    };
    const models = unlike();
    expect(await failureOf(() => trainMany(models, data, { ...endless, onProgress }))).toBe(failure);
    for (const model of models) model.fitSync(data);
  });

  test("stops all if a promise of onProgress rejects, with its reason, and does not end the process", async () => {
    const failure = new Error("no more");
    const models = unlike();
    const onProgress = () => Promise.reject(failure);
    expect(await failureOf(() => trainMany(models, data, { ...endless, onProgress }))).toBe(failure);
    for (const model of models) model.fitSync(data);
  });

  test("refuses invalid input before any model changes, and leaves all unlocked", async () => {
    const models = unlike();
    const before = models.map(bits);
    const busy = make();
    const abort = new AbortController();
    const training = busy.fit(data, { ...endless, signal: abort.signal });
    const many = (given: unknown, examples: unknown, options?: unknown) => () =>
      trainMany(given as Model[], examples as typeof data, options as FitOptions);
    const bad = { ...data, x: data.x.map((value, at) => (at === 7 ? Number.NaN : value)) };
    const cases: [() => unknown, new (message: string) => Error, RegExp][] = [
      [many([], data), OptionError, /at least 1 model/],
      [many(models[0], data), OptionError, /list of at least 1 model/],
      [many([models[0], {}], data), OptionError, /entry 1: expected a Model/],
      [many([models[0], models[1], models[0]], data), OptionError, /entries 0 and 2 are the same model/],
      [many(models, [data, data]), OptionError, /one for each of 9 models, received a list of 2/],
      [many(models, bad), DataError, /x: row 3, column 1/],
      [many(models, [...models.slice(1).map(() => data), bad]), DataError, /row 3, column 1/],
      [many(models, data, { epoch: 2 }), OptionError, /unknown option "epoch".*epochs/],
      [many(models, data, { threads: 0 }), OptionError, /threads.*at least 1/],
      [many(models, data, { onProgress: 3 }), OptionError, /onProgress: expected a function/],
      [many([...models, busy], data), StateError, /is running/],
    ];
    for (const [call, kind, text] of cases) {
      const failure = await failureOf(call);
      expect(failure).toBeInstanceOf(kind);
      expect((failure as Error).message).toMatch(text);
      expect(models.map(bits)).toEqual(before);
    }
    abort.abort();
    await failureOf(() => training);
    await trainMany(models, data);
  });

  test("locks each model until all have ended", async () => {
    const model = make();
    const training = trainMany([model, make()], data, { epochs: 2 });
    expect(() => model.fitSync(data)).toThrow(StateError);
    await training;
    model.fitSync(data);
  });
});

test("models on both kernels train in one call", async () => {
  const models = kernelNames.map((kernel) => makeModel({ kernel }));
  const histories = await trainMany(models, data, { epochs: 2 });
  expect(histories[0].loss[1]).toBeCloseTo(histories[1].loss[1], 5);
});

describe("threads", () => {
  const wide = () =>
    new Model({
      inputs: 2,
      layers: [dense(128), tanh(), dense(128), tanh(), dense(1)],
      loss: "meanSquaredError",
      optimizer: "adam",
      seed: 1,
      kernel: "native",
    });
  const many = xor({ examples: 2000, seed: 1 });

  test.each([1, 2, 3, 5])("with %i of them, weights and predictions are the same as with one", (threads) => {
    const [one, several] = [wide(), wide()];
    const options = { epochs: 3, batchSize: 600 };
    one.fitSync(many, { ...options, threads: 1 });
    several.fitSync(many, { ...options, threads });
    expect(bits(several)).toBe(bits(one));
    expect(several.predict(many, { threads })).toEqual(one.predict(many, { threads: 1 }));
  });

  test("of fit and predict are whole numbers of at least 1", () => {
    for (const threads of [0, -1, 1.5, "2", Number.NaN]) {
      const given = { threads } as FitOptions;
      expect(() => wide().fitSync(data, given)).toThrow(/fitSync: threads: expected a whole number/);
      expect(() => wide().predict(data, given)).toThrow(/predict: threads: expected a whole number/);
    }
    expect(() => wide().predict(data, { thread: 2 } as object)).toThrow(/unknown option "thread".*threads/);
  });

  const train = `
    import { Model, xor } from "./dist/index.js";
    const model = new Model({ inputs: 2, layers: ["relu", { type: "dense", units: 1 }], loss: "meanSquaredError", optimizer: "sgd", kernel: "native", seed: 1 });
    model.fitSync(xor({ examples: 100, seed: 1 }));
  `;
  const inline = ["--input-type=module", "--eval", train];

  test.each(["1", "7", ""])("MYELIN_THREADS=%s is accepted", async (threads) => {
    expect(await runNode(inline, { environment: { MYELIN_THREADS: threads } })).toMatchObject({
      status: 0,
    });
  });

  test.each(["0", "-2", "two", "1.5"])(
    "MYELIN_THREADS=%s is refused, and the error gives the range",
    async (threads) => {
      const { status, errors } = await runNode(inline, { environment: { MYELIN_THREADS: threads } });
      expect(status).toBe(1);
      expect(errors).toContain(
        `MYELIN_THREADS: expected a whole number of at least 1, received "${threads}"`,
      );
    },
  );
});
