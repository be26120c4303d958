/** A model as bytes: the contents, an exact round trip, and malformed input. */
import { runInNewContext } from "node:vm";
import { describe, expect, test, vi } from "vitest";
import { type Tensor, write } from "../src/formats/safetensors.ts";
import {
  adam,
  dense,
  FormatError,
  KernelError,
  Model,
  type ModelOptions,
  OptionError,
  relu,
  StateError,
  sgd,
  version,
} from "../src/index.ts";
import { expectNear, flatten, kernelNames } from "./kernels.ts";
import { optionsOf, rowsFor, tablePrograms } from "./programs.ts";
import { data, failureOf, makeModel } from "./samples.ts";

/** Returns the parts of a file, read in the simplest way. */
function parts(bytes: Uint8Array) {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const start = 8 + Number(view.getBigUint64(0, true));
  const { __metadata__, ...tensors } = JSON.parse(new TextDecoder().decode(bytes.subarray(8, start)));
  const valuesOf = (name: string): number[] => {
    const [begin, end] = tensors[name].data_offsets;
    return Array.from({ length: (end - begin) / 4 }, (_, at) =>
      view.getFloat32(start + begin + 4 * at, true),
    );
  };
  return { description: JSON.parse(__metadata__.myelin), names: Object.keys(tensors), tensors, valuesOf };
}

function trained(options: Partial<ModelOptions> = {}): Model {
  const model = makeModel(options);
  model.fitSync(data, { epochs: 3, batchSize: 8 });
  return model;
}

describe("the bytes of a model", () => {
  test("are a safetensors file with an array for each layer's parameters, named as the layer", () => {
    const model = trained();
    const { names, tensors, valuesOf } = parts(model.toBytes());
    const [first, , last] = model.getWeights();
    expect(names).toEqual(["0.weight", "0.bias", "2.weight", "2.bias"]);
    expect(tensors["0.weight"]).toMatchObject({ dtype: "F32", shape: [8, 2] });
    expect(tensors["0.bias"]).toMatchObject({ dtype: "F32", shape: [8] });
    expect(valuesOf("0.weight")).toEqual(flatten(first.weight));
    expect(valuesOf("2.bias")).toEqual(last.bias);
  });

  test("contain in their metadata the JSON without its numbers, and the history", () => {
    const model = trained();
    const { weights: _, optimizerState: __, ...rest } = model.toJSON();
    expect(parts(model.toBytes({ optimizerState: true })).description).toEqual({
      ...rest,
      history: model.history,
    });
    expect(parts(model.toBytes()).description).toMatchObject({
      format: "myelin-model",
      formatVersion: 1,
      version,
    });
  });

  test("contain the optimizer's state on request, each slot of each array", () => {
    const model = trained({ optimizer: adam() });
    const { names, tensors, valuesOf } = parts(model.toBytes({ optimizerState: true }));
    const slots = ["0.weight", "0.bias", "2.weight", "2.bias"];
    expect(names).toEqual([
      ...slots,
      ...slots.map((name) => `optimizer.0.${name}`),
      ...slots.map((name) => `optimizer.1.${name}`),
    ]);
    expect(tensors["optimizer.1.0.weight"]).toMatchObject({ shape: [8, 2] });
    const state = names.filter((name) => name.startsWith("optimizer.")).flatMap(valuesOf);
    expect(state).toEqual(model.toJSON().optimizerState);
  });

  test("omit the history on request, and are then the same for equal runs", () => {
    expect(parts(trained().toBytes({ history: false })).description).not.toHaveProperty("history");
    expect(trained().toBytes({ history: false })).toEqual(trained().toBytes({ history: false }));
  });

  test.each([
    [{ optimiserState: true }, 'toBytes: unknown option "optimiserState". Did you mean "optimizerState"?'],
    [{ optimizerState: 1 }, "toBytes: optimizerState: expected true or false, received 1"],
    [{ history: "yes" }, 'toBytes: history: expected true or false, received "yes"'],
    [null, "toBytes: expected an object of options, received null"],
  ])("refuse options like %o", (options, message) => {
    expect(() => makeModel().toBytes(options as object)).toThrow(OptionError);
    expect(() => makeModel().toBytes(options as object)).toThrow(message);
  });

  test("cannot be read while a training runs", async () => {
    const model = makeModel();
    const running = model.fit(data);
    expect(await failureOf(() => model.toBytes())).toEqual(
      new StateError("toBytes: a training of this model is running. Fix: wait until it ends"),
    );
    await running;
  });
});

