/** Models to serve: small, and trained once for each file of tests. */
import { dense, Model, tanh } from "../../src/index.ts";
import { fitTable } from "../../src/table/index.ts";

const TOWNS = ["Oslo", "Bergen", "Bodø"];

/** Rows with a column of each type, and gaps. */
export const houses = Array.from({ length: 60 }, (_, row) => ({
  area: row % 10 === 0 ? null : 40 + ((row * 37) % 120),
  town: TOWNS[row % 3],
  garden: row % 2 === 0,
  built: new Date(Date.UTC(1950 + ((row * 7) % 70), 0, 1)),
  price: 3 * (40 + ((row * 37) % 120)) + (row % 3 === 0 ? 200 : 0),
  kind: row % 3 === 0 ? "flat" : "house",
}));

const quick = { quality: "fast", networks: 1, seed: 1, background: 0 } as const;

/** Answers a number. */
export const prices = () => fitTable(houses, { target: "price", ...quick, columns: { kind: "ignore" } });

/** Answers a class. */
export const kinds = () => fitTable(houses, { target: "kind", ...quick });

/** Answers both. */
export const both = () => fitTable(houses, { target: ["price", "kind"], ...quick });

/** Takes two numbers, answers one. */
export const network = () =>
  new Model({
    inputs: 2,
    layers: [dense(4), tanh(), dense(1)],
    loss: "meanSquaredError",
    optimizer: "sgd",
    seed: 1,
  });
