/** What happens between a gradient and the parameters, on both kernels. */
import { describe, expect, test } from "vitest";
import { dense, type Layer, type ModelOptions, relu, sgd } from "../src/index.ts";
import { flatten, kernelNames } from "./kernels.ts";
import { data, makeModel } from "./samples.ts";

describe.each(kernelNames)("on the %s kernel", (kernel) => {
  const make = (options: Partial<ModelOptions> = {}) => makeModel({ kernel, ...options });

  describe("a dense layer with trainable: false", () => {
    const layers = (...trainable: boolean[]): Layer[] => [
      dense(8, { trainable: trainable[0] }),
      relu(),
      dense(1, { trainable: trainable[1] }),
    ];
    const optimizer = sgd({ learningRate: 0.05, momentum: 0.9, weightDecay: 0.1 });
    const trained = (...trainable: boolean[]) => {
      const model = make({ layers: layers(...trainable), optimizer });
      model.fitSync(data, { epochs: 3, batchSize: 8 });
      return model;
    };
    const initial = make().getWeights();

    test("keeps its weights to the bit, decay or not, and the others learn", () => {
      for (const [first, second] of [
        [false, true],
        [true, false],
      ]) {
        const [one, , two] = trained(first, second).getWeights();
        if (first) expect(one).not.toEqual(initial[0]);
        else expect(one).toEqual(initial[0]);
        if (second) expect(two).not.toEqual(initial[2]);
        else expect(two).toEqual(initial[2]);
      }
    });

    test("has zeros for gradients, and no other layer's gradient changes by it", () => {
      const whole = make().gradients(data).layers;
      const { layers: some } = make({ layers: layers(false, true) }).gradients(data);
      expect(flatten(some[0]).every((value) => value === 0)).toBe(true);
      expect(some[2]).toEqual(whole[2]);
      expect(make({ layers: layers(true, false) }).gradients(data).layers[0]).toEqual(whole[0]);
    });

    test("may be all there is", () => {
      const model = trained(false, false);
      expect(model.getWeights()).toEqual(initial);
      expect(flatten(model.gradients(data).layers).every((value) => value === 0)).toBe(true);
    });
  });
});
