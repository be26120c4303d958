import fc from "fast-check";
import { expect, test } from "vitest";
import { COLUMN_TYPES, type ColumnType } from "../../src/table/columns.ts";
import { dictionaryOf } from "../../src/table/dictionary.ts";
import { readTable } from "../../src/table/index.ts";
import { typeColumn } from "../../src/table/typeColumn.ts";

/** The typed column, or the words of the error. */
function outcome(cells: ArrayLike<unknown>, type: ColumnType | undefined) {
  try {
    return typeColumn("x", cells, type);
  } catch (error) {
    return (error as Error).message;
  }
}

test("a column with a dictionary is typed as the same cells without one", async () => {
  const cell = fc.oneof(
    fc.constantFrom(
      "",
      "NA",
      "yes",
      "no",
      "Oslo",
      "Bergen",
      "2024-01-02",
      "03/04/2024",
      "12 %",
      "1,5",
      "007",
      "1.5",
    ),
    fc.string({ unit: fc.constantFrom("a", "b", " ", "1", "é") }),
  );
  const property = fc.asyncProperty(
    fc.array(cell, { minLength: 1, maxLength: 60 }),
    fc.constantFrom(undefined, ...COLUMN_TYPES),
    async (texts, type) => {
      const csv = ["x", ...texts.map((text) => JSON.stringify(text))].join("\n");
      const { cells } = await readTable(new Blob([csv]), {
        format: "csv",
        separator: ";",
        header: true,
        text: ["x"],
      });
      const column = cells.get("x")!;
      expect(Array.from(column)).toEqual(texts);
      expect(dictionaryOf(column)?.texts).toHaveLength(new Set(texts).size);
      expect(outcome(column, type)).toEqual(outcome(texts, type));
    },
  );
  await fc.assert(property, { numRuns: 200 });
});
