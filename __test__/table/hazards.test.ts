/** What real tables do to a learner: each is learned, or refused with the reason. */
import { describe, expect, test } from "vitest";
import { DataError, OptionError } from "../../src/errors.ts";
import {
  type ColumnType,
  type FitTableOptions,
  fitTable,
  type Scores,
  TableModel,
} from "../../src/table/index.ts";
import { secondsUsed } from "../samples.ts";

type Row = Record<string, unknown>;

/** Numbers between 0 and 1 that look random. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** y = 3 a + (b is "u") + noise. `change` makes the hazard. */
function table(
  rows: number,
  change: (row: Row, at: number, draw: () => number) => Row = (row) => row,
): Row[] {
  const draw = numbers(7);
  return Array.from({ length: rows }, (_, at) => {
    const a = draw();
    const b = ["u", "v", "w"][at % 3];
    return change({ a, b, y: 3 * a + Number(b === "u") + 0.1 * draw() }, at, draw);
  });
}

const allNumbers = (value: unknown): number[] =>
  typeof value === "number"
    ? [value]
    : value !== null && typeof value === "object"
      ? Object.values(value).flatMap(allNumbers)
      : [];

/** Rows that have nothing of what the training had. */
const strangers: readonly Row[] = [
  {},
  { a: null, b: null },
  { a: 1e300, b: "unseen" },
  { a: -1e9, b: "" },
  { a: Number.POSITIVE_INFINITY, b: "__proto__" },
];

/**
 * Fits a table and checks what holds for every one: finite answers, a file with the same answers, scores that are no
 * worse than those of the mean or the commonest class.
 */
async function learn(rows: Row[], options: Partial<FitTableOptions> = {}) {
  const model = await fitTable(rows, { target: "y", quality: "fast", seed: 1, threads: 1, ...options });
  const some = rows.slice(0, 20);
  const answers = [...model.predict(some), ...model.predict(strangers)] as {
    value: unknown;
    probabilities?: object;
  }[];
  for (const answer of answers) {
    expect(allNumbers(answer).filter((value) => !Number.isFinite(value))).toEqual([]);
    const probabilities = Object.values(answer.probabilities ?? {}) as number[];
    if (probabilities.length > 0) expect(probabilities.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 9);
  }
  expect(some.map((row) => model.predict(row))).toEqual(answers.slice(0, some.length));
  const copy = TableModel.fromBytes(model.toBytes());
  expect(copy.predict([...some, ...strangers])).toEqual(answers);
  copy.dispose();
  const scores = model.scores as Scores;
  // A budget may leave the rows of one fold to score, whose spread is another than that of the table.
  if (options.budget === undefined) expectNoWorse(scores, rows, String(options.target ?? "y"));
  const types = Object.fromEntries(model.columns.map(({ name, type }) => [name, type])) as Record<
    string,
    ColumnType
  >;
  const { notes } = model;
  const summary = model.summary();
  model.dispose();
  return { answers, scores, types, notes: notes.join("\n"), summary, columns: model.columns };
}

/** Whether scores are those of the mean or the commonest class, or better; 2 % are the folds' own means. */
function expectNoWorse({ rootMeanSquaredError, logLoss }: Scores, rows: readonly Row[], target: string) {
  const values = rows.map((row) => row[target]).filter((value) => value !== null && value !== undefined);
  if (rootMeanSquaredError !== undefined) {
    const known = values.map(Number).filter(Number.isFinite);
    const mean = known.reduce((a, b) => a + b, 0) / known.length;
    const error = Math.sqrt(known.reduce((sum, value) => sum + (value - mean) ** 2, 0) / known.length);
    expect(rootMeanSquaredError).toBeLessThanOrEqual(1.02 * error + 1e-12);
  } else {
    const counts = new Map<unknown, number>();
    for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
    let entropy = 0;
    for (const count of counts.values()) entropy -= (count / values.length) * Math.log(count / values.length);
    expect(logLoss).toBeLessThanOrEqual(1.02 * entropy + 1e-12);
  }
}

const refused = (rows: unknown, options: object = {}) =>
  fitTable(rows as Row[], { target: "y", quality: "fast", seed: 1, threads: 1, ...options });