describe.each(kernelNames)("a model of the %s kernel after loading from bytes", (kernel) => {
  test.each(tablePrograms)("predicts and trains with the same bits: %s", (_, program) => {
    const model = new Model(optionsOf(program, { seed: 5, kernel }));
    const { x, y } = rowsFor(program, 12);
    model.fitSync(x, y, { epochs: 2, batchSize: 5 });
    const copy = Model.fromBytes(model.toBytes({ optimizerState: true }), { kernel });
    expect(copy.predict(x)).toEqual(model.predict(x));
    const options = { epochs: 2, batchSize: 5 };
    expect(copy.fitSync(x, y, options).loss).toEqual(model.fitSync(x, y, options).loss);
    expect(copy.toJSON()).toEqual(model.toJSON());
  });

  test("has the same bytes", () => {
    const bytes = trained({ kernel }).toBytes({ optimizerState: true });
    expect(Model.fromBytes(bytes, { kernel }).toBytes({ optimizerState: true })).toEqual(bytes);
  });

  test("has the history of its last training", () => {
    const model = trained({ kernel });
    expect(Model.fromBytes(model.toBytes(), { kernel }).history).toEqual(model.history);
    expect(Model.fromBytes(model.toBytes({ history: false }), { kernel }).history).toBeUndefined();
    expect(Model.fromBytes(makeModel({ kernel }).toBytes(), { kernel }).history).toBeUndefined();
  });

  test("without the optimizer's state, trains from its weights with a new optimizer", () => {
    const model = trained({ kernel, optimizer: adam() });
    const copy = Model.fromBytes(model.toBytes(), { kernel });
    expect(copy.predict(data)).toEqual(model.predict(data));
    const fresh = makeModel({ kernel, optimizer: adam() });
    fresh.setWeights(model.getWeights());
    const options = { epochs: 1, shuffle: false };
    copy.fitSync(data, options);
    fresh.fitSync(data, options);
    expect(copy.getWeights()).toEqual(fresh.getWeights());
    expect(copy.history!.epoch).toEqual([3]);
  });

  test.each(kernelNames)("continues with the same numbers on the %s kernel", (other) => {
    const model = trained({ kernel });
    const copy = Model.fromBytes(model.toBytes({ optimizerState: true }), { kernel: other });
    expect(copy.kernel.name).toBe(other);
    expect(copy.toJSON()).toEqual(model.toJSON());
    const [history, continued] = [model, copy].map((either) => either.fitSync(data));
    expectNear(continued.loss, history.loss);
  });
});

test("a history that is too long for a file is refused, and the error gives the fix", () => {
  const model = trained();
  const history = model.history as unknown as Record<string, number[]>;
  for (const name of Object.keys(history)) history[name] = new Array(1_400_000).fill(1 / 3);
  expect(() => model.toBytes()).toThrow(FormatError);
  expect(() => model.toBytes()).toThrow(
    /^toBytes: expected a header of at most 100000000 bytes, received \d+. Fix: /,
  );
  expect(Model.fromBytes(model.toBytes({ history: false })).predict(data)).toEqual(model.predict(data));
});

test("numbers of a history that are not finite are NaN after loading", () => {
  const model = trained();
  model.history!.loss[1] = Number.POSITIVE_INFINITY;
  const { loss } = Model.fromBytes(model.toBytes()).history!;
  expect(loss).toEqual([model.history!.loss[0], Number.NaN, model.history!.loss[2]]);
});

