// Every call that waits for the event loop, a timer or the clock, on the TypeScript kernel.
import { crossValidate, dense, Model, search, tanh, trainMany, xor } from "myelin";

const data = xor({ examples: 200, seed: 1 });
const architecture = (units) => ({
  inputs: 2,
  layers: [dense(units), tanh(), dense(1)],
  loss: "meanSquaredError",
  optimizer: "adam",
  kernel: "typescript",
});
const make = () => new Model(architecture(8));

export const trainings = {
  async "fit, with a hook, and bytes"() {
    const model = make();
    const { loss } = await model.fit(data, {
      epochs: 60,
      batchSize: 5,
      callbacks: { async onEpochEnd() {} },
    });
    expect(loss.at(-1)).toBeLessThan(loss[0]);
    const again = Model.fromBytes(model.toBytes(), { kernel: "typescript" });
    expect(again.predict([0.2, 0.9])).toEqual(model.predict([0.2, 0.9]));
  },
  async "fit, until the time is over"() {
    await make().fit(data, { epochs: 1e7, budget: { seconds: 0.1 } });
  },
  async "fit, until the signal aborts"() {
    const abort = new AbortController();
    const running = make().fit(data, { epochs: 1e7, signal: abort.signal });
    abort.abort(new Error("enough"));
    await expect(running).rejects.toThrow("enough");
  },
  async "lists and typed arrays of the environment"() {
    await make().fit([[0, 1], Float32Array.of(1, 1), new Float64Array(2)], [1, 0, 0], { epochs: 2 });
  },
  async trainMany() {
    let finished = 0;
    const onProgress = (progress) => {
      finished = progress.finished;
    };
    await trainMany([make(), make()], data, { epochs: 60, onProgress });
    expect(finished).toBe(2);
  },
  async crossValidate() {
    const { folds } = await crossValidate({ model: architecture(4), fit: { epochs: 2 } }, data, { folds: 3 });
    expect(folds).toHaveLength(3);
  },
  async search() {
    const build = ({ units }) => ({ model: architecture(units), fit: { epochs: 20 } });
    const { best } = await search({ units: [2, 4] }, data, { build, folds: 2 });
    expect(best).toBeDefined();
  },
};
