// What a report says, by section, of every kind of model and of difficult tables.

import { describe, expect, it } from "vitest";
import { DataError, OptionError } from "../../src/errors.ts";
import { adam, dense, Model, relu, sigmoid, softmax, tanh } from "../../src/index.ts";
import { report } from "../../src/report/index.ts";
import { compact, fitTable, splitTable, TableModel } from "../../src/table/index.ts";
import { longName, random } from "../plot/samples.ts";
import {
  flowers,
  headingsOf,
  hostileTable,
  houses,
  manyClasses,
  quick,
  sectionOf,
  signals,
  tablesOf,
  textOf,
} from "./samples.ts";

describe("a report about classes", async () => {
  const rows = flowers(240);
  const model = await fitTable(rows, { target: "kind", ...quick });
  const html = await report(model, { rows, title: "Which flower?", date: new Date("2026-03-04") });

  it("has a section for each question that a reader has", () => {
    expect(headingsOf(html, 1)).toEqual(["Which flower?"]);
    expect(headingsOf(html, 2)).toEqual([
      ...["In short", "How good it is", "Which columns matter", "Where it errs most", "The data"],
      ...["Limits and warnings", "The networks", "Repeat it"],
    ]);
    expect(textOf(html)).toContain("2026-03-04");
  });

  it("says in words how good it is, beside always answering the commonest class", () => {
    const text = textOf(sectionOf(html, "In short"));
    expect(text).toMatch(
      /On rows that it did not learn from, of 100 answers (more than )?\d+ are right\. Always answering \w+, the commonest class, would be right for \d+\./,
    );
    expect(text).toMatch(/What matters most for the answer: .*length/);
  });

  it("has the model's own scores beside those of the baseline", () => {
    const [scores] = tablesOf(sectionOf(html, "How good it is"));
    expect(scores[0]).toEqual([
      ...["Measure", "Model, on rows not learned from", "Always the commonest class", "What it says"],
    ]);
    const accuracy = Number.parseFloat(scores.find(([name]) => name === "Right answers")?.[1] ?? "");
    expect(accuracy / 100).toBeCloseTo(model.scores.accuracy as number, 2);
  });

  it("draws the confusion matrix and calibration of rows that their networks did not learn from", () => {
    const section = sectionOf(html, "How good it is");
    expect(headingsOf(section, 3)).toEqual(["Confusion matrix", "Calibration of the answer's probability"]);
    expect(textOf(section)).toContain(
      "The pictures are of 240 rows, each predicted by networks that did not learn from it.",
    );
    // The picture counts the same right answers as the score.
    const accuracy = /240 rows, accuracy ([\d.]+) %/.exec(section)?.[1];
    expect(Number(accuracy)).toBeCloseTo(100 * (model.scores.accuracy as number), 1);
  });

  it("lists wrong answers with their cells, by the row's number in the table", () => {
    const [errors] = tablesOf(sectionOf(html, "Where it errs most"));
    expect(errors.length).toBeGreaterThan(1);
    const [row, truth, answer, , cell] = errors[1];
    expect(truth).toBe(rows[Number(row)].kind);
    expect(answer).not.toBe(truth);
    const column = errors[0][4] as "length";
    expect(Number(cell)).toBeCloseTo(Number(rows[Number(row)][column]), 2);
  });

  it("says what was done to each column", () => {
    const [columns] = tablesOf(sectionOf(html, "The data"));
    expect(columns.map(([name, type]) => [name, type])).toEqual([
      ["Column", "Type"],
      ["length", "number"],
      ["width", "number"],
      ["place", "category"],
      ["id", "–"],
    ]);
    expect(columns[4][4]).toMatch(/^left out: /);
    expect(columns[2][3]).toMatch(/\(\d.*%\)/);
  });

  it("has versions, seeds and code that fits the same model", () => {
    const section = sectionOf(html, "Repeat it");
    expect(textOf(section)).toContain("seed: 1,");
    expect(textOf(section)).toContain('target: "kind"');
  });

  it("gives the same page for the same seed and date, and shows the caller's command", async () => {
    const options = { rows, title: "Which flower?", date: new Date("2026-03-04") };
    expect(await report(model, options)).toBe(html);
    const other = await report(model, { ...options, command: "npx myelin train flowers.csv --target kind" });
    expect(textOf(sectionOf(other, "Repeat it"))).toContain("npx myelin train flowers.csv");
    expect(sectionOf(other, "Repeat it")).not.toContain("fitTable(");
  });

  it("shows no rows with examples: 0", async () => {
    expect(headingsOf(await report(model, { rows, examples: 0 }), 2)).not.toContain("Where it errs most");
  });

  it("works without rows, with the pictures that the model still has in memory", async () => {
    const alone = await report(model);
    expect(headingsOf(alone, 2)).toContain("How good it is");
    expect(headingsOf(alone, 2)).not.toContain("Which columns matter");
    expect(alone).toContain("Confusion matrix");
    const [errors] = tablesOf(sectionOf(alone, "Where it errs most"));
    expect(errors[0]).toHaveLength(4);
  });

  it("takes columns and frames as it takes records", async () => {
    const columns = Object.fromEntries(
      (["id", "length", "width", "place", "kind"] as const).map((name) => [
        name,
        rows.map((row) => row[name]),
      ]),
    );
    const date = new Date("2026-03-04");
    expect(await report(model, { rows: columns, title: "Which flower?", date })).toBe(html);
  });

  it("does not take other rows for the training rows", async () => {
    const text = await report(model, { rows: rows.toReversed() });
    expect(tablesOf(sectionOf(text, "Where it errs most"))[0][0]).toHaveLength(4);
  });

  it("says of a loaded model that the pictures may be of rows that it learned from", async () => {
    const loaded = TableModel.fromBytes(model.toBytes());
    const text = textOf(await report(loaded, { rows }));
    expect(text).toContain("If the model learned from them, the pictures look better");
    expect(text).toContain("training curves are in reports of a model that fitTable has just made");
  });

  it("does not show the predictions of the large model after compact", async () => {
    const text = textOf(await report(await compact(model, rows, { samples: 500 }), { rows }));
    expect(text).toContain("If the model learned from them, the pictures look better");
    expect(text).toContain("Afterwards the model was changed by compact with 240 rows.");
    expect(text).toContain("on rows that compact held out");
  });

  it("shows how far it has come, and stops at a signal", async () => {
    const steps: string[] = [];
    await report(model, {
      rows,
      onProgress: ({ step, finished, total }) => steps.push(`${finished}/${total} ${step}`),
    });
    expect(steps).toEqual([
      "0/4 predictions of kind",
      "1/4 importance of the columns for kind",
      "2/4 rows unlike the training data",
      "3/4 pictures",
    ]);
    await expect(report(model, { rows, signal: AbortSignal.abort(new Error("enough")) })).rejects.toThrow(
      "enough",
    );
  });

  it("refuses unknown options, other models, and test rows without the target", async () => {
    await expect(report(model, { row: rows } as never)).rejects.toThrow(OptionError);
    await expect(report({} as never)).rejects.toThrow(/expected a TableModel or a Model/);
    await expect(report(model, { examples: -1 })).rejects.toThrow(/examples: expected a whole number/);
    await expect(report(model, { theme: "blue" as never })).rejects.toThrow(/theme: expected one of/);
    await expect(report(model, { title: 3 as never })).rejects.toThrow(/title: expected a text/);
    await expect(report(model, { date: "today" as never })).rejects.toThrow(/date: expected a Date/);
    await expect(report(model, { test: [] })).rejects.toThrow(/test: expected rows, received none/);
    const wrong = rows.map(({ kind: _, ...row }) => row);
    await expect(report(model, { test: wrong })).rejects.toThrow(DataError);
    await expect(report(model, { test: wrong })).rejects.toThrow(/expected the target "kind"/);
  });
});

