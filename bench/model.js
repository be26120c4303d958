// Creates models for the nets of the benchmark, and random data of the right size.
import { adam, dense, Model, relu, sgd, tanh } from "../dist/index.js";
import { uniform } from "./random.js";

/** @param {{ widths: number[], activation?: string, loss?: string, optimizer: object }} net as in works.js */
export function modelOf({ widths, activation = "relu", loss = "meanSquaredError", optimizer }, options) {
  const { type, ...optimizerOptions } = optimizer;
  const between = { relu, tanh }[activation];
  return new Model({
    inputs: widths[0],
    layers: widths.slice(1).flatMap((units, at) => (at > 0 ? [between(), dense(units)] : [dense(units)])),
    loss: loss === "meanSquaredError" ? loss : { type: loss, fromLogits: true },
    optimizer: { sgd, adam }[type](optimizerOptions),
    seed: 1,
    ...options,
  });
}

/** Returns rows of random values in [0, 1), flat. */
export function randomRows(widths, rows) {
  const draw = uniform(1);
  const fill = (values) => {
    for (let at = 0; at < values.length; at++) values[at] = draw();
    return values;
  };
  return { x: fill(new Float32Array(rows * widths[0])), y: fill(new Float32Array(rows * widths.at(-1))) };
}