test("bytes can be an ArrayBuffer, from another realm, or a part of a larger array", () => {
  const bytes = trained().toBytes();
  const expected = Model.fromBytes(bytes).toJSON();
  const larger = new Uint8Array(bytes.length + 7).subarray(5, 5 + bytes.length);
  larger.set(bytes);
  const foreign = runInNewContext("Uint8Array.from(given)", { given: Array.from(bytes) });
  for (const given of [bytes.buffer, larger, Buffer.from(bytes), foreign]) {
    expect(Model.fromBytes(given).toJSON()).toEqual(expected);
  }
});

/** Returns a file as `toBytes` writes it, with changes. */
function withChanges(
  change: (description: Record<string, unknown>) => Record<string, unknown>,
  tensors: (list: Tensor[]) => Tensor[] = (list) => list,
): Uint8Array {
  const model = makeModel({ kernel: "typescript", layers: [dense(2, { activation: "tanh" }), dense(1)] });
  model.fitSync(data);
  const { description, names, tensors: entries, valuesOf } = parts(model.toBytes({ optimizerState: true }));
  const list = names.map((name) => ({
    name,
    shape: entries[name].shape,
    values: Float32Array.from(valuesOf(name)),
  }));
  return write({ myelin: JSON.stringify(change(description)) }, tensors(list), "test");
}

const put = (fields: object) => (description: object) => ({ ...description, ...fields });
const same = (description: Record<string, unknown>) => description;
const history = { epoch: [0], loss: [1], learningRate: [1], seconds: [1] };

const refused: [what: string, bytes: unknown, message: string][] = [
  ["nothing", undefined, "expected a Uint8Array or an ArrayBuffer, received undefined"],
  ["text", "{}", 'expected a Uint8Array or an ArrayBuffer, received "{}"'],
  ["a list", [1, 2], "expected a Uint8Array or an ArrayBuffer, received an array of 2"],
  [
    "an array of another type",
    new Float32Array(4),
    "expected a Uint8Array or an ArrayBuffer, received a Float32Array of 4",
  ],
  [
    "JSON",
    new TextEncoder().encode(JSON.stringify(makeModel())),
    "it is not a model file; a model's JSON is read by Model.fromJSON: ",
  ],
  [
    "a safetensors file of another program",
    write({ format: "pt" }, [{ name: "fc.weight", shape: [1], values: new Float32Array(1) }], "test"),
    'this is a safetensors file, but not a model: it has no metadata "myelin"',
  ],
  [
    "metadata that is not JSON",
    write({ myelin: "{" }, [], "test"),
    'metadata "myelin": character 1: expected a name in quotes',
  ],
  [
    "metadata of another format",
    write({ myelin: "{}" }, [], "test"),
    'expected an object with format "myelin-model"',
  ],
  [
    "a newer version",
    withChanges(put({ formatVersion: 2, version: "9.1.0" })),
    `expected formatVersion 1, received 2; it was written by a newer version of myelin, "9.1.0"; this is "${version}"`,
  ],
  ["an unknown field", withChanges(put({ author: "me" })), 'model: unknown option "author".'],
  [
    "a kernel, which is not part of a model",
    withChanges(put({ kernel: "native" })),
    'model: unknown option "kernel".',
  ],
  [
    "an unknown layer",
    withChanges(put({ layers: ["dens"] })),
    'layer 0: unknown layer "dens". Did you mean "dense"?',
  ],
  ["no seed", withChanges(put({ seed: undefined })), "model: seed: expected a whole number"],
  [
    "no training",
    withChanges(put({ training: undefined })),
    "training: expected an object of epochs and steps, received undefined",
  ],
  [
    "a history as a string",
    withChanges(put({ history: "good" })),
    'history: expected an object of lists, received "good"',
  ],
  [
    "a history without losses",
    withChanges(put({ history: { ...history, loss: undefined } })),
    "history: loss is missing",
  ],
  [
    "a history with a gap",
    withChanges(put({ history: { ...history, loss: [] } })),
    'history: "loss": expected a list of 1, received an array of 0',
  ],
  [
    "a history of strings",
    withChanges(put({ history: { ...history, accuracy: ["1"] } })),
    'history: "accuracy": epoch 0: expected a number, received "1"',
  ],
  [
    "a missing layer",
    withChanges(put({ layers: [dense(1)] })),
    'tensor "1.weight": the model has none of this name',
  ],
  [
    "an additional layer",
    withChanges(put({ layers: [dense(2), dense(1), dense(1)] })),
    'tensor "2.weight" is missing',
  ],
  [
    "10^9 units",
    withChanges(put({ layers: [dense(1e9), dense(1)] })),
    'tensor "0.weight": expected shape [1000000000,2], received [2,2]',
  ],
  [
    "more inputs than weights",
    withChanges(put({ inputs: 1e9 })),
    'tensor "0.weight": expected shape [2,1000000000], received [2,2]',
  ],
  [
    "more parameters than the limit",
    withChanges(put({ layers: [dense(2 ** 31 - 1), dense(2 ** 31 - 1)] })),
    "take more than",
  ],
  ["a missing array", withChanges(same, (list) => list.slice(1)), 'tensor "0.weight" is missing'],
  [
    "a missing slot",
    withChanges(same, (list) => list.slice(0, -1)),
    'tensor "optimizer.0.1.bias" is missing',
  ],
  [
    "state of an optimizer without state",
    withChanges(put({ optimizer: sgd() })),
    'tensor "optimizer.0.0.weight": the model has none',
  ],
  [
    "state of another optimizer",
    withChanges(put({ optimizer: adam() })),
    'tensor "optimizer.1.0.weight" is missing',
  ],
  [
    "a transposed weight",
    withChanges(same, (list) => list.map((tensor) => ({ ...tensor, shape: [...tensor.shape].reverse() }))),
    'tensor "1.weight": expected shape [1,2], received [2,1]',
  ],
  [
    "NaN in a weight",
    withChanges(same, (list) =>
      list.map((tensor) => ({ ...tensor, values: tensor.values.fill(Number.NaN) })),
    ),
    'tensor "0.weight": value 0: expected a finite number, received NaN',
  ],
];