describe("a report with test rows", async () => {
  const table = flowers(300);
  const { training, test, testRows } = splitTable(table, { target: "kind", seed: 1 });
  const model = await fitTable(training, { target: "kind", ...quick });
  const strange = test.map((row, at) => (at < 3 ? { ...row, place: "moon" } : row));
  const html = await report(model, { rows: training, test: strange });

  it("judges by them, beside the model's own scores", () => {
    const [scores] = tablesOf(sectionOf(html, "How good it is"));
    expect(scores[0].slice(1, 4)).toEqual([
      ...["Model, test rows", "Model, on rows not learned from", "Always the commonest class, test rows"],
    ]);
    const { accuracy } = model.evaluate(strange);
    expect(Number.parseFloat(scores[1][1])).toBeCloseTo(100 * (accuracy as number), 1);
    expect(textOf(html)).toContain(`On ${test.length} rows that it never saw`);
  });

  it("names rows with large errors by testRows, and refuses numbers that are not those of the rows", async () => {
    const page = await report(model, { test, testRows });
    const [errors] = tablesOf(sectionOf(page, "Where it errs most"));
    expect(errors.length).toBeGreaterThan(1);
    for (const [row, truth] of errors.slice(1)) {
      expect(table[Number(row)].kind).toBe(truth);
      expect([...testRows]).toContain(Number(row));
    }
    const few = { test, testRows: testRows.slice(1) };
    await expect(report(model, few)).rejects.toThrow(/testRows: expected 60 numbers, .*received 59/);
    await expect(report(model, { testRows })).rejects.toThrow(/testRows: expected test beside it/);
    const odd = { test, testRows: test.map(() => 0.5) };
    await expect(report(model, odd)).rejects.toThrow(/testRows: expected the number of each row of test/);
  });

  it("lists the cells that the training did not have", () => {
    const section = sectionOf(html, "Limits and warnings");
    expect(tablesOf(section)[0][1].slice(0, 3)).toEqual(["place", "unknown category", "3"]);
    expect(textOf(section)).toContain(`3 of ${test.length} test rows have cells`);
  });
});

