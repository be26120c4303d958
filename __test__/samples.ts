/** A small model and data that train in a few milliseconds. Tests state what they depend on. */
import { dense, Model, type ModelOptions, relu, sgd, xor } from "../src/index.ts";

/** 50 rows: with batches of 32, the second step of an epoch takes 18. */
export const data = xor({ examples: 50, seed: 3 });

/** The same rows as lists. */
export const rows = {
  x: Array.from({ length: data.rows }, (_, row) => Array.from(data.x.subarray(2 * row, 2 * row + 2))),
  y: Array.from(data.y),
};

/** Returns some of the rows, in order, as a dataset. */
export function someRows(start: number, end: number) {
  return { x: data.x.slice(2 * start, 2 * end), y: data.y.slice(start, end) };
}

/** Returns a 2-8-1 network with momentum, so that the optimizer has state. */
export function makeModel(options: Partial<ModelOptions> = {}): Model {
  return new Model({
    inputs: 2,
    layers: [dense(8), relu(), dense(1)],
    loss: "meanSquaredError",
    optimizer: sgd({ learningRate: 0.05, momentum: 0.9 }),
    seed: 7,
    ...options,
  });
}

/** Returns what a call throws, or its promise rejects with. */
export async function failureOf(call: () => unknown): Promise<unknown> {
  try {
    await call();
  } catch (error) {
    return error;
  }
  throw new Error("expected a failure, and there was none");
}

/** Returns the CPU time of this process in seconds, which other processes do not affect. */
export function secondsUsed(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}
