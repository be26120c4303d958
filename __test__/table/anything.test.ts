/** Any table: each call throws a MyelinError that names the place, or gives finite answers. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { MyelinError } from "../../src/errors.ts";
import type { KernelChoice } from "../../src/index.ts";
import { fitTable, type Scores, TableModel } from "../../src/table/index.ts";

type Row = Record<string, unknown>;

const oddName = fc.constantFrom(
  "a",
  "b.c",
  'q"',
  " ",
  "😀",
  "__proto__",
  "constructor",
  "toString",
  "hasOwnProperty",
  "",
  "\u0000",
  "value",
  "0",
);
const odd = fc.constantFrom<unknown>(
  ...[
    null,
    undefined,
    Number.NaN,
    Infinity,
    -Infinity,
    1e9,
    1e300,
    5e-324,
    -0,
    "",
    " ",
    "n/a",
    "none",
    "1,234.5",
    "12 %",
    "3,5",
  ],
  ...[
    "2024-02-30",
    "03/04/2024",
    "true",
    "yes",
    "__proto__",
    "x".repeat(500),
    "\ud800",
    true,
    false,
    7n,
    10n ** 400n,
  ],
  ...[new Date(0), new Date(Number.NaN), new Date(8.64e15)],
);
const unreadable = fc.constantFrom<unknown>({}, [], () => 1, Symbol("s"), new Map(), Object.create(null));
const finite = fc.double({ noNaN: true, noDefaultInfinity: true });

/** Cells of one kind: what a column of a table usually has. */
const kinds: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  smallNumber: fc.integer({ min: -5, max: 5 }),
  number: fc.double({ min: -100, max: 100, noNaN: true }),
  anyNumber: finite,
  float: fc.float({ noNaN: true, noDefaultInfinity: true }),
  boolean: fc.boolean(),
  word: fc.constantFrom("red", "green", "blue", "none"),
  yes: fc.constantFrom("yes", "no"),
  name: fc.string({ maxLength: 8 }),
  date: fc.date({ noInvalidDate: true }),
  day: fc
    .date({ min: new Date(0), max: new Date(2e12), noInvalidDate: true })
    .map((date) => date.toISOString().slice(0, 10)),
  price: fc.integer({ min: 0, max: 99_999 }).map((cents) => `$${(cents / 100).toLocaleString("en-US")}`),
  bigint: fc.bigInt({ min: -1000n, max: 1000n }),
  odd,
  constant: fc.constant(3),
};

/** A column: cells of one kind, with gaps and now and then anything. */
const column = (rows: number) =>
  fc.constantFrom(...Object.values(kinds)).chain((kind) => {
    const cell = fc.oneof(
      { arbitrary: kind, weight: 20 },
      { arbitrary: odd, weight: 1 },
      { arbitrary: fc.constant(undefined), weight: 2 },
    );
    const rarely = fc.oneof({ arbitrary: cell, weight: 400 }, { arbitrary: unreadable, weight: 1 });
    return fc.array(fc.oneof({ arbitrary: kind, weight: 1 }, { arbitrary: rarely, weight: 1 }), {
      minLength: rows,
      maxLength: rows,
    });
  });

const options = fc.record(
  {
    task: fc.constantFrom("regression", "classification"),
    networks: fc.integer({ min: 1, max: 3 }),
    groups: fc.constantFrom("a", "__proto__", "value"),
    time: fc.constantFrom("a", "constructor"),
    sampleWeight: fc.constantFrom("a", "0"),
    columns: fc.dictionary(
      oddName,
      fc.constantFrom("number", "category", "boolean", "date", "text", "ignore"),
      { maxKeys: 2 },
    ),
    budget: fc.constant({ seconds: 0.01 }),
    kernel: fc.constantFrom("typescript", "native"),
  },
  { requiredKeys: [] },
);

const tables = fc.integer({ min: 1, max: 60 }).chain((rows) =>
  fc.record({
    target: column(rows),
    columns: fc.uniqueArray(fc.tuple(oddName, column(rows)), { selector: ([name]) => name, maxLength: 5 }),
    options: fc.oneof(fc.constant({}), options),
    isColumns: fc.boolean(),
    strangers: fc.array(fc.dictionary(oddName, fc.oneof(odd, finite, fc.string())), { maxLength: 3 }),
  }),
);

