import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseStrictly } from "../src/formats/strictJson.ts";
import { FormatError } from "../src/index.ts";
import { secondsUsed } from "./samples.ts";

describe("JSON that is read strictly", () => {
  test("means what JSON.parse says", () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 6 }), fc.constantFrom(undefined, 1, "\t"), (text, space) => {
        const value = JSON.parse(text);
        expect(parseStrictly(JSON.stringify(value, null, space), "text")).toEqual(value);
      }),
      { seed: 1, numRuns: 1000 },
    );
  });

  test("takes nothing that JSON.parse does not take, and gives nothing else", () => {
    const pieces = [
      "{",
      "}",
      "[",
      "]",
      ",",
      ":",
      '"',
      "\\",
      "a",
      "1",
      "-",
      ".",
      "e",
      "true",
      "null",
      " ",
      "\n",
      "0",
    ];
    const text = fc.array(fc.constantFrom(...pieces), { maxLength: 8 }).map((list) => list.join(""));
    fc.assert(
      fc.property(text, (given) => {
        let value: unknown;
        try {
          value = parseStrictly(given, "text");
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError);
          return;
        }
        expect(value).toEqual(JSON.parse(given));
      }),
      { seed: 1, numRuns: 20_000 },
    );
  });

  test.each([
    [
      "a name that comes twice",
      '{"a": 1, "a": 1}',
      'character 9: expected each name once, received "\\"a\\": 1}"',
    ],
    ["the same name written in two ways", '{"a": 1, "\\u0061": 1}', "character 9: expected each name once"],
    ["a second value", "1 2", 'character 2: expected nothing after the value, received "2"'],
    ["nothing", "", "character 0: expected a value, received the end"],
    ["a text without end", '["ab', "character 1: expected a text that ends"],
    ["a quote that is escaped", '"\\"', "character 0: expected a text that ends"],
    ["a line break in a text", '"\n"', "character 0: expected a text without control characters"],
    ["an unknown escape", '"\\x"', "character 0: expected a text without control characters"],
    ["a comma too many", "[1,]", 'character 3: expected a value, received "]"'],
    ["a comma too few", "[1 2]", 'character 3: expected ",", received "2]"'],
    ["a name without quotes", "{a: 1}", 'character 1: expected a name in quotes, received "a: 1}"'],
    ["a leading zero", "01", "character 1: expected nothing after the value"],
    ["a number beyond all doubles", "1e999", "character 0: expected a finite number"],
    ["no number", "NaN", 'character 0: expected a value, received "NaN"'],
    ["more levels than any model has", "[".repeat(257), "character 256: expected at most 256 levels"],
    [
      "more lists than any model has",
      `[${"[],".repeat(1.1e6)}0]`,
      "expected at most 1048576 lists, objects and names",
    ],
  ])("refuses %s", (_, text, message) => {
    expect(() => parseStrictly(text, "text")).toThrow(FormatError);
    expect(() => parseStrictly(text, "text")).toThrow(
      `text: ${message.startsWith("expected") ? "" : message}`,
    );
    expect(() => parseStrictly(text, "text")).toThrow(message);
  });

  test("`__proto__` is a name like others and reaches no prototype", () => {
    const value = parseStrictly('{"__proto__": {"polluted": true}}', "text") as object;
    expect(Object.keys(value)).toEqual(["__proto__"]);
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect("polluted" in value).toBe(false);
  });

  test("ten million brackets, quotes, backslashes or digits take no longer than they should", () => {
    for (const text of ["[", "{", '"', "\\", "0", "-", " ", '["', '"\\', "1e"]) {
      const started = secondsUsed();
      expect(() => parseStrictly(`"${text.repeat(1e7 / text.length)}`, "text")).toThrow(FormatError);
      expect(() => parseStrictly(text.repeat(1e7 / text.length), "text")).toThrow(FormatError);
      expect(secondsUsed() - started).toBeLessThan(5);
    }
  });
});
