import { describe, expect, test } from "vitest";
import { collectFrame, framesOf } from "../../src/table/frame.ts";
import {
  compact,
  crossValidateTable,
  Frame,
  fitMore,
  fitTable,
  prepare,
  readTable,
  streamTable,
  type TableModel,
} from "../../src/table/index.ts";
import { readPieces } from "../../src/table/reading.ts";
import { sampleLarge } from "../../src/table/sample.ts";

const fast = { quality: "fast", seed: 1, networks: 1 } as const;
const record = (row: number) => ({ x: row % 17, y: (row % 17) + 0.1 * (row % 3) });
const records = (rows: number, first = 0) => Array.from({ length: rows }, (_, row) => record(first + row));
const frame = (rows: number, first = 0) =>
  new Frame(
    new Map([
      ["x", Float64Array.from(records(rows, first), ({ x }) => x)],
      ["y", Float64Array.from(records(rows, first), ({ y }) => y)],
    ]),
    rows,
  );

/** A source that gives its pieces, then either ends or lets its reader wait forever. */
class Source<Piece> implements AsyncIterable<Piece> {
  closed = 0;
  readonly #pieces: Iterable<Piece>;
  readonly #waits: boolean;
  #tell = () => {};
  /** Resolves when the reader waits. */
  readonly waiting = new Promise<void>((resolve) => {
    this.#tell = resolve;
  });

  constructor(pieces: Iterable<Piece>, { waits }: { readonly waits: boolean }) {
    this.#pieces = pieces;
    this.#waits = waits;
  }

