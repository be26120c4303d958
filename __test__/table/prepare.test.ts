// Encoders alone, and tables as x and y for a model of one's own.
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { dense, Model, relu, softmax } from "../../src/index.ts";
import { encoders, FittedEncoder, fitEncoder, prepare, TablePreparation } from "../../src/table/index.ts";
import { Preparation } from "../../src/table/preparation.ts";
import { houses } from "./houses.ts";

const cases = JSON.parse(readFileSync(new URL("../fixtures/table/cases.json", import.meta.url), "utf8"));
const list = (values: Float32Array) => Array.from(values);

describe("an encoder alone", () => {
  const { values, standard, robust } = cases.scaled;

  test("scales as scikit-learn's StandardScaler and RobustScaler", () => {
    const scaler = fitEncoder("standardize", values);
    for (const [at, value] of scaler.transform(values).entries()) expect(value).toBeCloseTo(standard[at], 6);
    const unclipped = fitEncoder(encoders.robustScale({ clip: false }), values);
    for (const [at, value] of unclipped.transform(values).entries()) expect(value).toBeCloseTo(robust[at], 5);
  });

  test.each(["standardize", "robustScale", "piecewiseLinear", "identity"] as const)(
    "%s leads back to the numbers",
    (type) => {
      const encoder = fitEncoder(type, values);
      const back = encoder.inverse(encoder.transform(values)) as number[];
      for (const [at, value] of back.entries()) expect(value / values[at]).toBeCloseTo(1, 3);
      expect(encoder.names).toHaveLength(encoder.width);
    },
  );

  test("robustScale leads back from what is farthest without an infinity", () => {
    const encoder = fitEncoder("robustScale", values);
    const [far] = encoder.inverse(encoder.transform([1e12])) as number[];
    expect(far).toBeGreaterThan(1e4);
    expect(Number.isFinite(far)).toBe(true);
    expect(Number.isFinite(encoder.inverse([[5]])[0])).toBe(true);
  });

  test("writes categories, missing and unknown ones, and reads them back", () => {
    const towns = ["Oslo", "Bergen", "Oslo", null, "Bodø"];
    const oneHot = fitEncoder("oneHot", towns);
    expect(oneHot.names).toEqual(["= Oslo", "= Bergen", "= Bodø"]);
    expect(list(oneHot.transform(["Bodø", null, "Atlantis"]))).toEqual([0, 0, 1, 0, 0, 0, 0, 0, 0]);
    expect(oneHot.inverse(oneHot.transform([...towns, "Atlantis"]))).toEqual([...towns, null]);
    expect(oneHot.inverse([[0.2, 0.7, 0.1]])).toEqual(["Bergen"]);
    const lookup = fitEncoder(encoders.lookup({ units: 4, fewest: 1 }), towns);
    expect(lookup.lookup).toEqual({ categories: 4, units: 4 });
    expect(list(lookup.transform(towns))).toEqual([1, 2, 1, 0, 3]);
    expect(lookup.inverse(lookup.transform(towns))).toEqual(towns);
    const sign = fitEncoder("sign", [true, false, true]);
    expect(list(sign.transform([true, false, null]))).toEqual([-1, 1, 0]);
    expect(sign.inverse([[-0.4], [0.9], [0]])).toEqual(["true", "false", null]);
  });

  test("flags missing numbers and hashes words, without a way back", () => {
    const flag = fitEncoder("missingFlag", [1, null, 3]);
    expect(list(flag.transform([null, 2]))).toEqual([1, 0]);
    expect(() => flag.inverse([[1]])).toThrow("missingFlag: inverse: this encoder has no way back");
    const words = fitEncoder(encoders.hashedWords({ buckets: 8 }), ["a b", "c"]);
    expect(words.transform(["a b"]).reduce((sum, value) => sum + value ** 2, 0)).toBeCloseTo(1, 6);
  });

  test("takes dates as numbers", () => {
    const [first, second] = [new Date(0), new Date(86_400_000)];
    const scaler = fitEncoder("standardize", [first, second]);
    expect(list(scaler.transform([first, second]))).toEqual([-1, 1]);
    expect(scaler.inverse([[1]])).toEqual([86_400_000]);
  });

  test("is kept as JSON", () => {
    for (const encoder of [fitEncoder("oneHot", ["a", "b", "c"]), fitEncoder("piecewiseLinear", values)]) {
      const copy = FittedEncoder.fromJSON(JSON.stringify(encoder));
      const cells = encoder.type === "oneHot" ? ["c", "d"] : [1, 50];
      expect(copy.transform(cells)).toEqual(encoder.transform(cells));
      expect(copy.toJSON()).toEqual(encoder.toJSON());
    }
    const { column, ...rest } = fitEncoder("oneHot", ["a", "b", "c"]).toJSON();
    const read = (json: unknown) => FittedEncoder.fromJSON(json as never);
    expect(() => read({ ...rest })).toThrow(/column/);
    expect(() => read({ ...rest, column: { ...column, type: "number" } })).toThrow(
      /does not encode a column/,
    );
    expect(() => read({ ...rest, column: { ...column, categories: ["a"] } })).toThrow(/categories below 1/);
    expect(() => read({ ...rest, column, formatVersion: 2 })).toThrow("expected formatVersion 1, received 2");
  });

  test("refuses values that it cannot learn from", () => {
    expect(() => fitEncoder("standardise" as "standardize", [1])).toThrow(/Did you mean "standardize"/);
    expect(() => fitEncoder("standardize", [1, 1])).toThrow(
      /expected values that differ, received 1 different/,
    );
    expect(() => fitEncoder("standardize", [1, "red"])).toThrow(/expected a list of numbers, received "red"/);
    expect(() => fitEncoder("oneHot", ["a", {}])).toThrow(
      "fitEncoder: values: row 1: expected text, a number",
    );
    expect(() => fitEncoder("sign", ["a", "b", "c"])).toThrow(
      /expected two categories, received 3 different/,
    );
    expect(() => fitEncoder("oneHot", 3 as never)).toThrow("expected a list of values, received 3");
    expect(() => fitEncoder("standardize", [1, 2]).transform([1, "red"])).toThrow(/row 1.*received "red"/);
  });
});

