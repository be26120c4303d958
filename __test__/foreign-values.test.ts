/**
 * Values of another realm or another copy of the package: accepted by their shape if that is safe, otherwise
 * named.
 */

import { runInNewContext } from "node:vm";
import { describe, expect, test } from "vitest";
import {
  adam,
  callbacks,
  crossValidate,
  dense,
  dropout,
  ensemble,
  findLearningRate,
  initializers,
  losses,
  Model,
  metrics,
  OptionError,
  range,
  relu,
  save,
  schedules,
  search,
  strategies,
  trainMany,
  xor,
} from "../src/index.ts";
import { attributions, checkGradients, importance, partialDependence } from "../src/insight/index.ts";
import { freshPaths } from "./folders.ts";
import { data, failureOf, makeModel, rows } from "./samples.ts";

const fresh = freshPaths("foreign", "model");

// biome-ignore lint/suspicious/noExplicitAny: what the types forbid is what these tests pass
type Anything = any;

class Settings {
  epochs = 2;
}

const y = [0, 1];
const build = () => ({ model: {} as Anything });

/** Every call that accepts options, with only the options missing. */
const calls: Record<string, (options: Anything) => unknown> = {
  Model: (options) => new Model(options),
  fit: (options) => makeModel().fit(data, options),
  fitSync: (options) => makeModel().fitSync(data, options),
  epochs: (options) => makeModel().epochs(data, options).next(),
  trainOnBatch: (options) => makeModel().trainOnBatch(data, options),
  predict: (options) => makeModel().predict(rows.x, options),
  checkGradients: (options) => checkGradients(makeModel(), data, options),
  importance: (options) => importance(makeModel(), data, options),
  attributions: (options) => attributions(makeModel(), [1, 2], options),
  partialDependence: (options) => partialDependence(makeModel(), data, 0, options),
  toBytes: (options) => makeModel().toBytes(options),
  fromBytes: (options) => Model.fromBytes(makeModel().toBytes(), options),
  fromJSON: (options) => Model.fromJSON(makeModel().toJSON(), options),
  save: (options) => save(makeModel(), fresh(), options),
  trainMany: (options) => trainMany([makeModel()], data, options),
  crossValidate: (options) => crossValidate({ model: makeModel() as Anything }, data, options),
  "crossValidate's candidate": (options) => crossValidate(options, data),
  "crossValidate's fit": (fit) => crossValidate({ model: build().model, fit }, data),
  "crossValidate's model": (model) => crossValidate({ model }, data),
  search: (options) => search({ units: [1] }, data, options),
  range: (options) => range(1, 2, options),
  findLearningRate: (options) => findLearningRate(makeModel(), data, options),
  measure: (options) => metrics.measure("accuracy", y, y, options),
  confusionMatrix: (options) => metrics.confusionMatrix(y, y, options),
  classificationReport: (options) => metrics.classificationReport(y, y, options),
  bestThreshold: (options) => metrics.bestThreshold(y, y, options),
  xor: (options) => xor(options),
  dense: (options) => dense(1, options),
  dropout: (options) => dropout(options),
  relu: (options) => relu(...([options] as unknown as [])),
  adam: (options) => adam(options),
  "an optimizer": (optimizer) => makeModel({ optimizer }),
  "a layer": (layer) => makeModel({ layers: [layer] }),
  "a loss": (options) => losses.huber(options),
  "a metric": (options) => metrics.f1(options),
  "an initializer": (options) => initializers.normal(options),
  "a schedule": (options) => schedules.step(options),
  "a strategy": (options) => strategies.random(options),
  earlyStopping: (options) => callbacks.earlyStopping(options),
  checkpoint: (options) => callbacks.checkpoint(options),
  log: (options) => callbacks.log(options),
  tensorBoard: (options) => callbacks.tensorBoard(options),
  budget: (budget) => makeModel().fit(data, { budget }),
  clipGradients: (clipGradients) => makeModel({ clipGradients }),
  classWeight: (classWeight) => makeModel({ loss: losses.binaryCrossentropy() }).fit(data, { classWeight }),
};