  [Symbol.asyncIterator](): AsyncIterator<Piece> {
    const iterator = this.#pieces[Symbol.iterator]();
    return {
      next: async () => {
        const step = iterator.next();
        if (!step.done || !this.#waits) return step;
        this.#tell();
        return new Promise(() => {});
      },
      return: async () => {
        this.closed++;
        return { done: true, value: undefined };
      },
    };
  }
}

const waiting = <Piece>(pieces: Iterable<Piece>) => new Source(pieces, { waits: true });

let model: TableModel;
const trained = async () => {
  model ??= await fitTable(records(120), { target: "y", ...fast });
  return model;
};

describe("a stream of records and frames", () => {
  async function* mixed() {
    yield* records(3);
    yield frame(4, 3);
    yield* records(2, 7);
    yield frame(1, 9);
    yield record(10);
  }

  test("keeps the order of its rows", async () => {
    const all = await collectFrame(mixed(), "fitTable");
    expect([...all]).toEqual(records(11));
    expect([...(await collectFrame([...records(3), frame(4, 3)], "fitTable"))]).toEqual(records(7));
    const blocks: number[] = [];
    for await (const { rows } of framesOf(mixed(), 100, "predict", {})) blocks.push(rows);
    expect(blocks).toEqual([3, 4, 2, 1, 1]);
  });

  test("trains, is answered and is evaluated as the records are", async () => {
    async function* both() {
      yield* records(40);
      yield frame(80, 40);
    }
    const own = await trained();
    const same = await fitTable(both(), { target: "y", ...fast });
    expect(same.rows).toBe(120);
    expect(same.predict({ x: 3 })).toEqual(own.predict({ x: 3 }));
    const sampled = await fitTable(both, { target: "y", memory: 1e7, ...fast });
    expect(sampled.predict({ x: 3 })).toEqual(own.predict({ x: 3 }));
    const answers: unknown[] = [];
    for await (const answer of own.predict(mixed())) answers.push(answer);
    expect(answers).toEqual(own.predict(records(11)));
    expect(await own.evaluate(mixed())).toEqual(own.evaluate(records(11)));
    expect(() => own.predict([frame(2), frame(2)])).toThrow(/row 0: expected a record, received a Frame/);
    same.dispose();
    sampled.dispose();
  });
});

describe("the row of an error is the row of the source", () => {
  async function* wrongAt(row: number, cell: Record<string, unknown>, blocks: number) {
    for (let start = 0; start < 1000; start += 100) {
      const all: object[] = records(100, start);
      if (row >= start && row < start + 100) all[row - start] = { ...record(row), ...cell };
      if (blocks === 0) yield* all;
      else {
        yield await collectFrame(all, "test");
        if (start === 200) yield* records(0);
      }
    }
  }

  test.each([0, 1])("in predict and evaluate, of records and of frames: %i", async (blocks) => {
    const own = await trained();
    const answerAll = async () => {
      for await (const _ of own.predict(wrongAt(777, { x: "much" }, blocks)));
    };
    await expect(answerAll()).rejects.toThrow(/^predict: row 777: column "x": expected a number/);
    await expect(own.evaluate(wrongAt(888, { x: "much" }, blocks))).rejects.toThrow(
      /^evaluate: row 888: column "x"/,
    );
    await expect(own.evaluate(wrongAt(888, { y: "much" }, blocks))).rejects.toThrow(/target "y": row 888/);
    await expect(fitMore(own, wrongAt(432, { x: "much" }, blocks))).rejects.toThrow(/row 432: column "x"/);
  });

  test("after the records before it, for what is not a record", async () => {
    async function* wrong() {
      yield frame(300);
      yield* records(300, 300);
      yield 5;
    }
    const own = await trained();
    const answerAll = async () => {
      for await (const _ of own.predict(wrong() as AsyncIterable<object>));
    };
    await expect(answerAll()).rejects.toThrow("predict: row 600: expected a record, received 5");
    const options = { target: "y", ...fast };
    await expect(fitTable(wrong() as never, options)).rejects.toThrow(/row 600: expected a record/);
    await expect(fitTable(wrong as never, { ...options, memory: 1e7 })).rejects.toThrow(/row 600: expected/);
  });

  test("in fitTable with a sample, with validation rows, and in the blocks after the sample", async () => {
    const weighted = (wrong: number, pass: number) => {
      let passes = 0;
      return async function* () {
        passes++;
        for (let row = 0; row < 6000; row++)
          yield { ...record(row), w: row === wrong && passes === pass ? -1 : 1 };
      };
    };
    const options = { target: "y", sampleWeight: "w", memory: 4e6, ...fast };
    // A number that is -1 in the second reading only, so that the sample does not have it.
    await expect(fitTable(weighted(5999, 2), options)).rejects.toThrow(/sampleWeight: row 5999: expected/);
    const inSample = async function* () {
      for (let row = 0; row < 6000; row++) yield { ...record(row), w: row < 5000 ? 1 : -1 };
    };
    const error = await fitTable(inSample, options).catch((reason) => reason as Error);
    const [, row] = /sampleWeight: row (\d+): expected/.exec((error as Error).message) ?? [];
    expect(Number(row)).toBeGreaterThanOrEqual(5000);
    const validation = records(40).map((one, at) => (at === 7 ? { ...one, y: "much" } : one));
    await expect(fitTable(records(60), { target: "y", validation, task: "regression" })).rejects.toThrow(
      /validation: row 7: expected a number, received "much"/,
    );
  });

  test("the line or the row of the file, in a reader of blocks", async () => {
    const lines = Array.from({ length: 9000 }, (_, row) => `${row},${row % 7}`);
    const csv = ["a,b", ...lines.slice(0, 8000), "1,2,3", ...lines.slice(8000)].join("\n");
    const all = async (text: string, format: "csv" | "json" | "jsonl") => {
      for await (const _ of streamTable(text, { rows: 500, format }));
    };
    await expect(all(csv, "csv")).rejects.toThrow(/line 8002: expected 2 cells/);
    const list: unknown[] = records(3000);
    list[2345] = 5;
    await expect(all(`${JSON.stringify(list)}\n`, "json")).rejects.toThrow(/row 2345: expected a record/);
    const latin = new Uint8Array([
      ...new TextEncoder().encode(`a,b\n${"1,x\n".repeat(70_000)}`),
      50,
      44,
      228,
      10,
    ]);
    const read = async () => {
      for await (const _ of streamTable(latin, { rows: 1000 }));
    };
    await expect(read()).rejects.toThrow(/lines 70002 to 70002: a cell is not valid UTF-8/);
  });
});

describe("an abort signal stops the reading at once, and closes the source", () => {
  const reason = new Error("enough");

  const calls: readonly (readonly [
    string,
    (source: Source<object>, signal: AbortSignal) => Promise<unknown>,
  ])[] = [
    ["fitTable", (source, signal) => fitTable(source, { target: "y", signal, ...fast })],
    [
      "fitTable with memory",
      (source, signal) => fitTable(() => source, { target: "y", signal, memory: 1e7, ...fast }),
    ],
    [
      "fitTable's validation",
      (source, signal) => fitTable(records(50), { target: "y", signal, validation: source, ...fast }),
    ],
    ["crossValidateTable", (source, signal) => crossValidateTable(source, { target: "y", signal, ...fast })],
    ["fitMore", async (source, signal) => fitMore(await trained(), source, { signal })],
    ["compact", async (source, signal) => compact(await trained(), source, { signal })],
    ["evaluate", async (source, signal) => (await trained()).evaluate(source, { signal })],
    ["prepare", (source, signal) => prepare(source, { target: "y", signal })],
    [
      "predict",
      async (source, signal) => {
        for await (const _ of (await trained()).predict(source, { signal }));
      },
    ],
  ];

  test.each(calls)("%s, while it waits", async (_, run) => {
    const controller = new AbortController();
    const source = waiting<object>([...records(30), frame(20, 30)]);
    const promise = run(source, controller.signal);
    promise.catch(() => {});
    await source.waiting;
    controller.abort(reason);
    await expect(promise).rejects.toBe(reason);
    expect(source.closed).toBe(1);
  });

  test.each(calls)("%s, before it begins", async (_, run) => {
    const source = waiting<object>(records(30));
    await expect(run(source, AbortSignal.abort(reason))).rejects.toBe(reason);
    expect(source.closed).toBeLessThanOrEqual(1);
  });

  test("a source that never waits gives timers and signals their turn", async () => {
    const controller = new AbortController();
    const endless = function* () {
      for (let row = 0; ; row++) yield record(row);
    };
    setImmediate(() => controller.abort(reason));
    const options = { target: "y", signal: controller.signal, memory: 1e7, ...fast };
    await expect(fitTable(endless, options)).rejects.toBe(reason);
  });

  test("fitTable, in the second reading", async () => {
    const controller = new AbortController();
    const again = waiting(records(4500));
    let readings = 0;
    const source = () => (readings++ === 0 ? new Source(records(6000), { waits: false }) : again);
    const options = { target: "y", signal: controller.signal, memory: 4e6, ...fast };
    const promise = fitTable(source, options);
    promise.catch(() => {});
    await again.waiting;
    controller.abort(reason);
    await expect(promise).rejects.toBe(reason);
    expect(again.closed).toBe(1);
  });

  test("readers of streams of bytes", async () => {
    for (const read of [
      async (source: AsyncIterable<string>, signal: AbortSignal) => readTable(source, { signal }),
      async (source: AsyncIterable<string>, signal: AbortSignal) => {
        for await (const _ of streamTable(source, { signal, rows: 10 }));
      },
      async (source: AsyncIterable<string>, signal: AbortSignal) =>
        fitTable(streamTable(source, { rows: 10 }), { target: "y", signal }),
    ]) {
      const controller = new AbortController();
      const source = waiting(["x,y\n", ...Array<string>(50).fill("1,2\n3,4\n")]);
      const promise = read(source, controller.signal);
      promise.catch(() => {});
      await source.waiting;
      controller.abort(reason);
      await expect(promise).rejects.toBe(reason);
      expect(source.closed).toBe(1);
    }
  });

  test("a compressed stream", async () => {
    const text = new Blob([`x,y\n${"1,2\n".repeat(1000)}`]).stream();
    const bytes = new Uint8Array(
      await new Response(text.pipeThrough(new CompressionStream("gzip"))).arrayBuffer(),
    );
    const source = waiting([bytes.subarray(0, bytes.length - 4)]);
    const controller = new AbortController();
    const promise = readTable(source, { signal: controller.signal });
    promise.catch(() => {});
    await source.waiting;
    controller.abort(reason);
    await expect(promise).rejects.toBe(reason);
    expect(source.closed).toBe(1);
  });
});

describe("a loop may be left early, which closes the source", () => {
  test("over answers", async () => {
    const own = await trained();
    const source = new Source<object>([...records(1000), frame(100)], { waits: false });
    let answers = 0;
    for await (const { value } of own.predict(source)) {
      expect(value).toBeTypeOf("number");
      if (++answers === 300) break;
    }
    expect(source.closed).toBe(1);
  });

  test("over blocks of a reader", async () => {
    const source = new Source(["x,y\n", ...Array<string>(50_000).fill("1,2\n3,4\n")], { waits: false });
    for await (const { rows } of streamTable(source, { rows: 10 })) {
      expect(rows).toBe(10);
      break;
    }
    expect(source.closed).toBe(1);
  });

  test("also by return while the source is waited for", async () => {
    const own = await trained();
    const source = waiting(records(5));
    const answers = own.predict(source);
    const next = answers.next();
    await source.waiting;
    await answers.return();
    expect(await next).toEqual({ done: true, value: undefined });
    expect(source.closed).toBe(1);
  });

  test("and an error of the caller closes it", async () => {
    const source = new Source(records(10), { waits: false });
    const run = async () => {
      for await (const _ of readPieces(source)) throw new Error("no");
    };
    await expect(run()).rejects.toThrow("no");
    expect(source.closed).toBe(1);
  });

  test("a table that is refused closes its stream", async () => {
    const pieces = Array<Uint8Array>(100).fill(new Uint8Array(2 ** 16).fill(65));
    const source = new Source(pieces, { waits: true });
    await expect(readTable(source, { format: "parquet", header: true })).rejects.toThrow(/it is for CSV/);
    expect(source.closed).toBe(1);
  });
});

test("rows in memory that a budget is too small for are sampled, then continued on", async () => {
  const large = frame(600_000);
  const sample = await sampleLarge(large, 0.5, undefined, 1, "fitTable", undefined);
  expect(sample?.rows).toBe(600_000);
  expect(sample?.frame.rows).toBeLessThan(100_000);
  expect([...(sample?.frame.take([5]) ?? [])][0]).toEqual(record(sample?.numbers[5] as number));
  expect(await sampleLarge(frame(1000), 0.5, undefined, 1, "fitTable", undefined)).toBeUndefined();
  const found = await fitTable(large, { target: "y", budget: { seconds: 2 }, ...fast });
  expect(found.notes.at(-1)).toMatch(/\d+ of 600000 rows were learned from in memory/);
  expect(found.rows).toBeLessThan(600_000);
  found.dispose();
});

describe("a budget ends the reading and the training of a stream", () => {
  const budget = { seconds: 1 };

  test("of a source without an end", async () => {
    const endless = async function* () {
      for (let row = 0; ; row++) yield record(row);
    };
    const sampled = await fitTable(endless, { target: "y", budget, memory: 4e6, ...fast });
    expect(sampled.notes.join("\n")).toMatch(/the budget ended the reading of the sample after \d+ rows/);
    sampled.dispose();
    const source = waiting(records(100));
    const whole = await fitTable(source, { target: "y", budget, ...fast });
    expect(source.closed).toBe(1);
    expect(whole.rows).toBe(100);
    expect(whole.notes.join("\n")).toMatch(/the budget ended the reading after 100 rows/);
    whole.dispose();
  });

  test("and the model has the rows that were learned from", async () => {
    const again = waiting(records(5000));
    let readings = 0;
    const source = () => (readings++ === 0 ? new Source(records(8000), { waits: false }) : again);
    const found = await fitTable(source, { target: "y", budget: { seconds: 3 }, memory: 4e6, ...fast });
    expect(again.closed).toBe(1);
    expect(found.rows).toBeLessThan(5000);
    const note = found.notes.at(-1) as string;
    expect(note).toMatch(/of 8000 rows were learned from in memory/);
    expect(note).toMatch(/budget ended/);
    const [, sample] = /(\d+) of 8000/.exec(note) ?? [];
    const [, others = "0"] = /, (\d+) of the others/.exec(note) ?? [];
    expect(found.rows).toBe(Number(sample) + Number(others));
    expect(found.summary()).toContain(note);
    found.dispose();
  });
});
