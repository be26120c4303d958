/**
 * Changes every field of a saved model: of JSON, of a file's header and description, of a checkpoint's state.
 * The result is a working model or a FormatError.
 */
import { readFileSync, writeFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readSnapshot } from "../src/formats/bytes.ts";
import {
  callbacks,
  dense,
  type KernelChoice,
  Model,
  type ModelJSON,
  MyelinError,
  softmax,
} from "../src/index.ts";
import { freshPaths } from "./folders.ts";
import { headerOf, withHeader } from "./headers.ts";
import { fuzzSeconds, isValidRefusal, nestedModel, testRandomCases } from "./hostile.ts";
import { kernelNames } from "./kernels.ts";
import { data, makeModel } from "./samples.ts";

const freshPath = freshPaths("fields", "checkpoint.safetensors");

/** JSON values that replace a field. */
const pieces: readonly unknown[] = [
  null,
  true,
  "",
  "adam",
  "dense",
  -1,
  0,
  0.5,
  3,
  1e9,
  2 ** 53,
  1e308,
  [],
  [null],
  ["relu"],
  {},
  { type: "dense" },
  { length: 1 },
  { norm: 1, value: 1 },
];

/** Values that only a caller can pass for a field, not a file. */
const values: readonly (() => unknown)[] = [
  () => undefined,
  () => Number.NaN,
  () => Number.POSITIVE_INFINITY,
  () => 1n,
  () => Symbol("a"),
  () => () => 1,
  () => new Date(0),
  () => new Map([["type", "dense"]]),
  () => new Array(3),
  () => new Float64Array(2),
  () => Object.create(null),
  () => {
    const cycle: { type: string; layers: unknown[] } = { type: "residual", layers: [] };
    cycle.layers.push(cycle);
    return cycle;
  },
];

type Container = Record<string | number, unknown>;
/** A change of one field, in a copy of the document. */
type Change = { readonly what: string; readonly apply: (root: Container) => void };

const isContainer = (value: unknown): value is Container => typeof value === "object" && value !== null;

/** Returns the paths of all fields of a document; of a list of plain values, only that of the first entry. */
function fieldsOf(value: unknown, path: readonly string[] = []): (readonly string[])[] {
  if (!isContainer(value)) return [path];
  const names = Object.keys(value);
  const kept = Array.isArray(value) && !value.some(isContainer) ? names.slice(0, 1) : names;
  return [path, ...kept.flatMap((name) => fieldsOf(value[name], [...path, name]))];
}

/** Returns the container of a field, or an empty one if an earlier change has removed it. */
function holder(root: Container, path: readonly string[]): Container {
  const found = path
    .slice(0, -1)
    .reduce<unknown>((at, name) => (isContainer(at) ? at[name] : undefined), root);
  return isContainer(found) ? found : {};
}

/** Yields every change of every field: another value, no value, and an additional field. */
function* changesOf(document: object, others: readonly (() => unknown)[]): Generator<Change> {
  // The document itself is the field "" of the root.
  for (const path of fieldsOf(document)) {
    const full = ["", ...path];
    const name = full.at(-1) as string;
    const place = path.join(".");
    for (const other of others) {
      const shown = other();
      const text = isContainer(shown) ? Object.prototype.toString.call(shown) : String(shown);
      yield {
        what: `${place} = ${text}`,
        apply: (root) => {
          holder(root, full)[name] = other();
        },
      };
    }
    if (path.length > 0) {
      yield {
        what: `no ${place}`,
        apply: (root) => {
          const at = holder(root, full);
          if (Array.isArray(at)) at.splice(Number(name), 1);
          else delete at[name];
        },
      };
    }
    yield {
      what: `${place} and one more`,
      apply: (root) => {
        const value = holder(root, full)[name];
        if (Array.isArray(value)) value.push(value.at(-1) ?? 0);
        else if (isContainer(value)) value.extra = 1;
      },
    };
  }
}

const json = pieces.map((piece) => () => structuredClone(piece));

/** A document that can be read, as JSON. */
interface Subject {
  readonly what: string;
  readonly document: object;
  /** The values that replace a field. */
  readonly others: readonly (() => unknown)[];
  /** Reads the document and uses the result. */
  readonly read: (document: unknown) => void;
}

/** Returns a description of a wrong outcome, or undefined if the model works or the error is a valid one. */
function faultOf({ document, read }: Subject, changes: readonly Change[]): string | undefined {
  const root: Container = { "": structuredClone(document) };
  for (const { apply } of changes) {
    try {
      apply(root);
    } catch {
      // An earlier change has replaced the container.
    }
  }
  try {
    read(root[""]);
  } catch (error) {
    if (isValidRefusal(error)) return undefined;
    return `${changes.map(({ what }) => what).join(", ")}: ${error}`;
  }
  return undefined;
}

