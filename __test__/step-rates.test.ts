/** Learning rates for each step: of a run of a kernel, and of a training with a schedule that counts steps. */
import { describe, expect, test } from "vitest";
import { dense, schedules, trainMany } from "../src/index.ts";
import { kernelNames, kernels } from "./kernels.ts";
import { dataset, networkOf, programOf, rowsFor, runOf, START, stateOf } from "./programs.ts";
import { data, makeModel } from "./samples.ts";

/** Networks of one hidden layer, of few parameters, and of more: each has steps of its own. */
const programs = [
  ["one hidden layer", [dense(16, { activation: "relu" }), dense(1)], "sgd"],
  ["few parameters", [dense(5, { activation: "tanh" }), dense(3)], "adam"],
  ["more parameters", [dense(70, { activation: "tanh" }), dense(40), dense(2)], "adam"],
  ["figures over batches", [dense(9), { type: "batchNorm" }, dense(2)], "nadam"],
] as const;

/** 4 steps an epoch; some rates follow each other more than once. */
const ROWS = 14;
const RATES = Float64Array.of(0.1, 0.1, 0.02, 0.03, 0.03, 0.03, 0, 0.05, 0.01, 0.01);

describe.each(kernels.map((kernel) => [kernel.name, kernel] as const))(
  "a run of the %s kernel",
  (_, kernel) => {
    describe.each(programs)("of a network of %s", (_name, layers, optimizer) => {
      const program = programOf({ inputs: 3, layers: layers as never, optimizer });
      const rows = dataset(kernel, program, rowsFor(program, ROWS));

      test.each([1, 3])("takes each step at its rate, %i for each update", (accumulate) => {
        const [whole, stepwise] = [networkOf(kernel, program), networkOf(kernel, program)];
        const run = runOf(ROWS, { batchSize: 4, accumulate, shuffle: true });
        const given = { steps: RATES.length, learningRates: RATES, ratePerStep: true };
        const { position, losses } = whole.train(rows, { ...run, ...given });
        let from = START;
        for (const rate of RATES) {
          const learningRates = Float64Array.of(rate);
          from = stepwise.train(rows, { ...run, from, steps: 1, learningRates }).position;
        }
        expect(position).toEqual(from);
        expect(losses).toHaveLength(2);
        expect(stateOf(whole)).toEqual(stateOf(stepwise));
      });

      test("goes on within an epoch", () => {
        const [whole, other] = [networkOf(kernel, program), networkOf(kernel, program)];
        const run = { ...runOf(ROWS, { batchSize: 4 }), ratePerStep: true };
        whole.train(rows, { ...run, steps: RATES.length, learningRates: RATES });
        const { position } = other.train(rows, { ...run, steps: 3, learningRates: RATES });
        const rest = { from: position, steps: RATES.length - 3, learningRates: RATES.slice(3) };
        other.train(rows, { ...run, ...rest });
        expect(stateOf(other)).toEqual(stateOf(whole));
      });
    });
  },
);

test("too few rates are refused by the native kernel", () => {
  const program = programOf({ inputs: 3, layers: [{ type: "dense", units: 2 }] as never });
  const rows = dataset(kernels[0], program, rowsFor(program, ROWS));
  const run = runOf(ROWS, { batchSize: 4, steps: 11, learningRates: RATES, ratePerStep: true });
  expect(() => networkOf(kernels[0], program).train(rows, run)).toThrow("11 steps need 11 learning rates");
});

describe.each(kernelNames)("a training on the %s kernel", (kernel) => {
  // 50 rows in batches of 8 are 7 steps.
  const options = { epochs: 5, batchSize: 8, shuffle: true };
  const trained = (given: object) => {
    const model = makeModel({ kernel });
    const history = model.fitSync(data, { ...options, ...given });
    return { weights: model.getWeights(), loss: history.loss, learningRate: history.learningRate };
  };

  test("has a rate for each step, and the last one's in the history", () => {
    const asked: number[] = [];
    const schedule = (step: number, rate: number) => {
      asked.push(step);
      return rate / (1 + step);
    };
    const { learningRate } = trained({ schedule: schedules.perStep({ schedule }) });
    expect(asked).toEqual(Array.from({ length: 35 }, (_, step) => step));
    expect(learningRate).toEqual([6, 13, 20, 27, 34].map((step) => 0.05 / (1 + step)));
  });

  test.each([1, 3])("counts updates, of %i batches each", (accumulate) => {
    const updates = Math.ceil(7 / accumulate);
    const ofEpoch = (epoch: number, rate: number) => rate / (1 + epoch);
    const ofStep = (step: number, rate: number) => ofEpoch(Math.floor(step / updates), rate);
    const perStep = schedules.perStep({ schedule: ofStep });
    expect(trained({ accumulate, schedule: perStep })).toEqual(trained({ accumulate, schedule: ofEpoch }));
    expect(trained({ accumulate, schedule: perStep })).not.toEqual(trained({ accumulate }));
  });

  test("is the same in pieces, with hooks that look at the rate, and beside others", async () => {
    const schedule = schedules.chain({
      schedules: [
        schedules.perStep({ schedule: schedules.warmup({ epochs: 10 }) }),
        (epoch, rate) => rate / (2 + epoch),
      ],
      milestones: [2],
    });
    const whole = trained({ schedule });
    const seen: number[] = [];
    const onEpochBegin = (_: number, control: { learningRate: number }) =>
      void seen.push(control.learningRate);
    expect(trained({ schedule, callbacks: { onEpochBegin } })).toEqual(whole);
    expect(seen[0]).toBeCloseTo(0.05 / 3, 12);
    expect(seen.slice(2)).toEqual(whole.learningRate.slice(2));
    const models = [makeModel({ kernel }), makeModel({ kernel, seed: 8 })];
    await trainMany(models, data, { ...options, schedule });
    expect(models[0].getWeights()).toEqual(whole.weights);
  });

  test("keeps what a hook sets, from the next epoch on", () => {
    const schedule = schedules.perStep({ schedule: schedules.cosine({ epochs: 35 }) });
    const onEpochEnd = ({ epoch }: { epoch: number }, control: { learningRate: number }) => {
      if (epoch === 1) control.learningRate = 0.004;
    };
    const { learningRate } = trained({ schedule, callbacks: { onEpochEnd } });
    expect(learningRate.slice(2)).toEqual([0.004, 0.004, 0.004]);
    expect(learningRate[1]).toBeCloseTo((0.05 * (1 + Math.cos((Math.PI * 13) / 35))) / 2, 12);
  });
});
