import { describe, expect, test } from "vitest";
import { TargetPredictor } from "../../src/table/answering.ts";
import { answersOf } from "../../src/table/distill.ts";
import { everyRow, toFrame } from "../../src/table/frame.ts";
import { compact, fitTable, TableModel } from "../../src/table/index.ts";
import { usedColumns } from "../../src/table/parts.ts";
import { partsOf } from "../../src/table/tableModel.ts";
import { typeFrame } from "../../src/table/typedRows.ts";

function uniform(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Points of three kinds by two numbers and a name, some of them wrong, and a number that follows from all. */
function points(rows: number, seed = 1) {
  const draw = uniform(seed);
  return Array.from({ length: rows }, () => {
    const [x, y, side] = [2 * draw() - 1, 2 * draw() - 1, draw() < 0.5 ? "left" : "right"];
    const right = x * x + y * y < 0.5 ? "in" : side === "left" ? "out" : "far";
    return { x, y, side, kind: draw() < 0.1 ? "in" : right, height: 10 * x * y + (side === "left" ? 5 : 0) };
  });
}

const fast = { quality: "fast", seed: 1 } as const;

describe("compact", () => {
  test("gives one small network that answers classes as the portfolio does", async () => {
    const rows = points(600);
    const model = await fitTable(rows, { target: "kind", columns: { height: "ignore" }, ...fast });
    const small = await compact(model, rows, { units: 32, samples: 4000 });
    const [change] = small.changes;
    expect(change).toMatchObject({ call: "compact", rows: 600, scoredRows: 120 });
    expect(change.agreement?.kind).toBeGreaterThan(0.93);
    expect(change.after.kind.logLoss).toBeLessThan((change.before.kind.logLoss as number) + 0.1);
    expect(change.bytes?.after).toBeLessThan((change.bytes?.before as number) / 10);
    expect(change.bytes?.after).toBe(small.toBytes().length);
    expect(change.microseconds?.after).toBeLessThan(change.microseconds?.before as number);
    expect(small.leaderboard).toHaveLength(1);
    const other = points(400, 7);
    const [large, tiny] = [model.evaluate(other), small.evaluate(other)];
    expect(tiny.accuracy).toBeGreaterThan((large.accuracy as number) - 0.05);
    const copy = TableModel.fromBytes(small.toBytes());
    expect(copy.predict(other)).toEqual(small.predict(other));
    expect(copy.toBytes()).toEqual(small.toBytes());
    expect(copy.summary()).toBe(small.summary());
    expect(small.summary()).toMatch(/kind: agreement/);
    for (const one of [model, small, copy]) one.dispose();
  });

  test("keeps quantiles, thresholds and several targets; rows need no target", async () => {
    const rows = points(500);
    const model = await fitTable(rows, {
      ...{ target: ["kind", "height"], quantiles: [0.1, 0.9], ...fast, networks: 5 },
    });
    const small = await compact(
      model,
      rows.map(({ x, y, side }) => ({ x, y, side })),
      { units: 32, samples: 4000 },
    );
    const [change] = small.changes;
    expect(change.before).toEqual({ kind: {}, height: {} });
    expect(change.agreement?.height).toBeGreaterThan(0.9);
    for (const { height } of small.predict(points(50, 3)) as {
      height: { quantiles: Record<string, number> };
    }[])
      expect(height.quantiles["0.1"]).toBeLessThanOrEqual(height.quantiles["0.9"]);
    for (const one of [model, small]) one.dispose();
  });

  test("is the same for the same seed, and refuses what it cannot use", async () => {
    const rows = points(100);
    const model = await fitTable(rows, {
      target: "height",
      columns: { kind: "ignore" },
      ...fast,
      networks: 2,
    });
    const before = model.toBytes();
    const options = { units: 8, samples: 500 };
    const [a, b] = await Promise.all([
      compact(model, rows, { ...options, threads: 1 }),
      compact(model, rows, { ...options, threads: 2 }),
    ]);
    expect(a.toBytes()).toEqual(b.toBytes());
    expect(model.toBytes()).toEqual(before);
    await expect(compact(model, rows.slice(0, 5))).rejects.toThrow(/at least 20 rows, received 5/);
    await expect(
      compact(
        model,
        rows.map(({ x, side }) => ({ x, side })),
      ),
    ).rejects.toThrow(/none named "y"/);
    // @ts-expect-error not a table model
    await expect(compact({}, rows)).rejects.toThrow(/expected a TableModel/);
    // @ts-expect-error an option of another call
    await expect(compact(model, rows, { quality: "fast" })).rejects.toThrow(/unknown option "quality"/);
    for (const one of [model, a, b]) one.dispose();
    await expect(compact(model, rows)).rejects.toThrow(/disposed/);
  });

  test("leaves a model as it is where only its quantiles have networks, and its file can be read", async () => {
    const draw = uniform(3);
    const rows = Array.from({ length: 200 }, () => ({ x: draw(), y: draw() }));
    const model = await fitTable(rows, { target: "y", quantiles: [0.1, 0.9], quality: "fast", seed: 3 });
    const before = model.predict(rows[0]);
    const small = await compact(model, rows, { units: 8, samples: 400 });
    small.dispose();
    expect(model.predict(rows[0])).toEqual(before);
    const copy = TableModel.fromBytes(model.toBytes());
    expect(copy.predict(rows[0])).toEqual(before);
    copy.dispose();
    await expect(compact(model, [...rows, { x: 1, y: "oops" }])).rejects.toThrow(/oops/);
    expect(model.predict(rows[0])).toEqual(before);
    await expect(compact(model, rows, { samples: 1e9 })).rejects.toThrow(/samples: expected at most 2000000/);
    model.dispose();
  });

  test("counts the rows that were scored, and says which columns are missing and what to do", async () => {
    const rows = points(200);
    const model = await fitTable(rows, { target: "height", ...fast, networks: 1 });
    const half = rows.map((row, at) => (at % 2 ? row : { ...row, height: null }));
    const small = await compact(model, half, { units: 8, samples: 400 });
    const [{ scoredRows }] = small.changes;
    expect(scoredRows).toBeGreaterThan(5);
    expect(scoredRows).toBeLessThan(40);
    expect(small.summary()).toMatch(`scored on ${scoredRows} of them`);
    // The portfolio learned from these rows.
    expect(small.summary()).not.toMatch(/rows not learned from/);
    expect(small.summary()).toMatch(/on rows that compact held out/);
    const blind = await compact(
      model,
      rows.map(({ x, y, side, kind }) => ({ x, y, side, kind })),
      { units: 8, samples: 400 },
    );
    expect(blind.changes[0].scoredRows).toBe(0);
    expect(blind.summary()).toMatch(/no scores: the rows of compact had no target/);
    expect(blind.summary()).not.toMatch(/NaN/);
    await expect(
      compact(
        model,
        rows.map(({ x }) => ({ x })),
      ),
    ).rejects.toThrow(/none named "y"\. Fix: give records with all of its columns/);
    for (const one of [model, small, blind]) one.dispose();
  });

  test("predicts and encodes in pieces, with a pause before each, and stops where a pause throws", async () => {
    const rows = points(2000);
    const model = await fitTable(rows, { target: "kind", ...fast, networks: 1 });
    const parts = partsOf(model, "test");
    const used = usedColumns(parts, parts.targets);
    const columns = typeFrame(used, toFrame(rows, "test"), "test");
    const predictor = new TargetPredictor(parts.targets[0], used);
    let pauses = 0;
    const count = async () => {
      pauses++;
    };
    const found = await answersOf(predictor, columns, everyRow(2000), count);
    expect(found).toEqual(predictor.rows(columns, everyRow(2000)));
    expect(pauses).toBe(8);
    const stop = async () => {
      if (++pauses > 10) throw new Error("stopped");
    };
    await expect(answersOf(predictor, columns, everyRow(2000), stop)).rejects.toThrow("stopped");
    expect(pauses).toBe(11);
    model.dispose();
  });

  test("rejects with the signal's reason while it makes copies", async () => {
    const rows = points(200);
    const model = await fitTable(rows, { target: "kind", ...fast, networks: 1 });
    const controller = new AbortController();
    setTimeout(() => controller.abort(new Error("enough")), 30);
    const { signal } = controller;
    await expect(compact(model, rows, { samples: 2_000_000, signal })).rejects.toThrow("enough");
    expect(model.predict(rows[0]).value).toBeDefined();
    model.dispose();
  });
});
