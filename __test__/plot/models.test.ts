// Pictures of models, and of what `myelin/insight` and `myelin/table` measure of them.

import { describe, expect, it } from "vitest";
import { DataError, ShapeError } from "../../src/errors.ts";
import { adam, dense, embedding, Model, relu, softmax, xor } from "../../src/index.ts";
import { importance, partialDependence } from "../../src/insight/index.ts";
import * as plot from "../../src/plot/index.ts";
import {
  fitTable,
  partialDependence as tableDependence,
  importance as tableImportance,
} from "../../src/table/index.ts";
import { linesOf, model, textsOf } from "./samples.ts";

describe("pictures of models", () => {
  const rows = Array.from({ length: 80 }, (_, row) => ({
    island: ["Biscoe", "Dream"][row % 2],
    length: 35 + ((row * 7) % 20),
    mass: 3000 + row,
    species: row % 2 === 0 ? "Gentoo" : "Adelie",
  }));

  it("take a Model and what is measured of it", () => {
    const data = xor({ examples: 40, seed: 1 });
    const bars = plot.importanceBars(importance(model, data, { columns: ["first", "second"] }));
    expect(textsOf(bars.svg())).toEqual(expect.arrayContaining(["first", "second"]));
    const curve = plot.dependenceCurves(partialDependence(model, data, 0, { points: 5 }));
    expect(linesOf(curve.svg())[0]).toHaveLength(5);
    expect(plot.weightHistograms(model).description).toContain("4 arrays of parameters, 17 parameters");
    expect(plot.networkDiagram(model).description).toBe(
      "A network of 3 layers: input 2, then dense 4, then relu 4, then dense 1. 3 layers, 17 parameters",
    );
    const same = plot.networkDiagram({ inputs: 2, layers: [dense(4), relu(), dense(1)] });
    expect(same.description).toContain("input 2, then dense 4, then relu 4, then dense 1");
  });

  it("draw a network's layers with their real sizes, and connect what depends on all units", () => {
    const embedded = plot.networkDiagram({
      inputs: 3,
      layers: [embedding({ column: 0, categories: 9, units: 4 }), dense(6), relu(), dense(6)],
    });
    expect(embedded.description).toContain("input 3, then embedding 6, then dense 6, then relu 6");
    const lines = embedded.svg().match(/<line /g);
    expect(lines).toHaveLength(3 * 6 + 6 * 6 + 6 + 6 * 6);
  });

  it("draw the boundary of a Model, of a model of classes, and of a function", () => {
    expect(plot.decisionBoundary(model, [], { resolution: 10 }).svg()).toContain("opacity");
    const classes = new Model({
      inputs: 3,
      layers: [dense(2), softmax()],
      loss: "sparseCategoricalCrossentropy",
      optimizer: adam(),
    });
    const options = { columns: [0, 2], others: [0, 1, 0], classes: ["no", "yes"], resolution: 10 } as const;
    const texts = textsOf(
      plot
        .decisionBoundary(
          classes,
          [
            { x: 0, y: 0, value: "no" },
            { x: 1, y: 1, value: "yes" },
          ],
          options,
        )
        .svg(),
    );
    expect(texts).toEqual(expect.arrayContaining(["no", "yes", "input 0", "input 2"]));
    expect(() => plot.decisionBoundary(classes, [])).toThrow(
      "decisionBoundary: columns: expected the two columns to draw, received nothing. Fix: columns: [0, 1]",
    );
    expect(() => plot.decisionBoundary(classes, [], { columns: [0, 3] })).toThrow(
      "two different integers from 0 to 2",
    );
    expect(() => plot.decisionBoundary(() => [1], [])).toThrow(ShapeError);
    expect(() => plot.decisionBoundary(3 as never, [])).toThrow(DataError);
  });

  it("take a TableModel and what is measured of it", async () => {
    const table = await fitTable(rows, { target: "species", quality: "fast", seed: 1 });
    const points = rows.map(({ length, mass, species }) => ({ x: length, y: mass, value: species }));
    const options = { columns: ["length", "mass"], others: { island: "Dream" }, resolution: 10 } as const;
    const areas = plot.decisionBoundary(table, points, options);
    expect(areas.figure.keys?.map(({ name }) => name)).toEqual(["Adelie", "Gentoo"]);
    const level = plot.decisionBoundary(table, [], {
      ...options,
      probabilityOf: "Gentoo",
      x: [30, 60],
      y: [3000, 3080],
    });
    expect(level.figure.ramp?.range).toEqual([0, 1]);
    expect(() => plot.decisionBoundary(table, points, { ...options, probabilityOf: "Emu" })).toThrow(
      /probabilityOf: expected one of/,
    );
    expect(plot.importanceBars(tableImportance(table, rows)).description).toContain("island");
    const dependence = plot.dependenceCurves([
      tableDependence(table, rows, "length"),
      tableDependence(table, rows, "island"),
    ]);
    expect(dependence.figure.panels.map(({ kind }) => kind)).toEqual(["plot", "bars", "bars"]);
    const { value, probabilities } = table.predict({
      island: rows.map(({ island }) => island),
      length: rows.map(({ length }) => length),
      mass: rows.map(({ mass }) => mass),
    });
    const actual = rows.map(({ species }) => species);
    expect(plot.confusionMatrix(actual, value).description).toContain("80 rows");
    expect(plot.rocCurve(actual, probabilities.Gentoo, { positive: "Gentoo" }).description).toContain(
      "positive (Gentoo)",
    );
  });

  it("says what a picture of dependence leaves out", () => {
    const grid = Array.from({ length: 50 }, (_, at) => `name ${at}`);
    const means = grid.map(() => [0.1, 0.2, 0.3, 0.4]);
    const names = plot.dependenceCurves({ grid, means, column: "town" }).description;
    expect(names).toMatch(/town: the first 40 of 50 values/);
    expect(names).toMatch(/bars of the first 3 of 4 classes/);
    const many = plot.dependenceCurves({ grid: [1, 2], means: [1, 2].map(() => new Array(60).fill(1 / 60)) });
    expect(many.description).toMatch(/curves of the first 50 of 60 classes/);
    expect(plot.dependenceCurves({ grid: ["a"], means: [[1]] }).description).not.toMatch(/first/);
  });

  it("refuse other values", () => {
    expect(() => plot.importanceBars(3 as never)).toThrow(DataError);
    expect(() => plot.importanceBars({ a: "b" } as never)).toThrow(
      'expected a name and a number for each column, received "a" with "b"',
    );
    expect(() => plot.dependenceCurves({ grid: [1], means: [] })).toThrow(DataError);
    expect(() => plot.weightHistograms([{ weight: ["a"] }])).toThrow(
      "weightHistograms: layer 0: weight: expected numbers",
    );
    expect(() => plot.networkDiagram({ inputs: 2, layers: [relu as never] })).toThrow(
      "Fix: call the builder, as in relu()",
    );
  });
});
