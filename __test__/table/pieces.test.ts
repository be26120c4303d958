// Long work is done in pieces: with the same result, and with turns of the event loop in between.
import { inspect } from "node:util";
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  importance,
  importanceAsync,
  partialDependence,
  partialDependenceAsync,
} from "../../src/table/index.ts";
import { finish, inTurns, PIECE, sortPieces } from "../../src/table/pieces.ts";
import { typeColumn, typeColumnPieces } from "../../src/table/typeColumn.ts";
import { handmade } from "./handmade.ts";

test("pieces of a sort are the sort", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 5 * PIECE }),
      fc.integer({ min: 1, max: 1e6 }),
      (length, distinct) => {
        const values = Float64Array.from({ length }, (_, at) => ((at * 7919) % 104_729) % distinct);
        expect(finish(sortPieces(values.slice()))).toEqual(values.slice().sort());
      },
    ),
    { numRuns: 20 },
  );
});

test("the pieces of a column are more where it has more rows", () => {
  const count = (rows: number) => {
    const cells = Array.from({ length: rows }, (_, row) => (row * 37) % 1001);
    return [...typeColumnPieces("a", cells, undefined)].length;
  };
  expect(count(20 * PIECE)).toBeGreaterThan(10 * count(PIECE));
});

/** Counts turns of the event loop while something runs. */
async function countTurns(run: () => Promise<unknown>): Promise<number> {
  let turns = 0;
  let isOver = false;
  const count = () => {
    turns++;
    if (!isOver) setImmediate(count);
  };
  setImmediate(count);
  await run();
  isOver = true;
  return turns;
}

test("work in turns has the same result, and lets other work run", async () => {
  const cells = Array.from({ length: 100 * PIECE }, (_, row) => `name ${row % 77}`);
  let column: unknown;
  const turns = await countTurns(async () => {
    column = await inTurns(typeColumnPieces("a", cells, undefined));
  });
  expect(column).toEqual(typeColumn("a", cells, undefined));
  expect(turns).toBeGreaterThan(2);
});

test("a stream that never waits lets the event loop turn while it is answered and evaluated", async () => {
  const model = handmade([{ weight: [[1]], bias: [0] }]);
  async function* stream() {
    for (let row = 0; row < 200_000; row++) yield { "column 0": row % 5, answer: 1 };
  }
  const answered = await countTurns(async () => {
    for await (const _answer of model.predict(stream()));
  });
  expect(answered).toBeGreaterThan(2);
  expect(await countTurns(async () => model.evaluate(stream()))).toBeGreaterThan(2);
});

test("importanceAsync and partialDependenceAsync have the results of their counterparts, in turns", async () => {
  const wide = Array.from({ length: 400 }, (_, unit) =>
    Array.from({ length: 3 }, (_, at) => (unit % 7) - at),
  );
  const deep = wide.map((_, unit) => wide.map((_, at) => Math.sin(unit * 401 + at)));
  const model = handmade([
    { weight: wide, bias: wide.map(() => 0) },
    { weight: deep, bias: wide.map(() => 0) },
    { weight: [wide.map((_, at) => at % 3)], bias: [0] },
  ]);
  const rows = Array.from({ length: 2000 }, (_, row) => {
    return { "column 0": row % 5, "column 1": row % 7, "column 2": row % 3, answer: row % 11 };
  });
  let [found, curve]: unknown[] = [];
  const turns = await countTurns(async () => {
    found = await importanceAsync(model, rows, { repeats: 2 });
    curve = await partialDependenceAsync(model, rows, "column 1", { points: 5 });
  });
  const same = (value: object) => ({ ...value, toString: expect.any(Function) });
  expect(found).toEqual(same(importance(model, rows, { repeats: 2 })));
  expect(curve).toEqual(same(partialDependence(model, rows, "column 1", { points: 5 })));
  expect(turns).toBeGreaterThan(5);
  const signal = AbortSignal.abort(new Error("enough"));
  await expect(importanceAsync(model, rows, { signal })).rejects.toThrow("enough");
  await expect(importanceAsync(model, rows, { signal: 3 as never })).rejects.toThrow(/signal/);
  await expect(importanceAsync(model, rows, { repeat: 3 } as never)).rejects.toThrow(/"repeats"/);
});

test("console.log of a result prints its text", () => {
  const model = handmade([{ weight: [[1]], bias: [0] }]);
  const rows = [1, 2, 3].map((value) => ({ "column 0": value, answer: value }));
  const found = importance(model, rows);
  expect(inspect(found)).toBe(found.text);
  expect(Object.keys(found)).toEqual(["metric", "score", "columns", "text", "toString"]);
});