describe("a report about two classes with a threshold", async () => {
  const rows = signals(300);
  const model = await fitTable(rows, {
    ...{ target: "alarm", positive: "yes", threshold: "best", metric: "f1" },
    ...quick,
  });
  const html = await report(model, { rows });

  it("says what is found and what is right, and draws both curves with the threshold", () => {
    expect(textOf(sectionOf(html, "In short"))).toMatch(
      /It finds (more than )?\d+ of 100 rows that are yes; of 100 rows that it calls yes, (more than )?\d+ are\./,
    );
    const section = sectionOf(html, "How good it is");
    expect(headingsOf(section, 3)).toEqual([
      ...["Confusion matrix", "ROC curve of yes", "Precision and recall of yes"],
      "Calibration of the probability of yes",
    ]);
    expect(textOf(section)).toMatch(/The answer is yes where its probability is above 0\.\d+/);
    expect(section).toMatch(/threshold 0\.\d+/);
  });

  it("warns of a rare class and of few rows", async () => {
    const few = rows.slice(0, 40).map((row, at) => ({ ...row, alarm: at < 4 ? "yes" : "no" }));
    const small = await fitTable(few, { target: "alarm", ...quick });
    const text = textOf(sectionOf(await report(small, { rows: few }), "Limits and warnings"));
    expect(text).toContain("The model learned from only 40 rows");
    expect(text).toContain("Few rows of a class of alarm, so that the model can hardly learn it: yes (4).");
  });
});

describe("a report about numbers", async () => {
  const rows = houses(250);
  const model = await fitTable(rows, { target: "price", quantiles: [0.1, 0.5, 0.9], ...quick });
  const html = await report(model, { rows });

  it("says the error in the target's units, beside that of the mean, and what the intervals hold", () => {
    expect(textOf(sectionOf(html, "In short"))).toMatch(
      /the answers are off by [\d.]+ on average, in the units of price\. Always answering the mean, [\d.,]+, would be off by [\d.,]+: the model's error is [\d.]+ % smaller\. Of 100 true values about \d+ are within its intervals; 80 were wanted\./,
    );
  });

  it("draws predictions, residuals and intervals, with the rows' numbers in the table", () => {
    const section = sectionOf(html, "How good it is");
    expect(headingsOf(section, 3)).toEqual(["Predicted and actual values", "Intervals and true values"]);
    const [scores] = tablesOf(section);
    expect(scores.map(([name]) => name)).toContain("At or below the 90 % quantile");
  });

  it("draws effects of the columns that matter", () => {
    const section = sectionOf(html, "Which columns matter");
    expect(headingsOf(section, 3)).toEqual([
      "Importance of the columns",
      "Average answer along these columns",
    ]);
  });

  it("lists the rows with the largest errors, largest first", () => {
    const [errors] = tablesOf(sectionOf(html, "Where it errs most"));
    const sizes = errors.slice(1).map((row) => Math.abs(Number(row[3])));
    expect(sizes).toEqual(sizes.toSorted((a, b) => b - a));
    expect(sizes).toHaveLength(8);
    for (const [row, truth] of errors.slice(1)) expect(Number(truth)).toBeCloseTo(rows[Number(row)].price, 0);
    // As in the picture of the residuals.
    expect(errors[0][3]).toBe("Residual");
    for (const [, truth, answer, residual] of errors.slice(1))
      expect(Number(residual)).toBeCloseTo(Number(truth) - Number(answer), 0);
  });

  it("counts rows without a target, and keeps the numbers of the others", async () => {
    const gaps = rows.map((row, at) => (at % 5 === 0 ? { ...row, price: null } : row));
    const fitted = await fitTable(gaps, { target: "price", ...quick });
    const text = await report(fitted as TableModel, { rows: gaps });
    for (const [row, truth] of tablesOf(sectionOf(text, "Where it errs most"))[0].slice(1))
      expect(Number(truth)).toBeCloseTo(gaps[Number(row)].price as number, 0);
    const shown = [
      ...text.matchAll(/\[\d+,"(\d+)"\],\[\d+,"[\d.,-]+"\],\[\d+,"[\d.,-]+"\],\[\d+,"[-\d.,e]+"\]\]/g),
    ];
    expect(shown.some(([, row]) => Number(row) > 200)).toBe(true);
    expect(shown.every(([, row]) => Number(row) % 5 !== 0)).toBe(true);
  });

  it("measures columns on the rows of the scores: those with a target", async () => {
    const test = houses(60).map((row, at) => (at % 10 === 0 ? { ...row, price: null } : row));
    const text = textOf(await report(model, { test }));
    expect(text).toContain("54 rows that it never saw");
    expect(text).toContain("Measured on 54 rows of the test");
  });
});