describe("a column", () => {
  test("of one value is left out", async () => {
    const { types, notes, scores } = await learn(table(100, (row) => ({ ...row, k: 5 })));
    expect(types.k).toBe("ignore");
    expect(notes).toBe('column "k" is left out: it has one value');
    expect(scores.r2).toBeGreaterThan(0.9);
  });

  test("of identifiers is left out", async () => {
    const { types, notes } = await learn(table(100, (row, at) => ({ ...row, id: `row-${at}` })));
    expect(types.id).toBe("ignore");
    expect(notes).toMatch(
      /"id" is left out: its values look like identifiers: 100 distinct ones in 100 rows/,
    );
  });

  test("of row numbers is left out", async () => {
    const { types, notes } = await learn(table(100, (row, at) => ({ ...row, n: at + 1 })));
    expect(types.n).toBe("ignore");
    expect(notes).toMatch(/"n" is left out: its values look like the numbers of the rows/);
  });

  test("of row numbers is left out where only some rows of the table are learned from", async () => {
    const rows = table(100, (row, at) => ({ ...row, n: at + 1 }));
    for (const some of [
      rows.filter((_, at) => at % 5 > 0),
      rows.filter((_, at) => at % 10 > 0).toReversed(),
    ]) {
      const { types, notes } = await learn(some);
      expect(types.n).toBe("ignore");
      expect(notes).toMatch(/"n" is left out: its values look like the numbers of the rows/);
    }
    const { types } = await learn(rows.map((row) => ({ ...row, n: 3 * (row.n as number) })));
    expect(types.n).toBe("number");
  });

  test("without any value is left out", async () => {
    const { types, notes } = await learn(table(100, (row) => ({ ...row, m: null })));
    expect(types.m).toBe("ignore");
    expect(notes).toMatch(/"m" is left out: it has no values/);
  });

  test.each([1e9, -1e9, 1e300, -1e300])("with one value of %s is learned", async (large) => {
    const { scores } = await learn(table(100, (row, at) => (at === 3 ? { ...row, a: large } : row)));
    expect(scores.r2).toBeGreaterThan(0.8);
  });

  test("with values that no double can subtract is learned", async () => {
    const tiny = 5e-324;
    await learn(table(60, (row, at) => ({ ...row, t: at % 2 ? tiny : 0, u: at % 3 ? 1e300 : -1e300 })));
  });

  test("of the least numbers that a double has is learned", async () => {
    const least = (row: Row, at: number) => ({ ...row, least: ((at * 37) % 100) * 5e-324 });
    const { types } = await learn(table(100, least));
    expect(types.least).toBe("number");
  });

  test("of numbers as text is one of numbers", async () => {
    const texts = (row: Row, at: number) => {
      const a = Number(row.a);
      const inText = at % 20 === 0 ? "n/a" : (a * 12_345).toLocaleString("en-US");
      return { ...row, a: inText, p: `${Math.round(100 * a)} %` };
    };
    const { types, scores, columns } = await learn(table(100, texts));
    expect(types).toMatchObject({ a: "number", p: "number" });
    expect(columns.find(({ name }) => name === "a")?.missing).toBe(5);
    expect(scores.r2).toBeGreaterThan(0.9);
  });

  test("of numbers and a word is one of numbers, and the word counts as missing", async () => {
    const { columns, scores } = await learn(
      table(100, (row, at) => (at % 5 === 0 ? { ...row, a: "bad" } : row)),
    );
    expect(columns[0]).toMatchObject({
      ...{ name: "a", type: "number", missing: 20 },
      unreadable: { cells: 20, example: '"bad"' },
    });
    expect(scores.r2).toBeGreaterThan(0.6);
  });

  test("of numbers and many words is one of categories", async () => {
    const { types, notes } = await learn(
      table(100, (row, at) => ({ ...row, c: at % 4 ? at % 6 : `w${at % 8}` })),
    );
    expect(types.c).toBe("category");
    expect(notes).toBe(
      'column "c" is read as categories, because only 75 % of its values are numbers; another one is "w0". Fix: give columns: { "c": "number" } to count the others as missing, or columns: { "c": "category" }',
    );
  });

  test("of mixed types is one of categories", async () => {
    const mixed = [1, "one", true, new Date(0), 2.5, "true", null, 7n];
    const { types, columns, scores } = await learn(table(96, (row, at) => ({ ...row, m: mixed[at % 8] })));
    expect(types.m).toBe("category");
    // The text "true" and the boolean are one category.
    expect(columns.find(({ name }) => name === "m")).toMatchObject({ distinct: 6, missing: 12 });
    expect(scores.r2).toBeGreaterThan(0.9);
  });

  test("of 50,000 categories is learned", async () => {
    const draw = numbers(3);
    const rows = Array.from({ length: 60_000 }, (_, at) => {
      const a = draw();
      return { c: `c${at % 50_000}`, a, y: a + Number(at % 50_000 < 100) };
    });
    const { types } = await learn(rows, { networks: 1, budget: { seconds: 0.2 } });
    expect(types.c).toBe("category");
  });

  test("of dates in three spellings is one of dates", async () => {
    const spellings = (row: Row, at: number) => {
      const day = 1 + (at % 28);
      const spelled = [`2024-01-${String(day).padStart(2, "0")}`, `${day} Jan 2024`, `Jan ${day}, 2024`];
      return { ...row, d: spelled[at % 3], y: day };
    };
    const { types, scores } = await learn(table(120, spellings));
    expect(types.d).toBe("date");
    expect(scores.r2).toBeGreaterThan(0.8);
  });

  test("of dates that can all be read both ways is read month first, and a note says so", async () => {
    const both = (row: Row, at: number) => ({ ...row, d: `0${1 + (at % 9)}/0${1 + (at % 8)}/2024` });
    const { types, notes } = await learn(table(100, both));
    expect(types.d).toBe("date");
    expect(notes).toMatch(
      /^column "d": dates such as "02\/02\/2024"|column "d": dates such as "0\d\/0\d\/2024" are read with the month first/,
    );
    expect(notes).toMatch(/Fix: if the day comes first, give Date objects, or text as "2024-12-31"$/);
    const clear = await learn(
      table(100, (row, at) => ({ ...both(row, at), ...(at === 50 && { d: "25/04/2024" }) })),
    );
    expect(clear.notes).toBe("");
  });

  test("of numbers with a unit is one of categories, or left out, and a note says why", async () => {
    const { types, notes } = await learn(
      table(100, (row, at) => ({ ...row, w: `${(at % 30) + 0.5} kg`.replace(".", ","), v: `${at + 0.5} m` })),
    );
    expect(types).toMatchObject({ w: "category", v: "ignore" });
    expect(notes.split("\n")).toEqual([
      'column "w" is read as categories, because its numbers have a unit, such as "0,5 kg". Fix: remove the unit, so that the cells are numbers; or give columns: { "w": "category" } if they are names',
      'column "v" is left out, because its numbers have a unit, such as "0.5 m". Fix: remove the unit, so that the cells are numbers',
    ]);
    const plain = (row: Row, at: number) => ({
      ...row,
      o: ["1st", "2nd", "3rd", "4th"][at % 4],
      c: `${at % 2}D`,
    });
    expect((await learn(table(60, plain))).notes).toBe("");
    const given = (row: Row, at: number) => ({ ...row, w: `${at % 30} kg` });
    expect((await learn(table(60, given), { columns: { w: "category" } })).notes).toBe("");
  });

  test("of BigInts is one of numbers", async () => {
    const large = (row: Row, at: number) => ({ ...row, i: at === 5 ? 10n ** 400n : BigInt((at * 7) % 13) });
    const { types, columns } = await learn(table(100, large));
    expect(types.i).toBe("number");
    expect(columns.find(({ name }) => name === "i")?.missing).toBe(1);
  });

  test("with infinite values counts them as missing", async () => {
    const infinite = (row: Row, at: number) => (at % 10 ? row : { ...row, a: at % 20 ? -Infinity : "inf" });
    const { columns } = await learn(table(100, infinite));
    expect(columns[0]).toMatchObject({ type: "number", missing: 10 });
  });

  test("that only some rows have is learned by its absence", async () => {
    const rows = table(100, ({ y: _, ...row }, at) => ({
      ...row,
      ...(at % 2 === 0 && { vip: true }),
      ...(at % 4 < 2 && { plan: "gold" }),
      y: 5 * Number(at % 2 === 0) + 10 * Number(at % 4 < 2),
    }));
    const { types, scores } = await learn(rows);
    expect(types).toMatchObject({ vip: "boolean", plan: "category" });
    expect(scores.r2).toBeGreaterThan(0.95);
  });

  test.each([
    ["an object", () => ({ x: 1 }), /"o" is left out: its values are not supported: row 0 is an object/],
    ["a list", () => [1, 2], /row 0 is an array of 2/],
    ["a function", () => () => 1, /row 0 is a function/],
    ["a symbol", () => Symbol("s"), /row 0 is Symbol\(s\)/],
  ])("of which each value is %s is left out", async (_, make, note) => {
    const { notes } = await learn(table(40, (row) => ({ ...row, o: make() })));
    expect(notes).toMatch(note);
  });

  test("of objects among numbers is refused, with the row and the fix", async () => {
    const rows = table(40, (row, at) => (at === 7 ? { ...row, a: { x: 1 } } : row));
    await expect(refused(rows)).rejects.toThrow(
      /column "a": row 7: expected .* Fix: .*columns: { "a": "ignore" }/,
    );
  });

  test.each(["a.b", 'q"', " sp ace ", "😀", "__proto__", "constructor", "toString", "", "\u0000", "\ud800"])(
    "with the name %j is learned",
    async (name) => {
      const rows = table(60, ({ a, b, y }) =>
        Object.fromEntries([
          ["b", b],
          ["y", y],
          [name, a],
        ]),
      );
      const { types, scores } = await learn(rows);
      expect(Object.hasOwn(types, name) && types[name]).toBe("number");
      expect(scores.r2).toBeGreaterThan(0.8);
    },
  );

  test("of long texts takes no long time", async () => {
    const long = [`${"1".repeat(1e5)}x`, `a${" ".repeat(1e5)}b`, `1/1/2020 10:00${" ".repeat(1e5)}x`];
    const started = secondsUsed();
    await learn(table(60, (row, at) => ({ ...row, t: long[at % 3] })));
    expect(secondsUsed() - started).toBeLessThan(5);
  });

  test("of a given type that no cell has is refused", async () => {
    await expect(refused(table(40), { columns: { b: "number" } })).rejects.toThrow(
      /column "b": row 0: expected a number, received "u", and no row has one/,
    );
    await expect(refused(table(40), { columns: { b: "boolean" } })).rejects.toThrow(
      /column "b": expected at most two different values for a boolean, received 3/,
    );
  });
});

