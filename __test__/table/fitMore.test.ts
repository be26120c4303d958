import { describe, expect, test } from "vitest";
import { fitMore, fitTable, TableModel } from "../../src/table/index.ts";

function uniform(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Sales by price and season; `slope` is what a price does, which changes from year to year. */
function sales(rows: number, slope: number, seed = 1) {
  const draw = uniform(seed);
  return Array.from({ length: rows }, () => {
    const [price, season] = [10 * draw(), ["winter", "summer"][Math.floor(2 * draw())]];
    const sold = 100 + slope * price + (season === "summer" ? 20 : 0) + 4 * (draw() - 0.5);
    return { price, season, sold, level: sold > 100 ? "high" : "low" };
  });
}

const fast = { quality: "fast", seed: 1, networks: 5 } as const;

describe("fitMore", () => {
  test("learns what has changed, and says how good it was and is on the new rows", async () => {
    const columns = { level: "ignore" } as const;
    const model = await fitTable(sales(300, 3), { target: "sold", columns, quantiles: [0.1, 0.9], ...fast });
    const before = model.toBytes();
    const more = await fitMore(model, sales(400, -3, 2), { epochs: 60, learningRate: 3e-3 });
    expect(model.toBytes()).toEqual(before);
    const [change] = more.changes;
    expect(change).toMatchObject({ call: "fitMore", rows: 400, scoredRows: 400 });
    const other = sales(300, -3, 9);
    const [old, recent] = [model.evaluate(other), more.evaluate(other)];
    expect(recent.rootMeanSquaredError).toBeLessThan((old.rootMeanSquaredError as number) / 3);
    // The scores that it reports are those of rows that it has not seen.
    const { rootMeanSquaredError: stated = 0 } = change.after.sold;
    expect(Math.abs(stated - (recent.rootMeanSquaredError as number))).toBeLessThan(0.4 * stated);
    expect(change.before.sold.rootMeanSquaredError).toBeGreaterThan(
      (old.rootMeanSquaredError as number) * 0.8,
    );
    expect(old.intervalCoverage).toBeLessThan(0.4);
    expect(recent.intervalCoverage).toBeGreaterThan(0.7);
    expect(more.rows).toBe(700);
    const copy = TableModel.fromBytes(more.toBytes());
    expect(copy.predict(other)).toEqual(more.predict(other));
    expect(copy.changes).toEqual(more.changes);
    for (const one of [model, more, copy]) one.dispose();
  });

  test("keeps a model that rows of the same kind cannot make better", async () => {
    const rows = sales(400, 3).map(({ sold: _sold, ...row }) => row);
    const model = await fitTable(rows, { target: "level", classWeight: "balanced", ...fast });
    const other = sales(200, 3, 2);
    const more = await fitMore(model, other, { epochs: 2 });
    const [{ before, after }] = more.changes;
    expect(after.level.logLoss).toBeLessThan((before.level.logLoss as number) * 1.05);
    const share = other.filter(({ level }) => level === "high").length / other.length;
    const { high } = more.predict({
      price: other.map((row) => row.price),
      season: other.map((row) => row.season),
    }).probabilities as Record<string, Float64Array>;
    expect(Math.abs(high.reduce((sum, value) => sum + value, 0) / other.length - share)).toBeLessThan(0.05);
    for (const one of [model, more]) one.dispose();
  });

  test("refuses what it cannot learn, and is the same on any number of threads", async () => {
    const rows = sales(100, 3).map(({ sold: _sold, ...row }) => row);
    const model = await fitTable(rows, { target: "level", ...fast });
    const strange = rows.map((row) => ({ ...row, level: "middle" }));
    await expect(fitMore(model, strange)).rejects.toThrow(
      /target "level": row 0: expected one of the classes high, low.*one output for each class.*fitTable/,
    );
    await expect(
      fitMore(
        model,
        rows.map(({ season: _season, ...row }) => row),
      ),
    ).rejects.toThrow(/none named "season"/);
    await expect(fitMore(model, rows.slice(0, 9))).rejects.toThrow(/at least 20 rows/);
    await expect(fitMore(model, rows, { learningRate: 0 })).rejects.toThrow(/learningRate/);
    const both = await Promise.all([1, 2].map((threads) => fitMore(model, rows, { threads, epochs: 3 })));
    expect(both[0].toBytes()).toEqual(both[1].toBytes());
    for (const one of [model, ...both]) one.dispose();
  });
});
