import { describe, expect, test } from "vitest";
import { dense, initializers, losses, OptionError, relu, sgd } from "../src/index.ts";
import { boolean, checkNames, choice, complete, create, entry, number, size } from "../src/options.ts";

const lamp = entry(
  "lamp",
  { watts: number({ default: 5, above: 0, maximum: 60 }), on: boolean({ default: true }) },
  ({ watts, on }) => (on ? watts : 0),
);
const rope = entry("rope", { metres: size() }, ({ metres }) => metres);
const bag = entry("bag", { content: choice("thing", { lamp }, { default: "lamp" }) }, () => 0);
const things = { lamp, rope, bag };
const read = (given: unknown) => complete("thing", things, given, "shelf 3");

describe("a builder", () => {
  test("returns a plain object of its name and the given options", () => {
    expect(dense(64)).toEqual({ type: "dense", units: 64 });
    expect(dense(64, { activation: relu(), useBias: false })).toEqual({
      type: "dense",
      units: 64,
      activation: { type: "relu" },
      useBias: false,
    });
    expect(sgd({ momentum: 0.9 })).toEqual({ type: "sgd", momentum: 0.9 });
    expect(losses.meanSquaredError()).toEqual({ type: "meanSquaredError" });
    expect(initializers.constant({ value: 2 })).toEqual({ type: "constant", value: 2 });
  });

  test("cannot return another name", () => {
    expect(() => sgd({ type: "adam" } as object)).toThrow('sgd: unknown option "type".');
  });
});

describe("a configuration is completed", () => {
  test("with every default", () => {
    expect(read("lamp")).toEqual({ type: "lamp", watts: 5, on: true });
    expect(read({ type: "lamp", on: false })).toEqual({ type: "lamp", watts: 5, on: false });
    expect(read({ type: "bag" })).toEqual({ type: "bag", content: { type: "lamp", watts: 5, on: true } });
  });

  test("and treats undefined as absent", () => {
    expect(read({ type: "lamp", watts: undefined })).toEqual(read("lamp"));
    expect(() => checkNames({ watts: undefined }, ["watts"], "lamp")).not.toThrow();
  });

  test("into a new object, which later changes of the given one do not affect", () => {
    const content = { type: "lamp", watts: 7 };
    const completed = read({ type: "bag", content });
    content.watts = 60;
    expect(completed).toMatchObject({ content: { watts: 7 } });
  });

  test("and creates the function that computes", () => {
    expect(create("thing", things, read({ type: "lamp", watts: 9 }))).toBe(9);
    expect(create("thing", things, read({ type: "rope", metres: 3 }))).toBe(3);
  });
});

test("a number that is infinite in 32 bits, or at an excluded limit, is refused", () => {
  const scale = number({ default: 1 });
  const share = number({ default: 0.5, above: 0, below: 1 });
  expect(scale.read(3.4e38, "scale")).toBe(3.4e38);
  expect(() => scale.read(3.5e38, "scale")).toThrow(
    new OptionError("scale: expected a finite number, received 3.5e+38, which is Infinity in 32 bits"),
  );
  expect(share.read(0.999999, "share")).toBe(0.999999);
  expect(() => share.read(1 - 1e-9, "share")).toThrow("received 0.999999999, which is 1 in 32 bits");
  expect(() => share.read(1e-50, "share")).toThrow("received 1e-50, which is 0 in 32 bits");
});

describe("a value out of range is refused, and the error gives the range", () => {
  test.each([
    [
      { type: "lamp", watts: 0 },
      "shelf 3 (lamp): watts: expected a finite number above 0 and at most 60, received 0",
    ],
    [
      { type: "lamp", watts: 61 },
      "shelf 3 (lamp): watts: expected a finite number above 0 and at most 60, received 61",
    ],
    [{ type: "lamp", on: "yes" }, 'shelf 3 (lamp): on: expected true or false, received "yes"'],
    [{ type: "rope" }, "shelf 3 (rope): metres is missing"],
    [
      { type: "rope", metres: 0 },
      "shelf 3 (rope): metres: expected a whole number of at least 1, received 0",
    ],
    [{ type: "bag", content: "rope" }, 'shelf 3 (bag): content: unknown thing "rope". Expected one of: lamp'],
    [{ type: "bag", content: { type: "lamp", watts: -1 } }, "shelf 3 (bag): content (lamp): watts: expected"],
  ])("%j", (given, message) => {
    expect(() => read(given)).toThrow(OptionError);
    expect(() => read(given)).toThrow(message);
  });
});

describe("an unknown name", () => {
  test.each([
    ["lmap", 'Did you mean "lamp"?'],
    ["Lamp", 'Did you mean "lamp"?'],
    ["ropes", 'Did you mean "rope"?'],
  ])("%s gets the nearest name", (name, hint) => {
    expect(() => read(name)).toThrow(
      `shelf 3: unknown thing "${name}". ${hint} Expected one of: lamp, rope, bag`,
    );
  });

  test("without a similar name gets the list", () => {
    expect(() => read("television")).toThrow('unknown thing "television". Expected one of: lamp, rope, bag');
  });

  test("of any length is shown in a short message", () => {
    expect(() => read("x".repeat(100_000))).toThrow(/^shelf 3: unknown thing "x{57}\.\.\."\. Expected/);
  });

  test("that every object inherits is also unknown", () => {
    for (const name of ["constructor", "toString", "__proto__", "hasOwnProperty"]) {
      expect(() => read(name)).toThrow(OptionError);
      expect(() => read({ type: "lamp", [name]: 1 })).toThrow(OptionError);
    }
  });
});