describe("a target", () => {
  test("with one value of 1e9 is learned no worse than its mean", async () => {
    await learn(table(100, (row, at) => (at === 3 ? { ...row, y: 1e9 } : row)));
  });

  test("with one number of 1e9 among numbers around 1e-31 is learned", async () => {
    const rows = table(40, (row, at) => ({ ...row, y: at === 3 ? 1e9 : 1e-31 * Number(row.y) }));
    const model = await fitTable(rows, { target: "y", quality: "fast", networks: 2, seed: 1 });
    expect(allNumbers(model.predict(rows)).every(Number.isFinite)).toBe(true);
    model.dispose();
  });

  test("of numbers that no square can hold is refused", async () => {
    const rows = table(100, (row, at) => (at === 3 ? { ...row, y: 1e300 } : row));
    await expect(refused(rows)).rejects.toThrow(/target "y": row 3: expected a number of at most 1e\+100/);
  });

  test("with infinite values leaves these rows out", async () => {
    const { notes } = await learn(table(100, (row, at) => (at % 10 ? row : { ...row, y: Infinity })));
    expect(notes).toBe('10 rows without "y" are left out');
    const codes = table(100, (row, at) => ({ ...row, y: at % 10 ? at % 2 : Infinity }));
    const { notes: again } = await learn(codes.filter(({ y }) => y !== Infinity).concat(codes), {
      task: "classification",
    });
    expect(again).toBe('10 rows without "y" are left out');
  });

  test("of one number is that number", async () => {
    const { answers } = await learn(table(50, (row) => ({ ...row, y: 3.5 })));
    for (const { value } of answers) expect(value).toBeCloseTo(3.5, 12);
  });

  test("with 1 % positives keeps them rare", async () => {
    const { answers, scores } = await learn(table(300, (row, at) => ({ ...row, y: at % 100 === 0 })));
    expect(scores.accuracy).toBeGreaterThan(0.98);
    for (const { probabilities } of answers)
      expect((probabilities as { true: number }).true).toBeLessThan(0.5);
  });

  test("with one class is that class", async () => {
    const { answers, notes } = await learn(table(50, (row) => ({ ...row, y: "A" })));
    expect(notes).toMatch(/"y" has one class, "A", which is always the answer/);
    for (const answer of answers) expect(answer).toEqual({ value: "A", probabilities: { A: 1 } });
  });

  test.each(["balanced", { A: 2 }] as const)(
    "with one class may have the class weights %o",
    async (given) => {
      const rows = table(50, (row) => ({ ...row, y: "A" }));
      const model = await fitTable(rows, { target: "y", quality: "fast", networks: 1, classWeight: given });
      const copy = TableModel.fromBytes(model.toBytes());
      expect(copy.predict(rows[0]).value).toBe("A");
      for (const one of [model, copy]) one.dispose();
    },
  );

  test("with one class among some rows has no score by a metric that needs two", async () => {
    // No area under the curve: every held-out row that counts is of the commonest class.
    const rows = table(40, (row, at) => ({ ...row, y: at === 0 ? "B" : "A", weight: at === 0 ? 0 : 1 }));
    const options = { target: "y", quality: "fast", networks: 2, metric: "rocAuc" } as const;
    const model = await fitTable(rows, { ...options, sampleWeight: "weight" });
    expect(model.leaderboard[0].score).toBeNaN();
    const copy = TableModel.fromBytes(model.toBytes());
    expect(copy.leaderboard).toEqual(model.leaderboard);
    expect(copy.summary()).toBe(model.summary());
    for (const one of [model, copy]) one.dispose();
  });

  test("with a class of one row is learned", async () => {
    const rare = (row: Row, at: number) => ({ ...row, y: at === 0 ? "C" : Number(row.a) > 0.5 ? "A" : "B" });
    const { scores, answers } = await learn(table(100, rare));
    expect(scores.accuracy).toBeGreaterThan(0.85);
    expect(Object.keys(answers[0].probabilities ?? {})).toEqual(["A", "B", "C"]);
  });

  test("that differs for equal rows has the shares of its classes", async () => {
    const rows = table(40).flatMap((row) => [
      { ...row, y: "p" },
      { ...row, y: "q" },
    ]);
    const { answers } = await learn(rows);
    for (const { probabilities } of answers.slice(0, 20))
      expect(Math.abs((probabilities as { p: number }).p - 0.5)).toBeLessThan(0.25);
  });

  test("may have the name, and the classes, of what every object has", async () => {
    const rows = table(60, ({ a }, at) =>
      Object.fromEntries([
        ["a", a],
        ["__proto__", at % 2 ? "__proto__" : "constructor"],
      ]),
    );
    const { answers } = await learn(rows, { target: "__proto__" });
    expect(Object.keys(answers[0].probabilities ?? {}).sort()).toEqual(["__proto__", "constructor"]);
  });

  test("may have the class none", async () => {
    const { notes, answers } = await learn(
      table(60, (row) => ({ ...row, y: Number(row.a) > 0.5 ? "none" : "mild" })),
    );
    expect(notes).toBe("");
    expect(Object.keys(answers[0].probabilities ?? {})).toEqual(["mild", "none"]);
  });

  test("of objects is refused", async () => {
    const rows = table(40, (row, at) => ({ ...row, y: at === 4 ? {} : "A" }));
    await expect(refused(rows)).rejects.toThrow(
      /target "y": row 4: expected the name of a class, received an object/,
    );
  });

  test("of as many classes as rows is refused", async () => {
    const rows = table(60, (row, at) => ({ ...row, y: `k${at}` }));
    await expect(refused(rows)).rejects.toThrow(
      /expected classes that repeat, received 60 different values in 60 rows/,
    );
  });

  test("that is absent is refused with the nearest name", async () => {
    const absent = refused(table(40), { target: "Y" });
    await expect(absent).rejects.toThrow(OptionError);
    await expect(absent).rejects.toThrow(/unknown column "Y"\. Did you mean "y"\?/);
  });
});

