import { describe, expect, test } from "vitest";
import { findDateOrder, findDecimal, isMissing, parseDate, parseNumber } from "../../src/table/cells.ts";

describe("a missing value", () => {
  test.each([null, undefined, Number.NaN, "", " ", "NA", "n/a", "N/A", "NaN", "null", "None", ".", "?", "-"])(
    "is %j",
    (cell) => expect(isMissing(cell)).toBe(true),
  );

  test.each([0, "0", false, "no", "unknown", "nano", new Date(0)])("is not %j", (cell) =>
    expect(isMissing(cell)).toBe(false),
  );

  test("is an invalid date", () => expect(isMissing(new Date("x"))).toBe(true));
});

describe("a number in text", () => {
  test.each([
    ["12", 12],
    ["-1.5e3", -1500],
    [" 7 ", 7],
    ["1,234.5", 1234.5],
    ["1,234,567", 1_234_567],
    ["12 %", 12],
    ["$1,200.50", 1200.5],
    ["-$5", -5],
    ["€ 3", 3],
    ["1 234", 1234],
    ["1'234.5", 1234.5],
    ["\u22123", -3],
    [".5", 0.5],
    ["5.", 5],
    ["-Infinity", Number.NEGATIVE_INFINITY],
  ])("%s", (text, value) => expect(parseNumber(text)).toBe(value));

  test.each([
    ["3,5", 3.5],
    ["1.234,5", 1234.5],
    ["1 234,5", 1234.5],
    ["-0,25", -0.25],
  ])("with a decimal comma, %s", (text, value) => expect(parseNumber(text, ",")).toBe(value));

  test.each(["", "abc", "1,23.4", "12-3", "1 2", "0x10", "1e", "--3", "12,34,5"])("is not %j", (text) =>
    expect(parseNumber(text)).toBeNaN(),
  );

  test("has a decimal comma where a column can only be read so", () => {
    expect(findDecimal(["1,5", "2"])).toBe(",");
    expect(findDecimal(["1,500", "2"])).toBe(".");
    expect(findDecimal(["1,5", "2.5"])).toBe(".");
    expect(findDecimal(["1.234,5", "1.000"])).toBe(",");
  });
});

describe("a date in text", () => {
  const day = Date.UTC(2024, 2, 4);
  test.each([
    ["2024-03-04", day],
    ["2024/3/4", day],
    ["2024-03-04T05:06:07.5Z", day + 18_367_500],
    ["2024-03-04 05:06", day + 18_360_000],
    ["2024-03-04T00:00:00+01:00", day - 3_600_000],
    ["2024-03-04 5:06 pm", day + 61_560_000],
    ["4 Mar 2024", day],
    ["4-March-2024", day],
    ["March 4, 2024", day],
    ["Mar 4th 2024", day],
    ["2024-03", Date.UTC(2024, 2, 1)],
    ["03/04/2024", day],
    ["03/04/24", day],
  ])("%s", (text, time) => expect(parseDate(text, false)).toBe(time));

  test("with the day first", () => {
    expect(parseDate("04.03.2024", true)).toBe(day);
    expect(parseDate("04/03/99", true)).toBe(Date.UTC(1999, 2, 4));
  });

  test.each(["2024-02-30", "2024-13-01", "99/99/2024", "March", "12", "2024", "4 Foo 2024"])(
    "is not %j",
    (text) => expect(parseDate(text, false)).toBeNaN(),
  );

  test("has the day first where a column can only be read so", () => {
    expect(findDateOrder(["03/04/2024", "25/04/2024"])).toEqual({ dayFirst: true });
    expect(findDateOrder(["03/04/2024", "04/25/2024"])).toEqual({ dayFirst: false });
    expect(findDateOrder(["03/03/2024", "03/04/2024"])).toEqual({ dayFirst: false, ambiguous: "03/04/2024" });
    expect(findDateOrder(["13.04.2024", "03/03/2024"])).toEqual({ dayFirst: false });
    expect(parseDate("04.03.2024", false)).toBe(day);
  });
});