describe("prepare", () => {
  const rows = houses(200).map(({ price: _, ...row }) => row);

  test("gives x and y for a model of one's own, and the way back to classes", async () => {
    const { x, y, rows: kept, preparation } = await prepare(rows, { target: "kind" });
    expect(x).toHaveLength(200 * preparation.inputs);
    expect(preparation.names).toHaveLength(preparation.inputs);
    expect(preparation.names).toEqual(expect.arrayContaining(["area", "area missing", "town = Oslo"]));
    expect(preparation.columns.find(({ name }) => name === "country")?.type).toBe("ignore");
    expect(list(y).every((value) => value === 0 || value === 1)).toBe(true);
    expect(list(kept as never)).toEqual(Array.from(rows.keys()));
    expect(preparation.encode(rows)).toEqual(x);
    expect(preparation.encodeTargets(rows)).toEqual(y);
    const model = new Model({
      inputs: preparation.inputs,
      layers: [...preparation.embeddings, dense(16), relu(), dense(preparation.outputs), softmax()],
      ...{ loss: "sparseCategoricalCrossentropy", optimizer: "adam", seed: 1 },
    });
    await model.fit(x, y, { epochs: 20, warnings: false });
    const others = houses(100, 7);
    const answers = preparation.decode(model.predict(preparation.encode(others)));
    const right = answers.filter(({ value }, at) => value === others[at].kind).length;
    expect(right).toBeGreaterThan(85);
    const [{ probabilities }] = answers as { probabilities: Record<string, number> }[];
    expect(probabilities.dear + probabilities.cheap).toBeCloseTo(1, 6);
    expect(preparation.encode(others[3])).toEqual(
      preparation.encode(others).slice(3 * preparation.inputs, 4 * preparation.inputs),
    );
  });

  test("scales numbers to predict, and leads back to their unit", async () => {
    const priced = houses(50).map(({ area, town, price }) => ({ area, town, price, tax: price / 4 + 3 }));
    const { y, preparation } = await prepare(priced, { target: ["price", "tax"] });
    expect(preparation.outputs).toBe(2);
    const mean =
      list(y)
        .filter((_, at) => at % 2 === 0)
        .reduce((sum, value) => sum + value, 0) / 50;
    expect(mean).toBeCloseTo(0, 5);
    for (const [at, answer] of preparation.decode(y).entries()) {
      const { price, tax } = answer as unknown as { price: { value: number }; tax: { value: number } };
      expect(price.value).toBeCloseTo(priced[at].price, 3);
      expect(tax.value).toBeCloseTo(priced[at].tax, 3);
    }
    const plain = await prepare(priced, { target: "price", encoders: { price: "identity" } });
    expect(plain.y[3]).toBe(Math.fround(priced[3].price));
    expect(plain.preparation.decode([120])).toEqual({ value: 120 });
    expect(plain.preparation.decode(Float32Array.of(120, 5))).toEqual([{ value: 120 }, { value: 5 }]);
  });

  test("encodes columns as the caller says", async () => {
    const { preparation } = await prepare(rows, {
      target: "kind",
      columns: { sold: "ignore" },
      encoders: { area: ["standardize", "missingFlag"], town: encoders.lookup({ units: 3 }) },
    });
    expect(preparation.names).toEqual(["area", "area missing", "garden = false", "town number"]);
    expect(preparation.lookups).toEqual([{ column: 3, categories: 4, units: 3 }]);
    expect(preparation.embeddings).toEqual([{ type: "embedding", column: 3, categories: 4, units: 3 }]);
  });

  test("leaves out rows without a target; without a target there is no y", async () => {
    const some = rows.map((row, at) => ({ ...row, kind: at < 5 ? null : row.kind }));
    const { x, y, rows: kept, preparation } = await prepare(some, { target: "kind" });
    expect([kept.length, kept[0], y.length]).toEqual([195, 5, 195]);
    expect(x).toHaveLength(195 * preparation.inputs);
    expect(() => preparation.encodeTargets(some)).toThrow(/row 0 has no target "kind"/);
    const without = await prepare(rows);
    expect(without.y).toHaveLength(0);
    expect(without.preparation.names).toContain("kind = dear");
    expect(() => without.preparation.decode([1])).toThrow("expected a target");
  });

  test("decodes logits, and one output for two classes", async () => {
    const { preparation } = await prepare(rows, { target: "kind" });
    expect(preparation.decode([[0.3], [0.8]])).toEqual([
      { value: "cheap", probabilities: { cheap: expect.closeTo(0.7, 6), dear: expect.closeTo(0.3, 6) } },
      { value: "dear", probabilities: { cheap: expect.closeTo(0.2, 6), dear: expect.closeTo(0.8, 6) } },
    ]);
    const e = Math.exp(1);
    for (const logits of [[2, 3], [1]]) {
      const { probabilities } = preparation.decode(logits, { fromLogits: true }) as never as {
        probabilities: Record<string, number>;
      };
      expect(probabilities.dear).toBeCloseTo(e / (1 + e), 6);
    }
    expect(() => preparation.decode([2, 3])).toThrow(/fromLogits: true/);
    expect(() => preparation.decode([[0.1, 0.2, 0.7]])).toThrow(/outputs/);
  });

  test("is kept as JSON, which is checked when it is read", async () => {
    const { preparation, x } = await prepare(rows, { target: "kind" });
    const copy = TablePreparation.fromJSON(JSON.stringify(preparation));
    expect(copy.encode(rows)).toEqual(x);
    expect(copy.names).toEqual(preparation.names);
    expect(copy.decode([0.25, 0.75])).toEqual(preparation.decode([0.25, 0.75]));
    expect(copy.toJSON()).toEqual(JSON.parse(JSON.stringify(preparation)));
    const json = JSON.parse(JSON.stringify(preparation));
    const read = (more: object) => TablePreparation.fromJSON({ ...json, ...more });
    expect(() => read({ formatVersion: 2 })).toThrow(/formatVersion/);
    expect(() => read({ columns: [] })).toThrow(/which is not there/);
    expect(() => read({ extra: 1 })).toThrow(/unknown field "extra"/);
    expect(() => read({ steps: [{ column: "town", encoder: { type: "identity", fill: 0 } }] })).toThrow(
      /identity does not encode the type category/,
    );
    expect(() => read({ targets: [{ ...json.targets[0], encoder: { type: "identity", fill: 0 } }] })).toThrow(
      /expected classes of one target, or an encoder of numbers/,
    );
    expect(() => TablePreparation.fromJSON("{")).toThrow(/fromJSON/);
  });

  test("refuses what it does not know", async () => {
    const refused = (options: object) => expect(prepare(rows, options)).rejects;
    await refused({ targets: "kind" }).toThrow(/Did you mean "target"/);
    await refused({ target: "kinds" }).toThrow(/prepare: target: .*Did you mean "kind"/);
    await refused({ encoders: { twn: "oneHot" } }).toThrow(/Did you mean "town"/);
    await refused({ encoders: { town: "standardize" } }).toThrow(
      /standardize encodes a number.*type category/,
    );
    await refused({ target: "kind", encoders: { kind: "oneHot" } }).toThrow(/classes have no encoder/);
    await refused({ target: "area", encoders: { area: "missingFlag" } }).toThrow(/missingFlag has nothing/);
    await refused({ target: "area", encoders: { area: "piecewiseLinear" } }).toThrow(
      /one input and a way back/,
    );
    await refused({ target: ["kind", "area"] }).toThrow(/several targets have to be numbers/);
    await expect(prepare([])).rejects.toThrow("expected rows, received none");
  });
});

test("rows that are encoded together have the bits of one row alone, at edges and beyond them", () => {
  const base = Float64Array.from({ length: 300 }, (_, row) =>
    row % 7 === 0 ? Number.NaN : Math.sin(row) * 1e3,
  );
  const description = { name: "x", type: "number", missing: 43, distinct: 257 } as const;
  const all = Uint32Array.from(base.keys());
  const preparation = Preparation.fit([{ description, values: base }], all);
  const [, piecewise] = preparation.steps;
  const edges = (piecewise.encoder as unknown as { edges: number[] }).edges;
  const values = Float64Array.from([...base, ...edges, ...edges.map((edge) => edge + 1e-9), -1e9, 1e9, -0]);
  const rows = Uint32Array.from(values.keys());
  const x = preparation.encode(new Map([["x", { description, values }]]), rows);
  const write = preparation.rowWriter(["x"]);
  const one = new Float32Array(preparation.inputs);
  for (const row of rows) {
    write(values.subarray(row, row + 1), [], one);
    expect(one).toEqual(x.subarray(row * one.length, (row + 1) * one.length));
  }
});