describe("columns that tell nothing", () => {
  const noise = (rows: number, seed: number) => {
    const draw = numbers(seed);
    return Array.from({ length: rows }, () => ({ a: draw(), y: draw() }));
  };

  test("leave the mean as the answer, and a note and the summary say why", async () => {
    const rows = noise(40, 9);
    const model = await fitTable(rows, { target: "y", quality: "fast", seed: 1, threads: 1 });
    const mean = rows.reduce((sum, { y }) => sum + y, 0) / rows.length;
    for (const { value } of model.predict(rows)) expect(value).toBeCloseTo(mean, 12);
    expect(model.notes.join("\n")).toMatch(
      /^"y" is always answered with the mean: no kind of network is better .* Fix: give more rows, or columns that tell more about "y"$/,
    );
    const summary = model.summary();
    expect(summary).toMatch(/a +number +40 +0 +used by no network/);
    expect(summary).toMatch(/the mean +100 %/);
    expect(summary).not.toMatch(/nothing to learn from/);
    model.dispose();
  });

  test("are noted where the networks are used and no better than the mean", async () => {
    const { notes } = await learn(noise(60, 10));
    expect(notes).toMatch(/^the columns say almost nothing about "y": rootMeanSquaredError is not better/);
  });
});

describe("a table", () => {
  test.each([12, 150])("of %i rows is learned", async (rows) => {
    const { scores } = await learn(table(rows));
    expect(scores.r2).toBeGreaterThan(rows === 12 ? 0 : 0.95);
  });

  test.each([
    [1, "1 row is"],
    [2, "2 rows are"],
    [9, "9 rows are"],
  ])("of %i rows is answered with the mean", async (rows, some) => {
    const { notes, scores, summary } = await learn(table(rows));
    expect(notes).toMatch(
      `${some} too few to learn from, 10 are needed: "y" is always answered with the mean`,
    );
    expect(allNumbers(scores).every(Number.isFinite)).toBe(true);
    // Nothing was held out.
    expect(summary).toMatch("on the training rows");
    expect(summary).not.toMatch(/NaN|not learned from/);
  });

  test("with the target alone is answered with the mean", async () => {
    const { answers, notes } = await learn(table(50, ({ y }) => ({ y })));
    expect(new Set(answers.map(({ value }) => value)).size).toBe(1);
    expect(notes).toBe('"y" is always answered with the mean: no column has anything to learn from');
  });

  test("whose rows lack fields or have more of them is learned", async () => {
    const ragged = ({ a, b, y }: Row, at: number) => ({
      ...(at % 3 && { a }),
      ...(at % 4 && { b }),
      y,
      ...(at === 59 && { more: 1 }),
    });
    const { scores, columns } = await learn(table(60, ragged));
    expect(scores.r2).toBeGreaterThan(0.2);
    expect(columns.map(({ missing }) => missing)).toEqual([20, 15, 59]);
  });

  test.each([
    ["no rows", [], /fitTable: expected rows, received none/],
    ["null", null, /fitTable: expected records, columns by name or an iterable of records, received null/],
    ["a row that is null", [{ y: 1 }, null], /fitTable: row 1: expected a record, received null/],
    ["rows that are lists", [[1, 2]], /row 0: expected a record, received an array of 2; give records like/],
    [
      "columns of different length",
      { a: [1, 2], y: [1] },
      /column "y": expected 2 values, as column "a" has, received 1/,
    ],
  ])("of %s is refused", async (_, rows, message) => {
    await expect(refused(rows)).rejects.toThrow(message);
  });
});

