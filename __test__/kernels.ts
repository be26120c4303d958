/** The kernels, and the tolerance of their agreement. */
import { afterEach, beforeAll, expect } from "vitest";
import { chooseKernel } from "../src/kernel/choose.ts";
import type { Kernel } from "../src/kernel/kernel.ts";

/** What frees the networks and the data that a test has made. */
const frees: (() => void)[] = [];
// Those of a whole file stay: they are made before the first test.
beforeAll(() => void frees.splice(0));
// Finalizers run too late for tests that make thousands of them: memory would grow, and marking it takes longest.
afterEach(() => {
  for (const free of frees.splice(0)) free();
});

/** Returns a kernel whose networks and data are freed after the test that makes them. */
function freeing(kernel: Kernel): Kernel {
  return {
    ...kernel,
    network(program) {
      const network = kernel.network(program);
      frees.push(() => network.dispose());
      return network;
    },
    dataset(...rows) {
      const data = kernel.dataset(...rows);
      frees.push(() => data.free());
      return data;
    },
  };
}

/** The values of the option `kernel`. The last one is the definition of what the others compute. */
export const kernelNames = ["native", "wasm", "typescript"] as const;

/** The kernels. One that is missing is an error here, never a skip. */
export const kernels: readonly Kernel[] = kernelNames.map((name) => freeing(chooseKernel(name).kernel));

/** Returns the result of each other kernel with the result of the last one, which is the definition. */
export function besideDefinition<K, T>(
  kernels: readonly K[],
  compute: (kernel: K) => T,
): (readonly [T, T])[] {
  const results = kernels.map(compute);
  return results.slice(0, -1).map((result) => [result, results[results.length - 1]] as const);
}

/** The tolerance of the kernels after a step: |a − b| ≤ 1e-5 · max(1, largest |b| of the array). */
export const PARITY = 1e-5;

const largest = (values: ArrayLike<number>) =>
  Array.from(values).reduce((most, value) => Math.max(most, Math.abs(value)), 0);

/** Expects arrays of equal length whose values agree within the tolerance. */
export function expectNear(actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance = PARITY): void {
  expect(actual.length).toBe(expected.length);
  const bound = tolerance * Math.max(1, largest(expected));
  for (let at = 0; at < expected.length; at++) {
    const difference = Math.abs(actual[at] - expected[at]);
    if (!(difference <= bound)) {
      expect.fail(
        `value ${at}: ${actual[at]}, expected ${expected[at]} within ${bound}, off by ${difference}`,
      );
    }
  }
}

/** Returns all numbers of nested lists and objects, in order. */
export function flatten(value: unknown): number[] {
  if (typeof value === "number") return [value];
  return Object.values(value as object).flatMap(flatten);
}
