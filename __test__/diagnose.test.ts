/** diagnose: no findings for healthy tables, and each cause in a faulty case. */

import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  adam,
  batchNorm,
  dense,
  embedding,
  gelu,
  type Layer,
  layerNorm,
  Model,
  type ModelOptions,
  relu,
  residual,
  rmsprop,
  StateError,
  sgd,
  sigmoid,
  tanh,
} from "../src/index.ts";
import { type Cause, type Diagnosis, diagnose, type Finding } from "../src/insight/index.ts";
import { endOf, faultyCases, healthy, modelOf } from "./faults.ts";
import { kernelNames } from "./kernels.ts";
import { anyProgram, draws, optionsOf, rowsFor } from "./programs.ts";
import { data, makeModel, rows } from "./samples.ts";

const causesOf = ({ findings }: Diagnosis) => [...new Set(findings.map(({ cause }) => cause))];

const doc = () => readFileSync(new URL("../docs/doctor.md", import.meta.url), "utf8");

/** Returns the lines of a table of docs/doctor.md. */
const markdown = (lines: readonly (readonly string[])[]) => lines.map((cells) => `| ${cells.join(" | ")} |`);

describe("healthy tables", () => {
  test.each(healthy)("$name: no findings before training", (table) => {
    expect(String(diagnose(modelOf(table), table.x, table.y))).toBe(`no findings in ${table.x.length} rows`);
  });

  describe.each(kernelNames)("trained on the %s kernel", (kernel) => {
    const few = kernel === "native" ? healthy : healthy.filter(({ name }) => name !== "digits");
    test.each(few)("$name: no findings after training", (table) => {
      const model = modelOf(table, { kernel });
      const { epochs, batchSize } = table;
      model.fitSync(table.x, table.y, { epochs, batchSize });
      expect(diagnose(model, table.x, table.y).findings).toEqual([]);
    });
  });

  // Other common settings.
  const others: readonly (readonly [string, () => Layer[], ModelOptions["optimizer"]])[] = [
    ["tanh, sgd with momentum", () => [dense(32), tanh()], sgd({ learningRate: 0.05, momentum: 0.9 })],
    ["sigmoid, adam", () => [dense(32), sigmoid()], adam({ learningRate: 0.01 })],
    ["two layers of gelu, adam", () => [dense(32), gelu(), dense(32), gelu()], adam({ learningRate: 0.001 })],
    ["batchNorm, rmsprop", () => [dense(32), batchNorm(), relu()], rmsprop({ learningRate: 0.001 })],
    [
      "residual blocks",
      () => [dense(16), ...[1, 2].map(() => residual([layerNorm(), dense(16), relu(), dense(16)]))],
      adam({ learningRate: 0.003 }),
    ],
  ];
  describe.each(others)("%s", (_, hidden, optimizer) => {
    test.each(healthy)("$name: no findings before and after training", (table) => {
      const model = modelOf(table, { layers: [...hidden(), ...endOf(table).last], optimizer });
      expect(diagnose(model, table.x, table.y).findings).toEqual([]);
      model.fitSync(table.x, table.y, { epochs: 30 });
      expect(diagnose(model, table.x, table.y).findings).toEqual([]);
    });
  });
});

describe("faulty cases", () => {
  const found = faultyCases.map((faulty) => {
    const { x, y, model } = faulty.make();
    return { ...faulty, diagnosis: diagnose(model, x, y) };
  });

  test.each(found)("$cause is found. $done", ({ cause, at, diagnosis }) => {
    const own = diagnosis.findings.find((finding) => finding.cause === cause);
    expect(own, String(diagnosis)).toMatchObject(at);
    expect(own!.message).toMatch(/\d/);
    expect(String(diagnosis)).toContain(own!.fix);
  });

  test("exist for every cause", () => {
    const source = readFileSync(new URL("../src/training/warnings/finding.ts", import.meta.url), "utf8");
    const declared = /export type Cause =(.*?);/s.exec(source)![1];
    const causes = Array.from(declared.matchAll(/"(\w+)"/g), ([, cause]) => cause);
    expect(new Set(faultyCases.map(({ cause }) => cause))).toEqual(new Set(causes as Cause[]));
    for (const cause of causes) expect(doc()).toContain(`| \`${cause}\` |`);
  });

  test("are those of the table in docs/doctor.md, and have no other findings", () => {
    const place = ({ column, layer, row, class: category, share }: Finding) =>
      [
        layer === undefined ? "" : `layer ${layer}`,
        category === undefined ? "" : `class ${category}`,
        column === undefined ? "" : `column ${column}`,
        row === undefined ? "" : `row ${row}`,
        share === undefined ? "" : `${Math.round(100 * share)} %`,
      ]
        .filter(Boolean)
        .join(", ") || "the optimizer";
    const lines = found.map(({ cause, done, diagnosis }) => {
      const own = diagnosis.findings.find((finding) => finding.cause === cause)!;
      expect(causesOf(diagnosis), done).toEqual([cause]);
      return [done, `\`${cause}\``, place(own)];
    });
    const start = doc().indexOf("| fault | finding |");
    expect(doc().slice(start).split("\n\n")[0].trim().split("\n").slice(2)).toEqual(markdown(lines));
  });
});

