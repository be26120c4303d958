import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { dense, FormatError, Model, OptionError, relu, sgd, version } from "../src/index.ts";
import { expectNear, flatten, kernelNames } from "./kernels.ts";
import { data, makeModel } from "./samples.ts";

/** Returns a trained model as it is saved, for a test to change. */
function savedModel(): Record<string, unknown> {
  const model = makeModel({ kernel: "typescript", layers: [dense(2, { activation: "tanh" }), dense(1)] });
  model.fitSync(data);
  return JSON.parse(JSON.stringify(model));
}

describe.each(kernelNames)("a model of the %s kernel as JSON", (kernel) => {
  const trained = () => {
    const model = makeModel({ kernel });
    model.fitSync(data, { epochs: 3, batchSize: 8 });
    return model;
  };

  test("contains all options, including the defaults", () => {
    const model = makeModel({ kernel, layers: [dense(1)], optimizer: sgd({ momentum: 0.5 }) });
    expect(model.toJSON()).toEqual({
      format: "myelin-model",
      formatVersion: 1,
      version,
      inputs: 2,
      layers: [
        {
          type: "dense",
          units: 1,
          activation: null,
          useBias: true,
          weightInitializer: { type: "glorotUniform" },
          biasInitializer: { type: "zeros" },
          trainable: true,
          learningRateFactor: 1,
          l1: null,
          l2: null,
        },
      ],
      loss: { type: "meanSquaredError" },
      optimizer: {
        type: "sgd",
        learningRate: 0.001,
        momentum: 0.5,
        nesterov: false,
        weightDecay: 0,
        decayBiases: true,
      },
      clipGradients: null,
      l1: 0,
      l2: 0,
      precision: "float32",
      metrics: [],
      seed: 7,
      training: { epochs: 0, steps: 0 },
      weights: model.getWeights(),
      optimizerState: [0, 0, 0],
    });
  });

  test("without clipping, penalties and frozen layers, as in old files, can be trained", () => {
    const model = trained();
    const { clipGradients: _, l1: _l1, l2: _l2, layers, optimizer, ...rest } = model.toJSON();
    const before = layers.map(
      ({ trainable: _, learningRateFactor: _factor, l1: _l1, l2: _l2, ...layer }) => layer,
    );
    const { decayBiases: _decay, ...rule } = optimizer;
    const copy = Model.fromJSON(JSON.stringify({ ...rest, optimizer: rule, layers: before }), { kernel });
    expect(copy.toJSON()).toEqual(model.toJSON());
  });

  test("keeps clipping, penalties and frozen layers", () => {
    const model = makeModel({
      kernel,
      layers: [dense(3, { trainable: false, l1: 0.1 }), dense(1, { l2: 0 })],
      clipGradients: { norm: 0.5 },
      l1: 0.01,
      l2: 0.02,
    });
    const copy = Model.fromJSON(JSON.stringify(model), { kernel });
    for (const either of [model, copy]) either.fitSync(data);
    expect(copy.toJSON()).toEqual(model.toJSON());
    expect(copy.toJSON()).toMatchObject({ clipGradients: { norm: 0.5 }, l1: 0.01, l2: 0.02 });
  });

  test("predicts the same bits after loading, from text and from an object", () => {
    const model = trained();
    const predictions = model.predict(data);
    expect(Model.fromJSON(JSON.stringify(model), { kernel }).predict(data)).toEqual(predictions);
    expect(Model.fromJSON(model.toJSON(), { kernel }).predict(data)).toEqual(predictions);
  });

  test("is the same after loading", () => {
    const json = trained().toJSON();
    expect(Model.fromJSON(json, { kernel }).toJSON()).toEqual(json);
  });

  test("continues to train with the same bits, including momentum and shuffles", () => {
    const model = trained();
    const copy = Model.fromJSON(JSON.stringify(model), { kernel });
    const options = { epochs: 2, batchSize: 8 };
    const history = model.fitSync(data, options);
    const continued = copy.fitSync(data, options);
    expect(continued.epoch).toEqual([3, 4]);
    expect(continued.loss).toEqual(history.loss);
    expect(copy.toJSON()).toEqual(model.toJSON());
  });

  test.each(kernelNames)("continues with the same numbers on the %s kernel", (other) => {
    const model = trained();
    const copy = Model.fromJSON(model.toJSON(), { kernel: other });
    expect(copy.kernel.name).toBe(other);
    expect(copy.toJSON()).toEqual(model.toJSON());
    const [history, continued] = [model, copy].map((either) => either.fitSync(data));
    expectNear(continued.loss, history.loss);
    expectNear(flatten(copy.getWeights()), flatten(model.getWeights()));
  });

  test("needs no optimizer state if the optimizer has none", () => {
    const model = makeModel({ kernel, optimizer: sgd() });
    expect(model.toJSON().optimizerState).toEqual([]);
    expect(Model.fromJSON(model.toJSON(), { kernel }).toJSON()).toEqual(model.toJSON());
  });
});