/** Returns models that together have every kind of field. */
function models(kernel: KernelChoice): Model[] {
  const list = [
    makeModel({ layers: [dense(3, { activation: "tanh" }), dense(1)], metrics: ["r2"], l1: 0.1, kernel }),
    makeModel({
      layers: [dense(3), softmax()],
      loss: { type: "sparseCategoricalCrossentropy", labelSmoothing: 0.1 },
      metrics: ["accuracy", { type: "topK", k: 2 }, { type: "rocAuc", average: "weighted" }],
      optimizer: "adam",
      kernel,
    }),
    nestedModel(kernel),
  ];
  const withCategories = { x: data.x.map((value, at) => (at % 2 ? Math.round(value) : value)), y: data.y };
  for (const model of list) model.fitSync(withCategories, { epochs: 2, validationSplit: 0.2 });
  return list;
}

/** Uses everything that was read, and frees it. */
function use(read: Model): void {
  using model = read;
  if (model.inputs < 1e6) expect(model.predict(new Float32Array(model.inputs))).toHaveLength(model.outputs);
  model.summary();
  using copy = Model.fromBytes(model.toBytes({ optimizerState: true }));
  expect(copy.toJSON()).toEqual(model.toJSON());
}

type Header = { __metadata__: Record<string, string> };
const headerIn = (bytes: Uint8Array): Header => JSON.parse(headerOf(bytes));

/** Returns the file with another text under this name of its metadata. */
function withText(bytes: Uint8Array, name: string, value: unknown): Uint8Array {
  const header = headerIn(bytes);
  header.__metadata__[name] = JSON.stringify(value) ?? "";
  return withHeader(bytes, JSON.stringify(header));
}

/** Returns a document for each saved form of a model. */
function subjectsOf(kernel: KernelChoice): Subject[] {
  const ofModels = models(kernel).flatMap((model, at): Subject[] => {
    const [bytes, document] = [model.toBytes({ optimizerState: true }), model.toJSON()];
    return [
      {
        what: `JSON, model ${at}`,
        document,
        others: [...json, ...values],
        read: (changed) => use(Model.fromJSON(changed as ModelJSON, { kernel })),
      },
      {
        what: `a file's header, model ${at}`,
        document: headerIn(bytes),
        others: json,
        read: (changed) => use(Model.fromBytes(withHeader(bytes, JSON.stringify(changed)), { kernel })),
      },
      {
        what: `a file's description, model ${at}`,
        document: JSON.parse(headerIn(bytes).__metadata__.myelin),
        others: json,
        read: (changed) => use(Model.fromBytes(withText(bytes, "myelin", changed), { kernel })),
      },
    ];
  });
  return [...ofModels, ...checkpointSubjects(kernel)];
}

/** Returns the documents in a checkpoint. Reading one also resumes its training. */
function checkpointSubjects(kernel: KernelChoice): Subject[] {
  const path = freshPath();
  const train = (epochs: number, resume: boolean) => {
    const list = [callbacks.earlyStopping(), callbacks.checkpoint({ path, resume })];
    const layers = [dense(2), dense(1)];
    using model = makeModel({ layers, optimizer: "adam", kernel });
    model.fitSync(data, { epochs, callbacks: list });
  };
  train(3, false);
  const bytes = new Uint8Array(readFileSync(path));
  const read = (changed: Uint8Array) => {
    readSnapshot(changed, "a checkpoint");
    writeFileSync(path, changed);
    try {
      train(4, true);
    } catch (error) {
      // After some changes it is a valid checkpoint, but of another training.
      expect(error).toBeInstanceOf(MyelinError);
      expect((error as Error).message).toMatch(/it was made with|it measured|another model/);
    }
  };
  return ["myelin-checkpoint", "myelin"].map((name) => ({
    what: `a checkpoint's ${name === "myelin" ? "description" : "state"}`,
    document: JSON.parse(headerIn(bytes).__metadata__[name]),
    others: json,
    read: (document) => read(withText(bytes, name, document)),
  }));
}

describe.each(kernelNames)(
  "on the %s kernel, any change of a field leaves a working model or a FormatError",
  (kernel) => {
    const subjects = subjectsOf(kernel);

    test.each(subjects.map((subject) => [subject.what, subject] as const))("in %s", (_, subject) => {
      expect(() => subject.read(structuredClone(subject.document))).not.toThrow();
      const faults = Array.from(changesOf(subject.document, subject.others), (change) =>
        faultOf(subject, [change]),
      );
      expect(faults.length).toBeGreaterThan(100);
      expect(faults.filter((fault) => fault !== undefined)).toEqual([]);
    });

    describe("and several changes at once", () => {
      const all = subjects.map(
        (subject) => [subject, [...changesOf(subject.document, subject.others)]] as const,
      );
      const several = fc
        .constantFrom(...all)
        .chain(([subject, changes]) =>
          fc.tuple(
            fc.constant(subject),
            fc.array(fc.constantFrom(...changes), { minLength: 2, maxLength: 4 }),
          ),
        );
      const property = fc.property(several, ([subject, changes]) => {
        expect(faultOf(subject, changes)).toBeUndefined();
      });
      const seconds = fuzzSeconds / kernelNames.length;
      testRandomCases(seconds, 1000, property, "documents, each a model or a FormatError");
    });
  },
);
