/** Preparation, blending and scores know nothing of the rows that they are judged by. */
import { describe, expect, test } from "vitest";
import { type FitTableOptions, fitTable, type TableModel } from "../../src/table/index.ts";
import { headerOf } from "../headers.ts";

function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

interface Fold {
  readonly steps: readonly {
    column: string;
    encoder: { type: string; categories?: number[]; fill?: number; edges?: number[] };
  }[];
}

/** What the file says of each fold's preparation, and the categories of its columns. */
function preparations(model: TableModel<never>) {
  const { __metadata__: metadata } = JSON.parse(headerOf(model.toBytes())) as {
    __metadata__: Record<string, string>;
  };
  const { targets, columns } = JSON.parse(metadata["myelin-table"]) as {
    targets: { parts: Fold[] }[];
    columns: { name: string; categories?: string[] }[];
  };
  return { parts: targets[0].parts, columns };
}

const train = async (rows: object[], options: Partial<FitTableOptions> = {}) =>
  (await fitTable(
    rows as never,
    { target: "y", quality: "fast", seed: 1, threads: 1, ...options } as never,
  )) as unknown as TableModel<never>;

describe("preparation", () => {
  const draw = numbers(11);
  // Each group has a category and a range of numbers of its own.
  const levels = [0, 100, 1000, 10_000, 100_000];
  const rows = Array.from({ length: 150 }, (_, at) => {
    const group = at % 5;
    const x = levels[group] + draw();
    return { group: `g${group}`, town: `town ${group}`, x, y: draw() + (x % 1) };
  });

  test("is fitted on the training rows of each fold: it never saw the group that is held out", async () => {
    const model = await train(rows, { groups: "group" });
    const { parts, columns } = preparations(model);
    const names = columns.find(({ name }) => name === "town")?.categories as string[];
    expect(parts).toHaveLength(5);
    const unseen = parts.map(({ steps }) => {
      const towns = steps.find(({ column }) => column === "town")?.encoder.categories as number[];
      const missing = names.filter((_, number) => !towns.includes(number));
      expect(missing).toHaveLength(1);
      const group = Number(missing[0].slice(5));
      // No bin ends inside the range of the group that is held out.
      const bins = steps.find(({ column, encoder }) => column === "x" && encoder.type === "piecewiseLinear");
      const inside = (bins?.encoder.edges ?? []).filter(
        (edge) => edge >= levels[group] && edge < levels[group] + 1,
      );
      expect(inside).toEqual([]);
      return missing[0];
    });
    expect(new Set(unseen).size).toBe(5);
    model.dispose();
  });
});

describe("the scores that a model has of itself", () => {
  test("do not rise by categories that name few rows each, where the target is noise", async () => {
    const draw = numbers(5);
    const rows = Array.from({ length: 240 }, (_, at) => ({
      code: `c${at % 80}`,
      rare: `r${at % 30}`,
      y: draw() < 0.5 ? "a" : "b",
    }));
    const model = await train(rows);
    const { rocAuc, logLoss } = model.scores as unknown as { rocAuc: number; logLoss: number };
    expect(rocAuc).toBeLessThan(0.62);
    expect(logLoss).toBeGreaterThan(0.95 * Math.log(2));
    model.dispose();
  });

  test("are those of groups that were not seen", async () => {
    const draw = numbers(9);
    // Each group has a level of its own that nothing else tells.
    const levels = Array.from({ length: 20 }, () => 10 * draw());
    const rows = Array.from({ length: 200 }, (_, at) => ({
      id: `p${at % 20}`,
      site: `s${at % 20}`,
      y: levels[at % 20] + 0.1 * draw(),
    }));
    const [apart, mixed] = [
      await train(rows, { groups: "id" }),
      await train(rows, { columns: { id: "ignore" } }),
    ];
    const r2 = (model: TableModel<never>) => (model.scores as unknown as { r2: number }).r2;
    expect(r2(mixed)).toBeGreaterThan(0.9);
    expect(r2(apart)).toBeLessThan(0.1);
    for (const model of [apart, mixed]) model.dispose();
  });

  test("are those of later rows, where rows have a time", async () => {
    const rows = Array.from({ length: 240 }, (_, at) => ({
      t: new Date(at * 1e8),
      x: at % 7,
      y: at < 120 ? at % 7 : -(at % 7),
    }));
    const [inOrder, mixed] = [await train(rows, { time: "t" }), await train(rows)];
    const error = (model: TableModel<never>) =>
      (model.scores as unknown as { rootMeanSquaredError: number }).rootMeanSquaredError;
    expect(error(inOrder)).toBeGreaterThan(1.5 * error(mixed));
    for (const model of [inOrder, mixed]) model.dispose();
  });
});