const numbers = "expected a finite number, received";

/** Changes of a model's JSON, and the message of the error after `fromJSON: `. */
const malformed: [what: string, change: Record<string, unknown>, message: string][] = [
  ["another format", { format: "keras" }, 'expected an object with format "myelin-model", received'],
  [
    "a newer version",
    { formatVersion: 2 },
    "expected formatVersion 1, received 2; it was written by a newer version of myelin",
  ],
  ["a version as a string", { formatVersion: "1" }, 'expected formatVersion 1, received "1"'],
  ["an unknown field", { author: "me" }, 'model: unknown option "author".'],
  ["a kernel, which is not part of a model", { kernel: "native" }, 'model: unknown option "kernel".'],
  [
    "no seed",
    { seed: undefined },
    "model: seed: expected a whole number from 0 to 2^53 - 1, received undefined",
  ],
  ["no inputs", { inputs: undefined }, "model: inputs: expected a whole number of at least 1"],
  ["an unknown layer", { layers: ["dens", "relu"] }, 'layer 0: unknown layer "dens". Did you mean "dense"?'],
  ["layers as an object", { layers: {} }, "model: layers: expected a list of at least 1 layer"],
  ["a missing layer", { layers: [dense(1)] }, "weights: one entry for each layer: expected an array of 1,"],
  [
    "more units than weights",
    { layers: [dense(1e9), dense(1)] },
    "weights: layer 0 (dense): weight: expected an array of 1000000000, received an array of 2",
  ],
  [
    "no weights",
    { weights: undefined },
    "weights: one entry for each layer: expected an array of 2, received nothing",
  ],
  [
    "null in a weight",
    {
      weights: [
        {
          weight: [
            [0, null],
            [0, 0],
          ],
          bias: [0, 0],
        },
        { weight: [[0, 0]], bias: [0] },
      ],
    },
    `weights: layer 0 (dense): weight: row 0, column 1: ${numbers} null`,
  ],
  [
    "no optimizer state",
    { optimizerState: [] },
    "optimizerState: expected an array of 9, received an array of 0",
  ],
  [
    "strings in the optimizer state",
    { optimizerState: new Array(9).fill("0") },
    `optimizerState: value 0: ${numbers} "0"`,
  ],
  [
    "no training",
    { training: undefined },
    "training: expected an object of epochs and steps, received undefined",
  ],
  [
    "more epochs than can be counted",
    { training: { epochs: 0, steps: 2 ** 53 } },
    "training: steps: expected a whole number",
  ],
];