describe("a diagnosis", () => {
  test.each(kernelNames)("does not change a model of the %s kernel", (kernel) => {
    const optimizer = adam({ learningRate: 0.01 });
    const [model, twin] = [1, 2].map(() =>
      makeModel({ kernel, optimizer, layers: [dense(4), batchNorm(), relu(), dense(1)] }),
    );
    for (const one of [model, twin]) one.fitSync(data, { epochs: 12 });
    const [x, y] = [data.x.slice(), data.y.slice()];
    diagnose(model, data);
    expect(model.toJSON()).toEqual(twin.toJSON());
    for (const one of [model, twin]) one.fitSync(data, { epochs: 2 });
    expect(model.toJSON()).toEqual(twin.toJSON());
    expect([data.x, data.y]).toEqual([x, y]);
  });

  test("is the same on both kernels, and for rows in any form", () => {
    const [native, plain] = kernelNames.map((kernel) =>
      makeModel({ kernel, optimizer: sgd({ learningRate: 9 }) }),
    );
    const expected = diagnose(plain, data);
    expect(expected.findings).not.toEqual([]);
    expect(diagnose(native, rows.x, rows.y).text).toBe(expected.text);
  });

  test("is a StateError while a training runs, and after dispose", async () => {
    const model = makeModel();
    const training = model.fit(data, { epochs: 5 });
    expect(() => diagnose(model, data)).toThrow(StateError);
    await training;
    model.dispose();
    expect(() => diagnose(model, data)).toThrow(StateError);
  });

  test("reports data that training refuses, for any reason", () => {
    const values = [Number.NaN, Number.POSITIVE_INFINITY, 1e300, null, "1", undefined, 0.5];
    fc.assert(
      fc.property(fc.constantFrom(...values), fc.nat(3), fc.nat(2), (value, row, column) => {
        const x = rows.x.slice(0, 4).map((cells) => [...cells] as unknown[]);
        x[row].splice(column, 1, value);
        const given = [x as number[][], rows.y.slice(0, 4)] as const;
        const model = makeModel();
        const [first] = diagnose(model, ...given).findings;
        let refusal: string | undefined;
        try {
          model.evaluate(...given);
        } catch (error) {
          refusal = (error as Error).message;
        }
        const isRefused = first?.cause === "refusedData";
        expect(isRefused ? first.message : undefined).toBe(refusal);
        if (isRefused) expect(first.row).toBe(row);
      }),
    );
  });

  test("is possible for every layer, loss and optimizer, and for any rows, and gives a place to each finding", () => {
    const small = fc.tuple(anyProgram, fc.constantFrom(1, 2, 17), fc.nat(1_000_000));
    fc.assert(
      fc.property(small, ([program, count, seed]) => {
        const optimizer = { ...program.optimizer, learningRate: 0.05 };
        const model = new Model(optionsOf(program, { optimizer, seed }));
        const before = model.toJSON();
        const { findings } = diagnose(model, rowsFor(program, count, seed));
        for (const { row = 0, layer = 0, share = 1, message, fix } of findings) {
          expect(row).toBeLessThan(count);
          expect(layer).toBeLessThan(program.layers.length);
          expect(share > 0 && share <= 1).toBe(true);
          expect(message + fix).not.toMatch(/undefined|NaN|\[object/);
        }
        expect(model.toJSON()).toEqual(before);
      }),
      draws,
    );
  });

  test("prints as docs/doctor.md shows", () => {
    const x = Array.from({ length: 100 }, (_, row) => [Math.sin(row), 1000 * Math.cos(row)]);
    const layers = [dense(16), relu(), dense(1)];
    const model = makeModel({ layers, optimizer: sgd({ learningRate: 0.01 }), seed: 1 });
    const text = diagnose(
      model,
      x,
      x.map(([first]) => first),
    );
    expect(doc()).toContain(`\`\`\`text\n${text}\n\`\`\``);
  });

  test("reports targets that a metric refuses", () => {
    const model = makeModel({ metrics: ["accuracy"] });
    const [{ cause, row, message }] = diagnose(model, rows.x.slice(0, 2), [0, 0.5]).findings;
    expect({ cause, row }).toEqual({ cause: "refusedData", row: 1 });
    expect(message).toMatch(/expected a class, 0 or 1, received 0.5/);
  });

  test("checks rows with valid labels like any others", () => {
    const model = makeModel({ layers: [dense(8), relu(), dense(2)], loss: "sparseCategoricalCrossentropy" });
    const found = diagnose(
      model,
      [
        [1, 5],
        [2, 5],
        [3, 5],
        [9, 9],
      ],
      [0, 1, 1, 7],
    );
    expect(causesOf(found)).toEqual(["labelOutsideClasses", "constantColumn"]);
    expect(found.findings[0]).toMatchObject({ row: 3, share: 0.25 });
  });

  test("has findings if all labels are invalid", () => {
    const model = makeModel({ layers: [dense(2)], loss: "sparseCategoricalCrossentropy" });
    const found = diagnose(model, rows.x.slice(0, 3), [5, 6, 7]);
    expect(causesOf(found)).toEqual(["labelOutsideClasses"]);
    expect(found.findings[0].fix).toMatch(/dense\(8\)/);
  });

  test("describes the first three findings of a cause in full, and lists the places of the others", () => {
    const x = Array.from({ length: 30 }, (_, row) => Array.from({ length: 20 }, (_, at) => 100 * row + at));
    const model = makeModel({ inputs: 20, optimizer: sgd({ learningRate: 1e-6 }) });
    const found = diagnose(
      model,
      x,
      x.map((_, row) => row / 30),
    );
    expect(found.findings.filter(({ cause }) => cause === "unscaledColumn")).toHaveLength(20);
    expect(String(found)).toContain("unscaledColumn: x: column 2 has values from 2 to 2902");
    expect(String(found)).toMatch(/unscaledColumn: 17 more: column 3, column 4, .*, column 14, …/);
    expect(found.text).toBe(`${found}`);
  });

  test("suggests no learning rate if columns are unscaled, and at most the default otherwise", () => {
    const large = rows.x.map(([first, second]) => [first * 1e4, second]);
    for (const learningRate of [0.001, 0.0001]) {
      const { findings } = diagnose(makeModel({ optimizer: sgd({ learningRate }) }), large, rows.y);
      const found = findings.find(({ cause }) => cause === "learningRateTooHigh");
      expect(found?.fix).toBe(
        "scale the columns of x and y first, and leave the learning rate as it is until then",
      );
      expect(found?.message).not.toMatch(/; at /);
    }
    const { findings } = diagnose(makeModel({ optimizer: adam({ learningRate: 50 }) }), rows.x, rows.y);
    expect(findings[0].fix).toMatch(/learningRate: 0\.001,/);
  });

  test("gives the caller's row numbers if earlier rows have invalid labels", () => {
    const x = Array.from({ length: 60 }, (_, row) => [Math.sin(row), row === 50 ? 1e5 : Math.cos(row)]);
    const y = x.map((_, row) => (row < 4 ? 7 : row % 2));
    const classes = { layers: [dense(2)], loss: "sparseCategoricalCrossentropy" } as const;
    const { findings } = diagnose(makeModel(classes), [...x, x[59]], [...y, 0]);
    const rowOf = (cause: Cause) => findings.find((finding) => finding.cause === cause);
    expect(rowOf("outlier")).toMatchObject({ row: 50, column: 1 });
    expect(rowOf("outlier")?.message).toMatch(/row 50, column 1/);
    expect(rowOf("contradictoryRows")).toMatchObject({ row: 60 });
    expect(rowOf("contradictoryRows")?.message).toMatch(/rows 59 and 60/);
  });

  test("accepts a single row", () => {
    expect(diagnose(makeModel(), [[0.2, 0.9]], [1]).findings).toEqual([]);
  });

  test("accepts more rows than it sends through the network", () => {
    const many = Array.from({ length: 5000 }, (_, row) => [Math.sin(row), Math.cos(3 * row)]);
    const found = diagnose(
      makeModel({ optimizer: sgd({ learningRate: 50 }) }),
      many,
      many.map(([x]) => x),
    );
    expect(found.findings[0].message).toMatch(/loss of 512 rows/);
  });

  test("refuses options, because it has none", () => {
    expect(() => diagnose(makeModel(), data as never, {} as never)).toThrow(/expected \(data\) or \(x, y\)/);
  });
});

describe("no findings for", () => {
  const binary = (layers: Layer[], loss: ModelOptions["loss"] = "binaryCrossentropy") =>
    makeModel({ layers, loss });

  test("columns of categories, for any numbers", () => {
    const model = makeModel({
      layers: [embedding({ column: 1, categories: 1000, units: 2 }), dense(8), relu(), dense(1)],
      optimizer: sgd({ learningRate: 0.01 }),
    });
    const x = Array.from({ length: 60 }, (_, row) => [Math.sin(row), (row * 37) % 1000]);
    expect(
      diagnose(
        model,
        x,
        x.map(([value]) => value),
      ).findings,
    ).toEqual([]);
  });

  test("columns that batchNorm scales", () => {
    const x = Array.from({ length: 60 }, (_, row) => [1000 * Math.sin(row), row]);
    const y = x.map((_, row) => Math.sin(row));
    const layers = [dense(8), relu(), dense(1)];
    const optimizer = sgd({ learningRate: 0.01 });
    expect(causesOf(diagnose(makeModel({ layers, optimizer }), x, y))).toContain("unscaledColumn");
    const scaling = makeModel({ layers: [batchNorm(), ...layers], optimizer });
    expect(diagnose(scaling, x, y).findings).toEqual([]);
  });

  test("a column of zeros, and equal rows with equal labels", () => {
    const x = Array.from({ length: 40 }, (_, row) => [(row % 4) - 1.5, 0]);
    const y = x.map(([value]) => Number(value > 0));
    expect(diagnose(binary([dense(8), relu(), dense(1), sigmoid()]), x, y).findings).toEqual([]);
  });

  test("equal rows with different values, which are noise", () => {
    const x = Array.from({ length: 40 }, (_, row) => [(row % 4) - 1.5, row % 2]);
    const y = x.map((_, row) => Math.sin(row));
    expect(diagnose(makeModel(), x, y).findings).toEqual([]);
  });

  test.each<[string, Layer[]]>([
    ["a narrow linear layer between two wide ones, as a bottleneck", [dense(1), dense(2), relu(), dense(1)]],
    ["residual blocks that end in a linear layer", [dense(4), residual([relu(), dense(4)]), dense(1)]],
    ["a linear model", [dense(1)]],
  ])("%s", (_, layers) => {
    expect(causesOf(diagnose(makeModel({ layers }), data))).not.toContain("linearStack");
  });

  test.each<[string, Layer[]]>([
    ["batchNorm between, which is linear in predict", [dense(4), batchNorm(), dense(1)]],
    ["residual blocks of linear layers", [dense(4), residual([dense(4)]), dense(1)]],
    ["leakyRelu of the slope 1 between", [dense(4), { type: "leakyRelu", alpha: 1 }, dense(1)]],
  ])("but linear layers are reported with %s", (_, layers) => {
    expect(causesOf(diagnose(makeModel({ layers }), data))).toContain("linearStack");
  });

  test("saturated units of the last layer if the targets need them", () => {
    const layers = [dense(8), tanh(), dense(1, { weightInitializer: "ones" }), sigmoid()];
    const model = makeModel({ layers });
    model.setWeights([
      { weight: Array(8).fill([50, 0]), bias: Array(8).fill(0) },
      {},
      { weight: [Array(8).fill(2)], bias: [0] },
      {},
    ]);
    const x = Array.from({ length: 40 }, (_, row) => [Math.sign(Math.sin(row)) * 0.03, Math.cos(row)]);
    const right = x.map(([value]) => Number(value > 0));
    expect(causesOf(diagnose(model, x, right))).toEqual([]);
    const wrong = right.map((target) => 1 - target);
    expect(causesOf(diagnose(model, x, wrong))).toContain("saturatedUnits");
  });
});