describe("a report about several targets", async () => {
  const rows = houses(150).map((row) => ({ ...row, dear: row.price > 500 }));
  const model = await fitTable(rows, { target: ["price", "dear"], ...quick });
  const html = await report(model, { rows });

  it("has a section for each", () => {
    expect(headingsOf(html, 2)).toEqual([
      ...["In short", "price", "dear", "The data", "Limits and warnings"],
      ...["The networks of each answer", "Repeat it"],
    ]);
    expect(headingsOf(sectionOf(html, "dear"), 3)).toContain("How good it is");
    expect(headingsOf(sectionOf(html, "dear"), 4)).toContain("Confusion matrix");
    expect(textOf(sectionOf(html, "Repeat it"))).toContain('target: ["price","dear"]');
  });
});

describe("a report about a model that has learned nothing", () => {
  it("says so of one class", async () => {
    const rows = flowers(40).map((row) => ({ ...row, kind: "rose" }));
    const html = await report(await fitTable(rows, { target: "kind", ...quick }), { rows });
    expect(textOf(sectionOf(html, "In short"))).toContain("The model found nothing to learn");
    expect(textOf(html)).toContain("The table has one class only, rose (100 %).");
    expect(headingsOf(html, 2)).not.toContain("Where it errs most");
  });

  it("says so of too few rows, and of numbers", async () => {
    const rows = houses(6);
    const html = await report(await fitTable(rows, { target: "price", ...quick }), {
      rows,
      test: houses(20),
    });
    expect(textOf(sectionOf(html, "In short"))).toMatch(
      /it always answers with the mean \(the mean, [\d.]+\)/,
    );
    expect(textOf(sectionOf(html, "Limits and warnings"))).toContain("too few to learn from");
  });
});

