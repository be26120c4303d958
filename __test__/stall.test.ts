/** The error of a training that diverges, and the warning of one that stalls. */
import { afterEach, beforeEach, describe, expect, type MockInstance, test, vi } from "vitest";
import {
  adam,
  DivergenceError,
  dense,
  embedding,
  initializers,
  type Model,
  relu,
  sgd,
  sigmoid,
  tanh,
  xor,
} from "../src/index.ts";
import { kernelNames } from "./kernels.ts";
import { data, failureOf, makeModel, rows } from "./samples.ts";

describe.each(kernelNames)("the error of a training that diverges on the %s kernel", (kernel) => {
  const diverge = async (x: number[][], y: number[], options: Parameters<typeof makeModel>[0] = {}) => {
    const optimizer = sgd({ learningRate: 0.05 });
    const model = makeModel({ kernel, layers: [dense(1)], optimizer, ...options });
    const error = await failureOf(() => model.fit(x, y, { epochs: 1000, batchSize: 25 }));
    expect(error).toBeInstanceOf(DivergenceError);
    const { message, epoch, step } = error as DivergenceError;
    expect(message).toMatch(new RegExp(`^epoch ${epoch}, step ${step}: `));
    return message;
  };

  test("names the unscaled column, and the row of its largest value", async () => {
    const x = rows.x.map(([first, second]) => [first, second * 1e4]);
    x[17][1] = -12345;
    const message = await diverge(x, rows.y);
    expect(message).toMatch(
      /; x: column 1 has values from -12345 to [\d.]+, the largest in row 17, and is not scaled: scale it/,
    );
    expect(message).not.toMatch(/column 0/);
  });

  test("names the other columns too", async () => {
    const x = rows.x.map(([first, second]) => [first * 1e3, second * 1e4]);
    expect(await diverge(x, rows.y)).toMatch(
      /x: column 1 .*; likewise column 0: scale it to about -1 to 1 with/,
    );
  });

  test("names five of many columns, and the number of further ones", async () => {
    const x = rows.x.map(([first]) => [8, 7, 6, 5, 4, 3, 2, 1].map((times) => times * 1e4 * (first + 1)));
    expect(await diverge(x, rows.y, { inputs: 8 })).toMatch(
      /x: column 0 has .*; likewise columns 1, 2, 3, 4, 5 and 2 more: scale it to about -1 to 1 with/,
    );
  });

  test("names the row with the outlier", async () => {
    const x = rows.x.map((row) => [...row]);
    x[33][0] = 1e12;
    const message = await diverge(x, rows.y);
    expect(message).toMatch(
      /; x: row 33, column 0 has a value of size 1e\+12, but the others are about 0.\d+: correct the value/,
    );
    expect(message).not.toMatch(/not scaled/);
  });

  test("names unscaled targets", async () => {
    const y = rows.y.map((target) => 1e5 * (target + 1));
    const message = await diverge(rows.x, y, { optimizer: sgd({ learningRate: 3 }) });
    expect(message).toMatch(
      /; y: column 0 has values from 100000 to 200000, the largest in row 0, and is not scaled/,
    );
  });

  test("does not mention category numbers", async () => {
    const layers = [embedding({ column: 1, categories: 1000, units: 2 }), dense(1)];
    const x = rows.x.map(([first], row) => [first, row * 20]);
    const message = await diverge(x, rows.y, { layers, optimizer: sgd({ learningRate: 100 }) });
    expect(message).toMatch(/no longer a finite number; the learning rate 100 may be too high: try 0.001;/);
  });

  test("names the layer whose weights have grown", async () => {
    const layers = [dense(3), tanh(), dense(1)];
    const message = await diverge(rows.x, rows.y, { layers, optimizer: sgd({ learningRate: 10 }) });
    expect(message).toMatch(/try 0.001; layer 2 \(dense\) has grown furthest, (weight|bias) up to \d/);
  });
});

