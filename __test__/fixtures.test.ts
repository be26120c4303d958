/** Model files of earlier versions and of Python are read with the same numbers. */
import { execFile, execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { dense, type LayerWeights, load, Model, relu, residual, save } from "../src/index.ts";
import { expectNear, flatten, kernelNames } from "./kernels.ts";
import { data, makeModel } from "./samples.ts";

const folder = fileURLToPath(new URL("fixtures/models/", import.meta.url));
const names = readdirSync(folder, { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".expected.json"))
  .map((file) => file.slice(0, -".expected.json".length));

const pathOf = (name: string, ending: string) => join(folder, `${name}.${ending}`);
const readJSON = (path: string) => JSON.parse(readFileSync(path, "utf8"));

/** Returns the arrays of layers by their names in files. Layers may contain layers. */
function named(layers: readonly LayerWeights[], prefix = ""): [name: string, values: readonly unknown[]][] {
  return layers.flatMap((entry, index) =>
    Object.entries(entry).flatMap(([name, values]) => {
      const full = `${prefix}${index}.${name}`;
      const inside = name === "layers" ? (values as unknown as LayerWeights[]) : undefined;
      return inside ? named(inside, `${full}.`) : [[full, values] as [string, readonly unknown[]]];
    }),
  );
}

/** Expects the numbers that Python read from a file to be those of its model, under the same names. */
function expectSame(found: string, model: Model): void {
  const { metadata, tensors } = readJSON(found);
  expect(JSON.parse(metadata.myelin).seed).toBe(model.seed);
  const weights = named(model.getWeights());
  for (const [name, values] of weights) {
    expect(tensors[name]).toMatchObject({ dtype: "float32", values: flatten(values) });
    expect(tensors[name].shape).toEqual(
      Array.isArray(values[0]) ? [values.length, values[0].length] : [values.length],
    );
  }
  const state = Object.keys(tensors).filter((name) => name.startsWith("optimizer."));
  expect(Object.keys(tensors)).toHaveLength(weights.length + state.length);
}

test("every version of the format has files", () => {
  expect(new Set(names.map((name) => name.split(/[\\/]/)[0]))).toEqual(new Set(["version-1"]));
  expect(makeModel().toJSON().formatVersion).toBe(1);
});

describe.each(names)("%s", (name) => {
  test.each(kernelNames)(
    "predicts and continues to train with the recorded numbers, on the %s kernel",
    async (kernel) => {
      const { x, predictions, training, loss } = readJSON(pathOf(name, "expected.json"));
      const model = await load(pathOf(name, "safetensors"), { kernel });
      expectNear(flatten(model.predict(x)), flatten(predictions));
      const [inputs, targets] = [training.x, training.y].map((values) => Float32Array.from(values));
      expectNear(model.fitSync(inputs, targets, training.options).loss, loss);
    },
  );

  test("is the same model as JSON", async () => {
    const { x } = readJSON(pathOf(name, "expected.json"));
    const fromJSON = Model.fromJSON(readFileSync(pathOf(name, "json"), "utf8"));
    const { optimizerState: _, training: __, ...model } = (await load(pathOf(name, "safetensors"))).toJSON();
    expect(fromJSON.toJSON()).toMatchObject(model);
    expect(fromJSON.predict(x)).toEqual((await load(pathOf(name, "safetensors"))).predict(x));
  });

  test("has the numbers that Python read", async () => {
    expectSame(pathOf(name, "python.json"), await load(pathOf(name, "safetensors")));
  });

  test("is the same model as Python wrote it, with its tensors in another order", async () => {
    const ours = await load(pathOf(name, "safetensors"));
    const theirs = await load(pathOf(name, "python.safetensors"));
    expect(theirs.toBytes({ optimizerState: true })).toEqual(ours.toBytes({ optimizerState: true }));
    expect(readFileSync(pathOf(name, "python.safetensors"))).not.toEqual(
      readFileSync(pathOf(name, "safetensors")),
    );
  });
});

test("options under names of earlier versions are read", async () => {
  const old = { mean: 0, deviation: 0.5 };
  const layers = [
    { type: "residual", layers: [{ type: "gaussianNoise", deviation: 0.25 }] },
    { type: "dense", units: 1, weightInitializer: { type: "truncatedNormal", ...old } },
  ];
  const written = JSON.stringify({
    ...makeModel({ layers: [residual([relu()]), dense(1)] }).toJSON(),
    layers,
  });
  const current = Model.fromJSON(written).toJSON().layers;
  expect(current).toMatchObject([
    { layers: [{ type: "gaussianNoise", stddev: 0.25 }] },
    { weightInitializer: { type: "truncatedNormal", mean: 0, stddev: 0.5 } },
  ]);
  expect(written).toContain("deviation");
  expect(JSON.stringify(current)).not.toContain("deviation");
  const both = [{ type: "gaussianNoise", deviation: 0.25, stddev: 0.25 }];
  expect(() => Model.fromJSON({ ...JSON.parse(written), layers: both })).toThrow(
    'unknown option "deviation". Did you mean "stddev"?',
  );
  const file = await load(pathOf("version-1/layers", "safetensors"));
  expect(file.toJSON().layers).toContainEqual({ type: "gaussianNoise", stddev: 0.05 });
});

/** The Python command. A Python with the package safetensors is optional. */
const python = process.env.PYTHON ?? "python3";
const hasSafetensors = (() => {
  try {
    execFileSync(python, ["-c", "import safetensors.numpy"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
})();

test.runIf(hasSafetensors)(
  "a new file is read and rewritten by Python (skipped if Python has no safetensors)",
  async () => {
    const own = mkdtempSync(join(tmpdir(), "myelin-python-"));
    try {
      const [source, found, target] = ["a.safetensors", "found.json", "b.safetensors"].map((file) =>
        join(own, file),
      );
      const model = makeModel();
      model.fitSync(data, { epochs: 2 });
      await save(model, source, { optimizerState: true });
      await promisify(execFile)(python, [join(folder, "rewrite.py"), source, found, target]);
      expectSame(found, model);
      const back = await load(target);
      expect(back.toJSON()).toEqual(model.toJSON());
      expect(back.history).toEqual(model.history);
    } finally {
      rmSync(own, { recursive: true });
    }
  },
);