describe("a report about difficult tables", () => {
  it("stays small with 50 classes", async () => {
    const rows = manyClasses(1000, 50);
    const html = await report(await fitTable(rows, { target: "kind", ...quick }), { rows });
    expect(html.length).toBeLessThan(2_000_000);
    expect(textOf(html)).toContain("one of 50 classes");
    expect(textOf(sectionOf(html, "The data"))).toContain("Distribution of kind");
  });

  it("measures the columns with the largest weights of 500", async () => {
    const next = random(3);
    const rows = Array.from({ length: 120 }, () => {
      const row: Record<string, number> = {};
      for (let at = 0; at < 500; at++) row[`column ${at}`] = next();
      row.target = 10 * row["column 7"] + row["column 400"];
      return row;
    });
    const model = await fitTable(rows, { target: "target", quality: "fast", networks: 1, seed: 1 });
    const html = await report(model as TableModel, { rows });
    expect(html.length).toBeLessThan(2_000_000);
    expect(textOf(sectionOf(html, "The data"))).toContain("440 more columns are not shown");
    if (model.leaderboard.some(({ weight }) => weight > 0))
      expect(textOf(sectionOf(html, "Which columns matter"))).toContain(
        "Of 500 columns, only the 40 with the largest weights were measured",
      );
  });

  it("escapes and shortens names", async () => {
    const rows = hostileTable(120);
    const target = `<img src=x onerror=alert(1)>"'&`;
    const model = await fitTable(rows, { target, ...quick });
    const html = await report(model as TableModel, { rows, title: "</title><script>alert(1)</script>" });
    expect(html).not.toMatch(/<img|onerror=alert\(1\)>"|<\/title><script>alert/);
    expect(html).not.toContain(longName.repeat(20));
    expect(textOf(html)).toContain("🐧");
    expect(html.length).toBeLessThan(1_000_000);
  });

  it("reads a sample of many rows, and says so", async () => {
    const model = await fitTable(houses(300), { target: "price", ...quick });
    const next = random(5);
    const count = 1_000_000;
    const column = () => Float64Array.from({ length: count }, () => Math.round(150 * next()));
    const area = column();
    const test = {
      area,
      rooms: column(),
      town: new Array(count).fill("Oslo"),
      price: area.map((value) => 5 * value),
    };
    const html = await report(model, { test, seed: 9 });
    const text = textOf(html);
    expect(text).toContain("5,000 of 1,000,000 rows, drawn at random");
    expect(text).toContain("The rows of this report are a sample of 1,000,000 rows, drawn with its seed.");
    expect(text).toContain("Seed of this report 9");
    expect(html.length).toBeLessThan(2_000_000);
  });
});

describe("a report about a network", () => {
  const next = random(2);
  const x = Array.from({ length: 200 }, () => [next(), next()]);
  const labels = x.map(([a, b]) => Number(a + b > 1));

  it("has layers, curves, weights and scores", async () => {
    const model = new Model({
      ...{ inputs: 2, layers: [dense(8), relu(), dense(1), sigmoid()], metrics: ["accuracy"], seed: 1 },
      ...{ loss: "binaryCrossentropy", optimizer: adam({ learningRate: 0.05 }) },
    });
    const y = labels.map((label) => [label]);
    await model.fit({ x, y }, { epochs: 30, validationSplit: 0.2 });
    const html = await report(model, { data: { x, y } });
    expect(headingsOf(html, 2)).toEqual([
      ...["In short", "How good it is", "The training", "The layers", "The weights", "Repeat it"],
    ]);
    expect(headingsOf(sectionOf(html, "How good it is"), 3)).toEqual([
      ...["Confusion matrix", "ROC curve", "Precision and recall", "Calibration"],
    ]);
    const [scores] = tablesOf(sectionOf(html, "How good it is"));
    expect(scores.map(([name]) => name)).toEqual(["Measure", "Loss", "Right answers", "Accuracy"]);
    expect(textOf(sectionOf(html, "The training"))).toContain("The last training had 30 epochs");
    expect(textOf(sectionOf(html, "Repeat it"))).toContain('{"type":"relu"}');
  });

  it.each([
    ["sparseCategoricalCrossentropy", (label: number) => [label]],
    ["categoricalCrossentropy", (label: number) => (label === 1 ? [0, 1] : [1, 0])],
  ])("understands the targets of %s", async (loss, write) => {
    const model = new Model({
      ...{ inputs: 2, layers: [dense(8), tanh(), dense(2), softmax()], seed: 1 },
      ...{ loss: loss as "categoricalCrossentropy", optimizer: adam({ learningRate: 0.05 }) },
    });
    const y = labels.map(write);
    model.fitSync({ x, y }, { epochs: 60 });
    const html = await report(model, { data: { x, y } });
    const share = /([\d.]+) % get the right class/.exec(textOf(html))?.[1];
    const right = model
      .predict(x)
      .filter(([no, yes], row) => Number((yes as number) > (no as number)) === labels[row]).length;
    expect(Number(share)).toBeCloseTo((100 * right) / x.length, 1);
  });

  it("works without data and without a training", async () => {
    const model = new Model({
      ...{ inputs: 2, layers: [dense(3)], loss: "meanSquaredError", optimizer: adam(), seed: 1 },
    });
    const html = await report(model);
    expect(textOf(html)).toContain("No rows were given, so this page does not say how good it is.");
    expect(textOf(html)).toContain("The model has no history");
    await expect(report(model, { rows: [] } as never)).rejects.toThrow(OptionError);
    const y = x.map(([a, b]) => [a, b, a - b]);
    expect(headingsOf(sectionOf(await report(model, { data: { x, y } }), "How good it is"), 3)).toHaveLength(
      3,
    );
  });
});