describe("the advice of a DivergenceError", () => {
  test("is based on the data as it was when the training began", async () => {
    for (const warnings of [true, false]) {
      const { x, y } = xor({ examples: 50, seed: 1 });
      const training = makeModel({ optimizer: sgd({ learningRate: 1e30 }) }).fit(x, y, { warnings });
      if (warnings) x.fill(1e30);
      else structuredClone(x, { transfer: [x.buffer] });
      const error = await failureOf(() => training);
      expect(error).toBeInstanceOf(DivergenceError);
      expect(String(error)).not.toContain("not scaled");
    }
  });

  const adviceOf = async (optimizer: ReturnType<typeof sgd | typeof adam>, scale = 1) => {
    const x = rows.x.map(([first, second]) => [first * scale, second]);
    const model = makeModel({ layers: [dense(1)], optimizer });
    const error = await failureOf(() =>
      model.fit(x, rows.y, { epochs: 5000, batchSize: 50, warnings: false }),
    );
    expect(error).toBeInstanceOf(DivergenceError);
    return (error as DivergenceError).message;
  };

  test("does not mention the learning rate if unscaled columns explain the divergence", async () => {
    for (const learningRate of [0.001, 0.0001, 0.00001]) {
      const message = await adviceOf(sgd({ learningRate }), 1e5);
      expect(message).toMatch(
        new RegExp(`scale it to about .*; leave the learning rate, ${learningRate}, as it is until then`),
      );
      expect(message).not.toMatch(/try /);
    }
  });

  test.each([10, 1e6, 1e30])("is the optimizer's default for a rate of %d", async (learningRate) => {
    expect(await adviceOf(sgd({ learningRate }))).toMatch(/may be too high: try 0\.001[;.]/);
  });

  test("names both the scaling and the rate if the rate is far too high", async () => {
    expect(await adviceOf(sgd({ learningRate: 1e6 }), 1e5)).toMatch(
      /scale it to .*; .*too high: try 0\.001[;.]/,
    );
  });

  test("does not lower a rate that is low already", async () => {
    const model = makeModel({ layers: [dense(1)], optimizer: sgd({ learningRate: 1e-6 }) });
    model.setWeights([{ weight: [[1e25, 1e25]], bias: [0] }]);
    const error = (await failureOf(() => model.fit(rows.x, rows.y))) as DivergenceError;
    expect(error.message).toMatch(/the learning rate 0\.000001 is low already: try smaller initial weights/);
  });

  test("says that the weights are those from before the training if no epoch was completed", async () => {
    const model = makeModel({ optimizer: sgd({ learningRate: 1e30 }) });
    const error = (await failureOf(() => model.fit(data, { batchSize: 5 }))) as DivergenceError;
    expect(error.message).toMatch(/The weights are those from before the training\.$/);
    expect(await adviceOf(sgd({ learningRate: 10 }))).toMatch(
      /The weights are those of the last whole epoch\.$/,
    );
  });
});