describe.each(Object.entries(calls))("%s refuses as options", (_, call) => {
  test.each([
    ["a Map", new Map([["epochs", 2]]), "an object (Map)"],
    ["a Set", new Set(), "an object (Set)"],
    ["an object of a class", new Settings(), "an object (Settings)"],
    ["a Date", new Date(0), "an object (Date)"],
    ["a Map of another realm", runInNewContext("new Map()"), "an object (Map)"],
    ["a promise", Promise.resolve({}), "an object (Promise)"],
    ["a word", "adamm", '"adamm"'],
    ["a function", () => ({}), "a function"],
  ])("%s", async (_, options, shown) => {
    const failure = await failureOf(() => call(options));
    expect(failure).toBeInstanceOf(OptionError);
    if (shown !== '"adamm"') expect(String(failure)).toContain(`received ${shown}`);
  });
});

test("plain options of another realm, without a prototype, or of a module are accepted", async () => {
  const history = makeModel().fitSync(data, runInNewContext("({ epochs: 2 })"));
  expect(history.loss).toHaveLength(2);
  expect(makeModel().fitSync(data, Object.assign(Object.create(null), { epochs: 2 })).loss).toHaveLength(2);
  expect(() => makeModel({ optimizer: runInNewContext('({ type: "adam" })') })).not.toThrow();
});

/** Returns a signal like a polyfill's: not an AbortSignal of this realm, and without newer methods. */
function polyfill() {
  const target = new EventTarget();
  const signal = {
    aborted: false,
    reason: undefined as unknown,
    listeners: 0,
    addEventListener(...given: Parameters<EventTarget["addEventListener"]>) {
      signal.listeners++;
      target.addEventListener(...given);
    },
    removeEventListener: target.removeEventListener.bind(target),
  };
  const abort = (reason: unknown) => {
    Object.assign(signal, { aborted: true, reason });
    target.dispatchEvent(new Event("abort"));
  };
  return { signal: signal as typeof signal & AbortSignal, abort };
}

describe("a signal of another realm or of a polyfill", () => {
  const long = { epochs: 1e9 };
  const starts: Record<string, (signal: AbortSignal) => Promise<unknown>> = {
    fit: (signal) => makeModel().fit(data, { ...long, signal }),
    trainMany: (signal) => trainMany([makeModel()], data, { ...long, signal }),
    crossValidate: (signal) => {
      const { configuration } = { configuration: makeModel().toJSON() as Anything };
      const { inputs, layers, loss, optimizer } = configuration;
      return crossValidate({ model: { inputs, layers, loss, optimizer }, fit: long }, data, { signal });
    },
  };

  test.each(Object.entries(starts))("stops %s with its reason", async (_, start) => {
    const reason = new Error("enough");
    const { signal, abort } = polyfill();
    const training = start(signal);
    setTimeout(abort, 20, reason);
    expect(await failureOf(() => training)).toBe(reason);
    expect(await failureOf(() => start(signal))).toBe(reason);
  });

  test("stops at once if it was aborted before", async () => {
    const { signal, abort } = polyfill();
    abort("before");
    expect(await failureOf(() => makeModel().fit(data, { signal }))).toBe("before");
  });

  test("has one listener for any number of trainings", async () => {
    const { signal } = polyfill();
    for (let time = 0; time < 20; time++) await makeModel().fit(data, { signal });
    expect(signal.listeners).toBe(1);
  });

  test("is checked by its shape", async () => {
    for (const signal of [{ aborted: false }, {}, "stop", null, new AbortController(), new EventTarget()]) {
      const failure = await failureOf(() => makeModel().fit(data, { signal: signal as AbortSignal }));
      expect(String(failure)).toContain("fit: signal: expected an AbortSignal, received ");
    }
  });
});

describe("a model of another copy of the package is identified by", () => {
  const other = async () => {
    const path = "../src/model.ts?another-copy";
    const copy: { Model: typeof Model } = await import(path);
    const { inputs, layers, loss, optimizer } = makeModel().toJSON() as Anything;
    const model = new copy.Model({ inputs, layers, loss, optimizer });
    expect(model).not.toBeInstanceOf(Model);
    return model;
  };
  test.each<[string, (model: Model) => unknown]>([
    ["save", (model) => save(model, fresh())],
    ["trainMany", (model) => trainMany([model], data)],
    ["ensemble", (model) => ensemble([model])],
    ["findLearningRate", (model) => findLearningRate(model, data)],
  ])("%s", async (_, call) => {
    const model = await other();
    const failure = await failureOf(() => call(model));
    expect(failure).toBeInstanceOf(OptionError);
    expect(String(failure)).toContain(
      "expected a Model, received an object (Model) of another copy of myelin. Fix: load one copy",
    );
    expect(Model.fromBytes(model.toBytes()).predict([0.2, 0.9])).toEqual(model.predict([0.2, 0.9]));
  });
});