describe("JSON that is not a model causes a FormatError:", () => {
  test.each(malformed)("%s", (_, change, message) => {
    const read = () =>
      Model.fromJSON(JSON.stringify({ ...savedModel(), ...change }), { kernel: "typescript" });
    expect(read).toThrow(FormatError);
    expect(read).toThrow(`fromJSON: ${message}`);
  });

  test.each([
    ["text that is not JSON", "{", "expected JSON: "],
    ["nothing", "", "expected JSON: "],
    ["a truncated file", JSON.stringify(savedModel()).slice(0, -100), "expected JSON: "],
    ["a number", "1", 'expected an object with format "myelin-model", received 1'],
    ["null", "null", 'expected an object with format "myelin-model", received null'],
    ["a list", "[]", 'expected an object with format "myelin-model", received an array of 0'],
    [
      "deep nesting",
      "[".repeat(1e5) + "]".repeat(1e5),
      'expected an object with format "myelin-model", received',
    ],
  ])("%s", (_, text, message) => {
    expect(() => Model.fromJSON(text)).toThrow(FormatError);
    expect(() => Model.fromJSON(text)).toThrow(`fromJSON: ${message}`);
  });

  test.each([undefined, null, 5, [], Symbol("json"), () => savedModel()])("%s", (value) => {
    expect(() => Model.fromJSON(value as unknown as string)).toThrow(FormatError);
  });

  test("inherited names are unknown names, and reach no prototype", () => {
    const text = JSON.stringify(savedModel());
    const polluted = [
      text.replace('{"format"', '{"__proto__":{"polluted":true},"format"'),
      text.replace('"units":2', '"units":2,"__proto__":{"polluted":true}'),
      text.replace('{"weight"', '{"__proto__":{"polluted":true},"weight"'),
      text.replace('"type":"dense"', '"type":"__proto__"'),
      text.replace('"type":"dense"', '"type":"toString"'),
      // A message that shows this object must not fail.
      text.replace('"units":2', '"units":{"constructor":{"name":{"toString":1,"valueOf":1}}}'),
    ];
    for (const json of polluted) {
      expect(json).not.toBe(text);
      expect(() => Model.fromJSON(json)).toThrow(FormatError);
    }
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  test("after any change of a property, the JSON is loaded or refused", () => {
    const text = JSON.stringify(savedModel());
    const value = fc.oneof(
      fc.jsonValue({ maxDepth: 2 }),
      fc.constantFrom<unknown>(
        -1,
        0.5,
        1e9,
        2 ** 31 - 1,
        2 ** 53,
        1e39,
        "dense",
        "relu",
        "__proto__",
        [],
        {},
      ),
    );
    /** Every place in the JSON, and a value for it. `undefined` deletes it. */
    const change = fc.tuple(fc.nat(), fc.option(value, { nil: undefined }), fc.string({ maxLength: 3 }));
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 3 }), (changes) => {
        const json: unknown = JSON.parse(text);
        for (const [at, put, extra] of changes) {
          const all = places(json);
          const [holder, name] = all[at % all.length];
          if (put === undefined) delete holder[name];
          else holder[at % 7 === 0 ? extra : name] = put;
        }
        expectModelOrFormatError(JSON.stringify(json));
      }),
      { numRuns: 600, seed: 1 },
    );
  });

  test("after any truncation or change of a character, the JSON is loaded or refused", () => {
    const text = JSON.stringify(savedModel());
    fc.assert(
      fc.property(fc.nat(text.length - 1), fc.string({ maxLength: 2 }), fc.boolean(), (at, put, cut) => {
        expectModelOrFormatError(text.slice(0, at) + put + (cut ? "" : text.slice(at + 1)));
      }),
      { numRuns: 400, seed: 1 },
    );
  });
});

type Holder = Record<string, unknown>;

/** Returns every property at every depth. */
function places(value: unknown): [holder: Holder, name: string][] {
  if (typeof value !== "object" || value === null) return [];
  const holder = value as Holder;
  return Object.keys(holder).flatMap(
    (name) => [[holder, name], ...places(holder[name])] as [Holder, string][],
  );
}

function expectModelOrFormatError(text: string): void {
  let model: Model;
  try {
    model = Model.fromJSON(text, { kernel: "typescript" });
  } catch (error) {
    expect(error).toBeInstanceOf(FormatError);
    return;
  }
  expect(model.predict(new Float32Array(model.inputs))).toHaveLength(model.outputs);
  expect(() => JSON.stringify(model)).not.toThrow();
}

describe("the options of fromJSON", () => {
  const kept = JSON.stringify(makeModel({ layers: [dense(2), relu(), dense(1)] }));

  test("choose the kernel, independently of the one that trained the model", () => {
    for (const kernel of kernelNames) expect(Model.fromJSON(kept, { kernel }).kernel.name).toBe(kernel);
  });

  test("are refused with an OptionError, because the JSON is not at fault", () => {
    expect(() => Model.fromJSON(kept, { kernel: "gpu" as "native" })).toThrow(OptionError);
    expect(() => Model.fromJSON(kept, { kernal: "native" } as object)).toThrow('Did you mean "kernel"?');
    expect(() => Model.fromJSON(kept, null as unknown as object)).toThrow(OptionError);
  });
});