describe.each(kernelNames)("a training that stalls on the %s kernel", (kernel) => {
  let warn: MockInstance<typeof process.emitWarning>;
  beforeEach(() => {
    warn = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
  });
  afterEach(() => {
    warn.mockRestore();
  });

  const dead = () => {
    const biasInitializer = initializers.constant({ value: -10 });
    const optimizer = sgd({ learningRate: 0.05 });
    return makeModel({ kernel, optimizer, layers: [dense(8, { biasInitializer }), relu(), dense(1)] });
  };

  test.each([
    ["fitSync", async (model: Model) => model.fitSync(data, { epochs: 30 })],
    ["fit", (model: Model) => model.fit(data, { epochs: 30 })],
  ])("warns once after %s, with the epochs, the layer, the cause and the fix", async (call, train) => {
    const { loss } = await train(dead());
    expect(warn.mock.calls).toHaveLength(1);
    const [text, options] = warn.mock.calls[0];
    expect(options).toEqual({ type: "MyelinWarning", code: "MYELIN_STALLED" });
    expect(text).toMatch(
      new RegExp(`^${call}: the loss hardly changed from 0\\.\\d+ in epoch 15 to 0\\.\\d+ in epoch 29: `),
    );
    expect(text).toMatch(
      /layer 1 \(relu\): 8 of 8 units \(100 %\) are dead: .* To fix it: train a new model .*leakyRelu/,
    );
    expect(loss).toHaveLength(30);
  });

  test("warns about units that are all saturated", () => {
    const weightInitializer = initializers.normal({ stddev: 1e6 });
    makeModel({
      kernel,
      layers: [dense(8, { weightInitializer }), tanh(), dense(1, { trainable: false })],
    }).fitSync(data, {
      epochs: 20,
    });
    expect(warn.mock.calls[0][0]).toMatch(/layer 1 \(tanh\): 100 % of its values .* saturated/);
  });

  test("warns about a learning rate that is too low", () => {
    makeModel({ kernel, optimizer: sgd({ learningRate: 1e-7 }) }).fitSync(data, { epochs: 20 });
    expect(warn.mock.calls[0][0]).toMatch(
      /one step at the learning rate 1e-7 takes .*; a step 1e\+6 times as long would/,
    );
  });

  test("warns about a learning rate that is too high", () => {
    makeModel({ kernel, optimizer: sgd({ learningRate: 2, momentum: 0.9 }) }).fitSync(data, { epochs: 20 });
    expect(warn.mock.calls[0][0]).toMatch(
      /the loss rose from .* in epoch 10 to .* in epoch 19: one step at the learning rate 2 takes .*\. To fix it: give the optimizer learningRate: 0\.001,/,
    );
  });

  test("does not warn with warnings: false, or after fewer than ten epochs", () => {
    dead().fitSync(data, { epochs: 30, warnings: false });
    const model = dead();
    for (let times = 0; times < 4; times++) model.fitSync(data, { epochs: 9 });
    expect(warn).not.toHaveBeenCalled();
    model.fitSync(data, { epochs: 10 });
    expect(warn).toHaveBeenCalledTimes(1);
  });

  test("does not warn if the loss cannot fall further", () => {
    const optimizer = adam({ learningRate: 0.01 });
    const linear = makeModel({ kernel, optimizer, layers: [dense(1)] });
    const whole = makeModel({ kernel, optimizer });
    for (const model of [linear, whole]) {
      for (let times = 0; times < 3; times++) model.fitSync(data, { epochs: 200 });
    }
    expect(warn).not.toHaveBeenCalled();
  });

  test("does not warn if the first predictions fit already", () => {
    const layers = [dense(8), relu(), dense(1)];
    const model = makeModel({ kernel, layers });
    const y = model.predict(data);
    model.fitSync(data.x, y, { epochs: 20 });
    makeModel({ kernel, layers: [dense(1), sigmoid()] }).fitSync(data, { epochs: 20 });
    expect(warn).not.toHaveBeenCalled();
  });

  test("is judged by the original rows, even if the caller's array has changed since", async () => {
    const x = data.x.slice();
    const model = makeModel({ kernel, optimizer: adam({ learningRate: 0.01 }), layers: [dense(1)] });
    const training = model.fit(x, data.y, { epochs: 200 });
    x.fill(Number.NaN);
    expect((await training).loss).toHaveLength(200);
    expect(warn).not.toHaveBeenCalled();
  });

  test("warns on the console if there is no process object", async () => {
    const said = vi.spyOn(console, "warn").mockImplementation(() => {});
    const model = dead();
    vi.stubGlobal("process", undefined);
    try {
      model.fitSync(data, { epochs: 30 });
    } finally {
      vi.unstubAllGlobals();
    }
    expect(said.mock.calls).toEqual([[expect.stringMatching(/^fitSync: the loss hardly changed/)]]);
    said.mockRestore();
  });
});
