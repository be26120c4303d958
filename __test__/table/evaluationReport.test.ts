/** evaluationReport: scores beside the baseline, the confusion matrix, calibration, errors. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { metrics } from "../../src/index.ts";
import { evaluationReport, fitTable, type TableModel } from "../../src/table/index.ts";

const table = (rows: number, from = 0) =>
  Array.from({ length: rows }, (_, index) => {
    const at = from + index;
    const [size, age] = [(at * 37) % 100, (at * 53) % 30];
    const noise = ((at * 29) % 17) - 8;
    const value = 3 * size + 5 * age + noise;
    return {
      size,
      age,
      value,
      kind: value > 230 ? "dear" : "cheap",
      grade: value > 300 ? "a" : value > 150 ? "b" : "c",
    };
  });

const options = { quality: "fast", networks: 5, seed: 1 } as const;
const columns = { value: "ignore", kind: "ignore", grade: "ignore" } as const;
const without = <Name extends keyof typeof columns>(name: Name) => {
  const { [name]: _, ...others } = columns;
  return others;
};

let numbers: TableModel;
let two: TableModel;
let three: TableModel;
beforeAll(async () => {
  const rows: object[] = table(300);
  numbers = await fitTable(rows, {
    target: "value" as never,
    columns: without("value"),
    quantiles: [0.1, 0.9],
    ...options,
  });
  two = await fitTable(rows, { target: "kind" as never, columns: without("kind"), ...options });
  three = await fitTable(rows, { target: "grade" as never, columns: without("grade"), ...options });
});
afterAll(() => [numbers, two, three].map((model) => model.dispose()));

const others = table(150, 5000);

describe("numbers", () => {
  test("have the scores of evaluate, a worse baseline, and quantiles of the errors", async () => {
    const report = await evaluationReport(numbers, others);
    expect(report.scores).toEqual(numbers.evaluate(others));
    expect(report.rows).toBe(150);
    expect(report.baseline.rootMeanSquaredError).toBeGreaterThan(
      3 * (report.scores.rootMeanSquaredError ?? 0),
    );
    const errors = numbers.predict(others).map(({ value }, at) => (value as number) - others[at].value);
    expect(report.errors?.["0"]).toBe(Math.min(...errors));
    expect(report.errors?.["1"]).toBe(Math.max(...errors));
    expect(report.confusion).toBeUndefined();
    expect(report.text).toContain("always the mean");
  });

  test("come in blocks of a stream with the same result", async () => {
    async function* stream() {
      yield* others;
    }
    expect(await evaluationReport(numbers, stream())).toEqual({
      ...(await evaluationReport(numbers, others)),
      toString: expect.any(Function),
    });
  });
});

test("a cell that cannot be read is named by the row of the whole stream", async () => {
  async function* stream() {
    for (let row = 0; row < 9000; row++)
      yield { ...others[row % 150], ...(row === 8500 && { size: "large" }) };
  }
  await expect(evaluationReport(numbers, stream())).rejects.toThrow(/row 8500: column "size": expected/);
});

describe("classes", () => {
  test("have the matrix of their answers, and scores by class", async () => {
    const report = await evaluationReport(three, others);
    const answers = three.predict(others).map(({ value }) => value as string);
    const actual = others.map(({ grade }) => grade);
    expect(report.confusion).toEqual(metrics.confusionMatrix(actual, answers, { classes: ["a", "b", "c"] }));
    expect(report.byClass?.map((one) => one.class)).toEqual(["a", "b", "c"]);
    const right = (report.confusion ?? []).reduce((sum, row, at) => sum + row[at], 0);
    expect(report.scores.accuracy).toBeCloseTo(right / 150, 12);
    expect(report.baseline.accuracy).toBeLessThan(report.scores.accuracy ?? 0);
    expect(report.calibration?.reduce((sum, { rows }) => sum + rows, 0)).toBe(150);
  });

  test("have calibration: of two classes the probability of the positive one", async () => {
    const report = await evaluationReport(two, others);
    expect(report.positive).toBe("dear");
    const last = report.calibration?.at(-1);
    const probable = two
      .predict(others)
      .flatMap(({ probabilities }, at) => ((probabilities?.dear ?? 0) >= 0.9 ? [others[at].kind] : []));
    expect(last).toMatchObject({ low: 0.9, high: 1, rows: probable.length });
    expect(last?.observed).toBeCloseTo(
      probable.filter((kind) => kind === "dear").length / probable.length,
      12,
    );
    expect(report.calibrationError).toBeLessThan(0.2);
    expect(report.text).toContain('the probability of "dear", and how often it is right');
  });
});

test("rows without targets are left out, and none at all are refused", async () => {
  const some = others.map((row, at) => (at < 100 ? row : { ...row, kind: null }));
  expect((await evaluationReport(two, some)).rows).toBe(100);
  await expect(evaluationReport(two, [{ size: 3 }])).rejects.toThrow(
    /expected the target "kind" among the columns/,
  );
  await expect(evaluationReport(two, some.slice(100))).rejects.toThrow(/expected rows with a value/);
});
