/** What exists in both languages is equal: the tables' names, options and slots, and the versions. */
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { type Addon, findAddon } from "../src/kernel/native.ts";
import * as activations from "../src/nn/activations.ts";
import { layers } from "../src/nn/layers.ts";
import * as losses from "../src/nn/losses.ts";
import { measures } from "../src/nn/measures.ts";
import type { Optimizer } from "../src/nn/optimizers.ts";
import * as optimizers from "../src/nn/optimizers.ts";
import { type Complete, complete, create, type Option, type Table } from "../src/options.ts";
import { version } from "../src/version.ts";
import { kernels } from "./kernels.ts";
import { nameOf, parametersOf, programOf, standard, variants } from "./programs.ts";

type Names = Record<string, string[]>;

const addon = findAddon().addon as Addon;
type Tables = "activations" | "layers" | "losses" | "measures" | "optimizers";
const native: Record<Tables, Names> = JSON.parse(addon.tables());

const sorted = (table: Names): Names =>
  Object.fromEntries(Object.entries(table).map(([name, options]) => [name, [...options].sort()]));

/** Returns the names in a table, and the options of each entry that cross the border. */
const namesOf = (table: Table<unknown>, stay: readonly string[] = []): Names =>
  Object.fromEntries(
    Object.values(table).map(({ type, options }) => [
      type,
      Object.keys(options)
        .filter((name) => !stay.includes(name))
        .sort(),
    ]),
  );

describe("the addon's table of", () => {
  test("activations has the same names and options", () => {
    expect(sorted(native.activations)).toEqual(namesOf(activations));
  });

  test("losses has the same names and options", () => {
    expect(sorted(native.losses)).toEqual(namesOf(losses as Table<unknown>));
  });

  test("measures has the same names and options", () => {
    expect(sorted(native.measures)).toEqual(namesOf(measures));
  });

  test("optimizers has the same names and options, except for the learning rate, which belongs to the run", () => {
    expect(sorted(native.optimizers)).toEqual(namesOf(optimizers as Table<unknown>, ["learningRate"]));
  });

  test("layers has the layers and options of programs", () => {
    const parts = Object.values(layers)
      .flatMap((entry) => variants("layer", layers, entry, 2))
      .flatMap((configuration) => create("layer", layers, configuration).program())
      .map(({ type, ...options }) => [type, Object.keys(options).sort()]);
    expect(sorted({ ...native.layers, ...native.activations })).toEqual(Object.fromEntries(parts));
  });
});

describe("both sides accept the same numbers for", () => {
  const ends = [
    0,
    1e-50,
    1e-46,
    1e-45,
    1e-38,
    9.9e-31,
    1e-30,
    1e-9,
    0.5,
    1 - 1e-7,
    1 - 1e-9,
    1,
    1 + 1e-9,
    2,
    6,
  ];
  const offered = [...ends, 3.4e38, 3.5e38, 1e300].flatMap((value) => [value, -value]);
  const tables: [string, Table<unknown>][] = [
    ["layer", layers],
    ["loss", losses as Table<unknown>],
    ["optimizer", optimizers as Table<unknown>],
    ["measure", measures],
  ];
  const takes = (call: () => unknown): boolean => {
    try {
      call();
      return true;
    } catch (error) {
      expect((error as Error).message).toMatch(/expected|must be/);
      return false;
    }
  };
  const options = tables.flatMap(([kind, table]) =>
    Object.values(table).flatMap((entry) => {
      const configuration = standard(kind, table, entry);
      const numeric = Object.keys(entry.options).filter((name) => {
        const { read } = (entry.options as Record<string, Option<unknown>>)[name];
        return takes(() => read(0.5, name));
      });
      return numeric.map((name) => [entry.type, name, kind, table, configuration] as const);
    }),
  );
  /** Returns a program with the unchecked configuration and this value in it. */
  const withOption = (kind: string, configuration: Complete, name: string, value: number) => {
    const program = JSON.parse(JSON.stringify(programOf({ inputs: 4, layers: ["tanh"] })));
    const [part] = kind === "layer" ? create("layer", layers, configuration).program() : [configuration];
    const changed: Record<string, unknown> = { ...part, [name]: value };
    if (kind === "optimizer") delete changed.learningRate;
    if (kind === "measure") return { ...program, measures: [changed] };
    return { ...program, ...(kind === "layer" ? { layers: [changed] } : { [kind]: changed }) };
  };

  test.each(options.filter(([, name]) => name !== "learningRate"))(
    "%s's %s",
    (_type, name, kind, table, configuration) => {
      for (const value of offered) {
        const here = takes(() => complete(kind, table, { ...configuration, [name]: value }, kind));
        const there = takes(() => kernels[0].network(withOption(kind, configuration, name, value)));
        expect([value, there]).toEqual([value, here]);
      }
    },
  );

  test("the sizes of an embedding, whose category numbers must be exact in 32-bit floats", () => {
    const configuration = standard("layer", layers, layers.embedding);
    for (const categories of [0, -1, 1.5, 2 ** 24 + 1, 2 ** 31]) {
      expect(takes(() => complete("layer", layers, { ...configuration, categories }, "layer"))).toBe(false);
      const program = withOption("layer", configuration, "categories", categories);
      expect(takes(() => kernels[0].network(program))).toBe(false);
    }
    expect(takes(() => complete("layer", layers, { ...configuration, categories: 2 ** 24 }, "layer"))).toBe(
      true,
    );
  });

  test("the limits of gradients", () => {
    for (const name of ["norm", "value"]) {
      for (const value of offered) {
        const here = takes(() =>
          programOf({ inputs: 2, layers: ["tanh"], clipGradients: { [name]: value } as never }),
        );
        const program = {
          ...programOf({ inputs: 2, layers: ["tanh"] }),
          clipGradients: { [name]: value } as never,
        };
        expect([value, takes(() => kernels[0].network(program))]).toEqual([value, here]);
      }
    }
  });
});

describe("both kernels have the same number of slots for", () => {
  const table = optimizers as Table<Optimizer>;
  const cases = Object.values(table)
    .flatMap((entry) => variants("optimizer", table, entry, 2))
    .map((configuration) => [nameOf(configuration), configuration] as const);

  test.each(cases)("%s", (_, configuration) => {
    const { learningRate: _rate, ...optimizer } = configuration;
    const program = programOf({
      inputs: 3,
      layers: [standard("layer", layers, layers.dense)],
      optimizer: optimizer as Complete,
    });
    const { slots } = create("optimizer", table, configuration);
    for (const kernel of kernels) {
      expect(kernel.network(program).read("slots")).toHaveLength(slots * parametersOf(program));
    }
  });
});

describe("the version is the same in", () => {
  const read = (path: string) => readFileSync(new URL(`../${path}`, import.meta.url), "utf8");
  const platforms = readdirSync(new URL("../npm", import.meta.url));

  test("package.json, which requires the platform packages of this version", () => {
    const manifest = JSON.parse(read("package.json"));
    expect(manifest.version).toBe(version);
    const expected = Object.fromEntries(platforms.map((name) => [`myelin-${name}`, version]));
    expect(manifest.optionalDependencies).toEqual(expected);
  });

  test("Cargo.toml", () => {
    expect(/\[workspace\.package\]\s+version = "(.+)"/.exec(read("Cargo.toml"))?.[1]).toBe(version);
  });

  test("the addon", () => {
    expect(addon.version()).toBe(version);
  });

  test.each(platforms)("the package of %s", (platform) => {
    expect(JSON.parse(read(`npm/${platform}/package.json`))).toMatchObject({
      name: `myelin-${platform}`,
      version,
    });
  });
});
