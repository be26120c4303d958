// Long work is done in pieces: with the same result, and with turns of the event loop in between.
import fc from "fast-check";
import { expect, test } from "vitest";
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