const ownError = (error: unknown) => {
  if (!(error instanceof MyelinError)) throw error;
  expect(error.message).toMatch(/^[\w ]+.*: |^fitTable/);
};

function numbersIn(value: unknown): number[] {
  if (typeof value === "number") return [value];
  return value !== null && typeof value === "object" ? Object.values(value).flatMap(numbersIn) : [];
}

/** What one answer must be. */
function checkAnswer(
  answer: { value: unknown; probabilities?: Row },
  model: TableModel<never>,
  targets: readonly unknown[],
) {
  expect(numbersIn(answer).every(Number.isFinite)).toBe(true);
  const { classes } = model.targets[0];
  if (classes === undefined) {
    const known = targets.map(Number).filter((value) => Math.abs(value) <= 1e300);
    if (known.length === targets.length) {
      const slack = 1e-9 * Math.max(...known.map(Math.abs));
      expect(answer.value).toBeGreaterThanOrEqual(Math.min(...known) - slack);
      expect(answer.value).toBeLessThanOrEqual(Math.max(...known) + slack);
    }
    return;
  }
  expect(classes).toContain(answer.value);
  const probabilities = Object.values(answer.probabilities as Row) as number[];
  expect(Object.keys(answer.probabilities as Row).sort()).toEqual(classes.map(String).sort());
  expect(probabilities.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 9);
  expect(probabilities.every((value) => value >= 0 && value <= 1 + 1e-12)).toBe(true);
}

test("any table gives finite answers, the same in every form, or an error that names the place", async () => {
  let learned = 0;
  const property = fc.asyncProperty(
    tables,
    async ({ target, columns, options: given, isColumns, strangers }) => {
      const entries: [string, unknown[]][] = [
        ["y", target],
        ...columns.map(([name, cells]): [string, unknown[]] => [name, cells]),
      ];
      const { kernel } = given as { kernel?: KernelChoice };
      const records = target.map((_, row) =>
        Object.fromEntries(entries.map(([name, cells]) => [name, cells[row]])),
      );
      const rows = isColumns ? Object.fromEntries(entries) : records;
      let model: TableModel<never>;
      try {
        const all = { networks: 2, quality: "fast", seed: 5, threads: 1, ...given, target: "y" };
        model = (await fitTable(rows as Row[], all as never)) as never;
      } catch (error) {
        ownError(error);
        return;
      }
      learned++;
      try {
        const copy = TableModel.fromBytes(
          model.toBytes(),
          kernel === undefined ? {} : { kernel },
        ) as never as TableModel<never>;
        expect(copy.toBytes()).toEqual(model.toBytes());
        expect(copy.summary()).toBe(model.summary());
        const answers = model.predict(records) as { value: unknown; probabilities?: Row }[];
        expect(copy.predict(records)).toEqual(answers);
        for (const answer of answers.slice(0, 5)) checkAnswer(answer, model, target);
        expect(records.slice(0, 5).map((record) => model.predict(record))).toEqual(answers.slice(0, 5));
        const inColumns = model.predict(Object.fromEntries(entries)) as unknown as { value: unknown[] };
        expect(inColumns.value).toEqual(answers.map(({ value }) => value));
        const { r2: _, ...scores } = model.evaluate(records) as Scores;
        expect(numbersIn(scores).every(Number.isFinite)).toBe(true);
        for (const stranger of strangers) {
          try {
            const answer = model.predict(stranger);
            expect(numbersIn(answer).every(Number.isFinite)).toBe(true);
            expect(model.predict([stranger])).toEqual([answer]);
            expect(copy.predict(stranger)).toEqual(answer);
          } catch (error) {
            ownError(error);
            expect(() => model.predict([stranger])).toThrow((error as Error).message);
          }
        }
        copy.dispose();
      } finally {
        model.dispose();
      }
    },
  );
  await fc.assert(property, {
    numRuns: Number(process.env.MYELIN_TABLES ?? 40),
    seed: Number(process.env.MYELIN_SEED ?? 1),
    ...(process.env.MYELIN_SEED && { endOnFailure: true }),
  });
  expect(learned).toBeGreaterThan(5);
}, 600_000);