describe("an option", () => {
  test.each([
    ["that is unknown", { qualty: "fast" }, /unknown option "qualty"\. Did you mean "quality"\?/],
    [
      "for a column that is not there",
      { columns: { B: "ignore" } },
      /columns: unknown column "B"\. Did you mean "b"\?/,
    ],
    [
      "of an unknown type",
      { columns: { b: "categry" } },
      /unknown type "categry"\. Did you mean "category"\?/,
    ],
    ["of weights that are all 0", { sampleWeight: new Float64Array(40) }, /all weights are 0/],
    [
      "of a group that is missing",
      { groups: Array(40) },
      /groups: row 0: expected a name or a number, received undefined/,
    ],
    ["of one group", { groups: Array(40).fill("g") }, /groups: expected at least 2 groups, received 1/],
    [
      "of a weight that is missing",
      { sampleWeight: Array(40).fill(null) },
      /sampleWeight: row 0: expected a number of at least 0, received null/,
    ],
    [
      "of a time without times",
      { time: "b" },
      /time: expected dates or numbers in column "b", received category/,
    ],
  ])("%s is refused", async (_, options, message) => {
    await expect(refused(table(40), options)).rejects.toThrow(message);
  });

  test("of one time for all rows is refused", async () => {
    const rows = table(40, (row) => ({ ...row, t: new Date(0) }));
    const training = refused(rows, { time: "t" });
    await expect(training).rejects.toThrow(DataError);
    await expect(training).rejects.toThrow(/time: expected at least 2 different times/);
  });

  test("of weights that all rows but some lack still gives finite answers", async () => {
    const late = table(100, (row, at) => ({ ...row, t: at * 3, w: Number(at < 10) }));
    await learnWeighted(late, { time: "t", sampleWeight: "w" });
  });

  test("of hardly any time still gives finite answers", async () => {
    await learn(table(300), { budget: { seconds: 1e-6 }, quality: "best" });
  });
});

async function learnWeighted(rows: Row[], options: Partial<FitTableOptions>) {
  const model = await fitTable(rows, { target: "y", quality: "fast", seed: 1, threads: 1, ...options });
  for (const { value } of model.predict(rows.slice(0, 5))) expect(Number.isFinite(value)).toBe(true);
  model.dispose();
}
