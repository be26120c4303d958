// How networks are blended: the temperature of probabilities.
import fc from "fast-check";
import { expect, test } from "vitest";
import { applyTemperature, blendLoss, findTemperature, type Scored } from "../../src/table/learner/blend.ts";
import { finish } from "../../src/table/pieces.ts";

test("no temperature near the one that is found has a smaller loss, by the weights of the rows", () => {
  const arbitrary = fc
    .tuple(fc.integer({ min: 2, max: 5 }), fc.integer({ min: 5, max: 30 }))
    .chain(([outputs, rows]) =>
      fc.record({
        outputs: fc.constant(outputs),
        targets: fc.array(fc.nat({ max: outputs - 1 }), { minLength: rows, maxLength: rows }),
        shares: fc.array(fc.integer({ min: 1, max: 1000 }), {
          minLength: rows * outputs,
          maxLength: rows * outputs,
        }),
        weights: fc.array(fc.integer({ min: 1, max: 5 }), { minLength: rows, maxLength: rows }),
      }),
    );
  fc.assert(
    fc.property(arbitrary, ({ outputs, targets, shares, weights }) => {
      const probabilities = Float64Array.from(shares, (share, at) => {
        const start = at - (at % outputs);
        return share / shares.slice(start, start + outputs).reduce((a, b) => a + b);
      });
      const scored: Scored = {
        ...{ task: "classification", outputs },
        targets: Float64Array.from(targets),
        weights: Float64Array.from(weights),
      };
      const lossAt = (temperature: number) => {
        const heated = probabilities.slice();
        applyTemperature(heated, outputs, temperature);
        return blendLoss(heated, scored);
      };
      const found = finish(findTemperature(probabilities, scored));
      expect(found).toBeGreaterThanOrEqual(0.25);
      expect(found).toBeLessThanOrEqual(4);
      for (const factor of [0.5, 0.9, 1.1, 2]) {
        const other = Math.min(4, Math.max(0.25, found * factor));
        expect(lossAt(found)).toBeLessThanOrEqual(lossAt(other) + 1e-4);
      }
    }),
  );
});