describe("bytes that are not a model cause a FormatError:", () => {
  test.each(refused)("%s", (_, bytes, message) => {
    const read = () => Model.fromBytes(bytes as Uint8Array, { kernel: "typescript" });
    expect(read).toThrow(FormatError);
    expect(read).toThrow(`fromBytes: ${message.startsWith("take") ? "" : message}`);
    expect(read).toThrow(message);
  });

  test("inherited names are unknown names, and reach no prototype", () => {
    const names = ["__proto__", "constructor", "toString", "hasOwnProperty"];
    const nested = names.map((name) => withChanges(put({ layers: [{ type: name }] })));
    const tensors = names.map((name) =>
      withChanges(same, (list) => [{ ...list[0], name }, ...list.slice(1)]),
    );
    const text = JSON.stringify(parts(makeModel().toBytes()).description);
    const own = names.map((name) =>
      write({ myelin: text.replace("{", `{"${name}":{"polluted":true},`) }, [], "test"),
    );
    for (const bytes of [...nested, ...tensors, ...own]) {
      expect(() => Model.fromBytes(bytes)).toThrow(FormatError);
    }
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });
});

test("unknown options of fromBytes are refused with an OptionError, because the bytes are not at fault", () => {
  const bytes = makeModel({ layers: [dense(2), relu(), dense(1)] }).toBytes();
  expect(() => Model.fromBytes(bytes, { kernel: "gpu" as "native" })).toThrow(OptionError);
  expect(() => Model.fromBytes(bytes, { kernal: "native" } as object)).toThrow('Did you mean "kernel"?');
});

test("a file that describes a model too large for the machine is refused before memory is allocated", () => {
  const bytes = withChanges(put({ inputs: 2 ** 31 - 1, layers: [relu()] }), () => []);
  const available = vi.spyOn(process, "availableMemory").mockReturnValue(1e9);
  try {
    expect(() => Model.fromBytes(bytes)).toThrow(KernelError);
    expect(() => Model.fromBytes(bytes)).toThrow(
      "model: a row of 2147483647 inputs and 2147483647 outputs do not fit in memory: they need about 17 GB",
    );
  } finally {
    available.mockRestore();
  }
});
