/**
 * Every field of a table model's file, changed: what comes back is a model that answers, or a FormatError. No file may
 * end the process, take long or take much memory.
 */
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { FormatError, KernelError, MyelinError } from "../../src/errors.ts";
import { fitTable, TableModel } from "../../src/table/index.ts";
import { headerOf, withHeader } from "../headers.ts";
import { fuzzSeconds, testRandomCases } from "../hostile.ts";
import { secondsUsed } from "../samples.ts";

type Container = Record<string | number, unknown>;

/** What any field may be changed into. */
const pieces: readonly unknown[] = [
  ...[null, true, "", "number", "oneHot", "robustScale", -1, 0, 0.5, 3, 1e9, 2 ** 31 - 1, 2 ** 53, 1e308],
  ...[[], [null], [0, 0], [9_999_999], {}, { type: "lookup" }, { length: 1 }],
];

const isContainer = (value: unknown): value is Container => typeof value === "object" && value !== null;

/** The names that lead to each field; of a list of plain values to the first entry. */
function fieldsOf(value: unknown, path: readonly string[] = []): (readonly string[])[] {
  if (!isContainer(value)) return [path];
  const names = Object.keys(value);
  const kept = Array.isArray(value) ? names.slice(0, value.some(isContainer) ? 2 : 1) : names;
  return [path, ...kept.flatMap((name) => fieldsOf(value[name], [...path, name]))];
}

/** Documents with one field changed. */
function* changesOf(document: Container): Generator<readonly [what: string, document: unknown]> {
  for (const path of fieldsOf(document)) {
    const change = (apply: (holder: Container, name: string) => void) => {
      const root: Container = { document: structuredClone(document) };
      const full = ["document", ...path];
      const holder = full.slice(0, -1).reduce<Container>((at, name) => at[name] as Container, root);
      apply(holder, full[full.length - 1]);
      return root.document;
    };
    const place = path.join(".");
    for (const piece of pieces) {
      const changed = change((holder, name) => {
        holder[name] = structuredClone(piece);
      });
      yield [`${place} = ${JSON.stringify(piece)}`, changed];
    }
    if (path.length > 0) {
      const removed = change((holder, name) => {
        if (Array.isArray(holder)) holder.splice(Number(name), 1);
        else delete holder[name];
      });
      yield [`no ${place}`, removed];
    }
    const longer = change((holder, name) => {
      const value = holder[name];
      if (Array.isArray(value)) value.push(value.at(-1) ?? 0);
      else if (isContainer(value)) value.extra = 1;
    });
    yield [`${place} and one more`, longer];
  }
}

const row = { number: 1.5, word: "w3", flag: true, day: new Date(1e12), text: "some words of it", y: 1 };

/** Small models that have every encoder and both tasks between them. */
async function models(): Promise<TableModel<never>[]> {
  const rows = Array.from({ length: 150 }, (_, at) => ({
    number: at % 7 === 0 ? null : Math.sin(at),
    word: `w${at % 50}`,
    few: `f${at % 3}`,
    flag: at % 2 === 0,
    day: new Date(at * 1e9),
    text: `some words ${at}`,
    y: Math.sin(at) + (at % 3),
    kind: ["a", "b", "c"][at % 3],
  }));
  const options = { quality: "fast", seed: 1, threads: 1, networks: 1, columns: { text: "text" } } as const;
  return [
    await fitTable(
      rows.map(({ kind: _, ...rest }) => rest),
      { target: "y", ...options },
    ),
    await fitTable(
      rows.map(({ y: _, day: _d, few: _f, ...rest }) => rest),
      { target: "kind", ...options },
    ),
  ] as unknown as TableModel<never>[];
}

/** What is wrong with the outcome of reading a file: nothing where the model answers, or the error is as it should be. */
function faultOf(bytes: Uint8Array, records: readonly object[]): string | undefined {
  const started = secondsUsed();
  try {
    const model = TableModel.fromBytes(bytes) as unknown as TableModel<never>;
    const answers = model.predict(records as never) as unknown as { value: unknown }[];
    expect(answers).toHaveLength(records.length);
    expect(model.predict(records[0] as never)).toEqual(answers[0]);
    model.summary();
    const copy = TableModel.fromBytes(model.toBytes());
    expect(copy.predict(records as never)).toEqual(answers);
    copy.dispose();
    model.dispose();
  } catch (error) {
    const isTooLarge = error instanceof KernelError && error.message.includes("fit in memory");
    if (!(error instanceof FormatError || isTooLarge)) return String(error);
  }
  const seconds = secondsUsed() - started;
  return seconds > 2 ? `it took ${seconds} s` : undefined;
}

