/** No option of an activation or a loss is ignored: each affects the results of both kernels. */
import { describe, expect, test } from "vitest";
import * as activations from "../src/nn/activations.ts";
import * as losses from "../src/nn/losses.ts";
import type { AnyEntry, Complete, Option, Table } from "../src/options.ts";
import { kernels } from "./kernels.ts";
import { dataset, networkOf, programOf, rowsFor, takesAfter, variants } from "./programs.ts";

/** Returns every entry of a table that has options, with each of its options. */
const optionsOf = (table: object) =>
  Object.values(table as Table<unknown>).flatMap((entry) =>
    Object.keys(entry.options as Record<string, Option<unknown>>).map(
      (name) => [`${entry.type}: ${name}`, entry, name] as const,
    ),
  );

/** Returns pairs of configurations of an entry that differ in one option only. */
function pairs(kind: string, table: object, entry: AnyEntry<unknown>, name: string): [Complete, Complete][] {
  const all = variants(kind, table as Table<unknown>, entry, 4);
  const others = (given: Complete) => JSON.stringify({ ...given, [name]: null });
  return all.flatMap((one) =>
    all
      .filter((other) => other[name] !== one[name] && others(other) === others(one))
      .map((other): [Complete, Complete] => [one, other]),
  );
}

const wide = { type: "dense", units: 9, useBias: true };

describe.each(kernels.map((kernel) => [kernel.name, kernel] as const))("on the %s kernel", (_, kernel) => {
  /** Returns the loss and the gradients of a network with these layers. */
  const outcome = (layers: Complete[], loss: Complete | string) => {
    const program = programOf({ inputs: 3, layers, loss });
    const data = dataset(kernel, program, rowsFor(program, 20));
    const { loss: value, values } = networkOf(kernel, program).gradients(data);
    return JSON.stringify([value, ...values]);
  };

  test.each(optionsOf(activations))("the activation %s", (_, entry, name) => {
    const list = pairs("activation", activations, entry, name);
    const changes = list.filter(([one, other]) => {
      const [a, b] = [one, other].map((activation) => outcome([wide, activation, wide], "meanSquaredError"));
      return a !== b;
    });
    expect(changes.length).toBeGreaterThan(0);
  });

  test.each(optionsOf(losses))("the loss %s", (_, entry, name) => {
    const cases = ["sigmoid", "softmax"].flatMap((last) =>
      pairs("loss", losses, entry, name)
        .filter((pair) => pair.every((loss) => takesAfter(loss, last)))
        .map((pair) => pair.map((loss) => outcome([wide, { type: last }], loss))),
    );
    // Not every pair: no error here exceeds the larger values of huber's delta.
    expect(cases.filter(([one, other]) => one !== other).length).toBeGreaterThan(0);
  });
});
