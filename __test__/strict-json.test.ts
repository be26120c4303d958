import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseStrictly } from "../src/formats/strictJson.ts";
import { FormatError } from "../src/index.ts";
import { secondsUsed } from "./samples.ts";

describe("strict JSON", () => {
  test("returns the same values as JSON.parse", () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 6 }), fc.constantFrom(undefined, 1, "\t"), (text, space) => {
        const value = JSON.parse(text);
        expect(parseStrictly(JSON.stringify(value, null, space), "text")).toEqual(value);
      }),
      { seed: 1, numRuns: 1000 },
    );
  });

  test("accepts only what JSON.parse accepts, with the same values", () => {
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
    ["a repeated name", '{"a": 1, "a": 1}', 'character 9: expected each name once, received "\\"a\\": 1}"'],
    ["the same name in two spellings", '{"a": 1, "\\u0061": 1}', "character 9: expected each name once"],
    ["a second value", "1 2", 'character 2: expected nothing after the value, received "2"'],
    ["nothing", "", "character 0: expected a value, received the end"],
    ["an unterminated string", '["ab', "character 1: expected a text that ends"],
    ["an escaped quote at the end", '"\\"', "character 0: expected a text that ends"],
    ["a line break in a string", '"\n"', "character 0: expected a text without control characters"],
    ["an unknown escape", '"\\x"', "character 0: expected a text without control characters"],
    ["a trailing comma", "[1,]", 'character 3: expected a value, received "]"'],
    ["a missing comma", "[1 2]", 'character 3: expected ",", received "2]"'],
    ["a name without quotes", "{a: 1}", 'character 1: expected a name in quotes, received "a: 1}"'],
    ["a leading zero", "01", "character 1: expected nothing after the value"],
    ["a number too large for a double", "1e999", "character 0: expected a finite number"],
    ["NaN", "NaN", 'character 0: expected a value, received "NaN"'],
    ["more levels than a model can have", "[".repeat(257), "character 256: expected at most 256 levels"],
    [
      "more lists than a model can have",
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

  test("`__proto__` is an ordinary name and reaches no prototype", () => {
    const value = parseStrictly('{"__proto__": {"polluted": true}}', "text") as object;
    expect(Object.keys(value)).toEqual(["__proto__"]);
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect("polluted" in value).toBe(false);
  });

  test("ten million brackets, quotes, backslashes or digits are parsed or refused in time", () => {
    for (const text of ["[", "{", '"', "\\", "0", "-", " ", '["', '"\\', "1e"]) {
      const started = secondsUsed();
      expect(() => parseStrictly(`"${text.repeat(1e7 / text.length)}`, "text")).toThrow(FormatError);
      expect(() => parseStrictly(text.repeat(1e7 / text.length), "text")).toThrow(FormatError);
      expect(secondsUsed() - started).toBeLessThan(5);
    }
  });
});