describe("a table model's file", () => {
  let files: Uint8Array[];
  const records = [{}, row, { number: "x", word: 3 }].slice(0, 2);

  beforeAll(async () => {
    const list = await models();
    files = list.map((model) => model.toBytes());
    for (const model of list) model.dispose();
  });

  test.each([0, 1])("with any field of its metadata changed is refused, or answers (model %i)", (number) => {
    const bytes = files[number];
    const header = JSON.parse(headerOf(bytes)) as { __metadata__: Record<string, string> };
    const document = JSON.parse(header.__metadata__["myelin-table"]) as Container;
    const encoders = JSON.stringify(document).match(/"type":"\w+"/g);
    expect(new Set(encoders).size).toBeGreaterThan(5);
    expect(faultOf(bytes, records)).toBeUndefined();
    const before = process.memoryUsage().rss;
    const faults: string[] = [];
    let count = 0;
    for (const [what, changed] of changesOf(document)) {
      count++;
      header.__metadata__["myelin-table"] = JSON.stringify(changed) ?? "";
      const fault = faultOf(withHeader(bytes, JSON.stringify(header)), records);
      if (fault !== undefined) faults.push(`${what}: ${fault}`);
    }
    expect(count).toBeGreaterThan(1000);
    expect(faults).toEqual([]);
    expect(process.memoryUsage().rss - before).toBeLessThan(500e6);
  });

  test("that is cut off, or has other bytes in its header, is refused", () => {
    const [bytes] = files;
    for (const length of [0, 1, 8, 100, bytes.length - 1])
      expect(() => TableModel.fromBytes(bytes.slice(0, length))).toThrow(FormatError);
    for (let at = 0; at < 400; at++) {
      const changed = bytes.slice();
      changed[at] ^= 1 << (at % 8);
      expect(faultOf(changed, records), `byte ${at}`).toBeUndefined();
    }
  });

  const kept = ["classes", "fitted", "quantiles", "targets"].map((name) =>
    readFileSync(new URL(`../fixtures/table-models/version-1/${name}.safetensors`, import.meta.url)),
  );

  /** A file with some fields of its metadata replaced by others or by pieces, then some bytes changed. */
  const hostile = fc
    .record({
      file: fc.constantFrom(...kept),
      fields: fc.array(fc.tuple(fc.nat(), fc.nat(), fc.constantFrom(...pieces), fc.boolean()), {
        maxLength: 3,
      }),
      bytes: fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { maxLength: 3 }),
      cut: fc.option(fc.nat(), { freq: 10, nil: undefined }),
    })
    .map(({ file, fields, bytes, cut }) => {
      const header = JSON.parse(headerOf(file)) as { __metadata__: Record<string, string> };
      const root: Container = { document: JSON.parse(header.__metadata__["myelin-table"]) };
      for (const [to, from, piece, isPiece] of fields) {
        const paths = fieldsOf(root).filter(({ length }) => length > 1);
        if (paths.length === 0) break;
        const at = (path: readonly string[]) =>
          path.reduce<unknown>((value, name) => (value as Container)[name], root);
        const path = paths[to % paths.length];
        const value = isPiece ? piece : at(paths[from % paths.length]);
        (at(path.slice(0, -1)) as Container)[path[path.length - 1]] = structuredClone(value);
      }
      header.__metadata__["myelin-table"] = JSON.stringify(root.document) ?? "";
      const changed = Uint8Array.from(withHeader(file, JSON.stringify(header)));
      for (const [place, value] of bytes) changed[place % changed.length] = value;
      return cut === undefined ? changed : changed.slice(0, cut % changed.length);
    });
  const property = fc.property(hostile, (bytes) => {
    expect(faultOf(bytes, records)).toBeUndefined();
  });

  test("with several fields and bytes changed is refused, or answers", () => {
    fc.assert(property, { numRuns: 300, seed: 1 });
  });

  testRandomCases(fuzzSeconds, 500, property, "table files, each a model or a FormatError");

  test.each([null, undefined, 3, "text", {}, [1, 2], new Float32Array(8), new DataView(new ArrayBuffer(8))])(
    "is not %s",
    (given) => {
      expect(() => TableModel.fromBytes(given as never)).toThrow(MyelinError);
    },
  );
});
