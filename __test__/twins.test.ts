/** What exists twice is the same in both: the tables' names, options and slots, and the versions. */
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import * as activations from "../src/activations.ts";
import { loadAddon } from "../src/kernel/native.ts";
import { layers } from "../src/layers.ts";
import * as losses from "../src/losses.ts";
import type { Optimizer } from "../src/optimizers.ts";
import * as optimizers from "../src/optimizers.ts";
import { type Complete, create, type Table } from "../src/options.ts";
import { version } from "../src/version.ts";
import { kernels } from "./kernels.ts";
import { nameOf, parametersOf, programOf, standard, variants } from "./programs.ts";

type Names = Record<string, string[]>;

const addon = loadAddon()!.addon;
const native: Record<"activations" | "layers" | "losses" | "optimizers", Names> = JSON.parse(addon.tables());

const sorted = (table: Names): Names =>
  Object.fromEntries(Object.entries(table).map(([name, options]) => [name, [...options].sort()]));

/** The names in a table, and of each entry's options those that cross the border. */
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

  test("optimizers has the same names and options, but for the learning rate, which belongs to the run", () => {
    expect(sorted(native.optimizers)).toEqual(namesOf(optimizers as Table<unknown>, ["learningRate"]));
  });

  test("layers has the layers and options that programs are made of", () => {
    const parts = Object.values(layers)
      .flatMap((entry) => variants("layer", layers, entry, 2))
      .flatMap((configuration) => create("layer", layers, configuration).program())
      .map(({ type, ...options }) => [type, Object.keys(options).sort()]);
    expect(sorted({ ...native.layers, ...native.activations })).toEqual(Object.fromEntries(parts));
  });
});

describe("both kernels keep as many slots for", () => {
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

describe("one version stands in", () => {
  const read = (path: string) => readFileSync(new URL(`../${path}`, import.meta.url), "utf8");
  const platforms = readdirSync(new URL("../npm", import.meta.url));

  test("package.json, and it asks for the platform packages of that version", () => {
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
