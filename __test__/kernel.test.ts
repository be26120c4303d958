/** The contract of `Kernel` in src/kernel/kernel.ts: tested on each kernel, then for agreement of both. */
import { setImmediate as immediate, setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Layer, Model, xor } from "../src/index.ts";
import { gradientByDifferences, meanLoss, predictRow } from "../src/insight/differences.ts";
import { permutation, purpose } from "../src/random.ts";
import { besideDefinition, expectNear, flatten, kernels } from "./kernels.ts";
import {
  anyProgram,
  dataset,
  draws,
  inPieces,
  networkOf,
  outputsOf,
  parametersFor,
  programOf,
  rowsFor,
  runOf,
  START,
  slice,
  stateOf,
  tablePrograms,
  values,
} from "./programs.ts";

const momentum = { type: "sgd", momentum: 0.9 };
const program = programOf({
  inputs: 3,
  layers: [
    { type: "dense", units: 9, activation: "tanh" },
    { type: "dense", units: 2 },
  ],
  optimizer: momentum,
});
const bits = (array: Float32Array) => Array.from(new Uint32Array(array.slice().buffer));

describe.each(kernels.map((kernel) => [kernel.name, kernel] as const))("the %s kernel", (_, kernel) => {
  const network = (seed?: number) => networkOf(kernel, program, seed);
  const predict = (of: ReturnType<typeof network>, x: Float32Array, outputs = 2) => {
    const output = new Float32Array((x.length / program.inputs) * outputs);
    of.predict(x, output);
    return output;
  };

  describe("stores parameters and slots", () => {
    test("that are zero at first", () => {
      const { parameters, slots } = stateOf(kernel.network(program));
      expect(parameters).toEqual(new Float32Array(56));
      expect(slots).toEqual(new Float32Array(56));
    });

    test.each(["parameters", "slots"] as const)("and returns the %s that were written", (part) => {
      const written = values(8, 56);
      const fresh = kernel.network(program);
      fresh.write(part, written);
      expect(fresh.read(part)).toEqual(values(8, 56));
      expect(fresh.read(part === "slots" ? "parameters" : "slots")).toEqual(new Float32Array(56));
    });

    test("and copies them in both directions", () => {
      const written = values(8, 56);
      const fresh = kernel.network(program);
      fresh.write("parameters", written);
      written.fill(0);
      fresh.read("parameters").fill(1);
      expect(fresh.read("parameters")).toEqual(values(8, 56));
    });

    test("and copies the rows of a dataset", () => {
      const rows = rowsFor(program, 5);
      const before = network().evaluate(dataset(kernel, program, rows));
      const data = dataset(kernel, program, rows);
      rows.x.fill(0);
      rows.y.fill(0);
      expect(network().evaluate(data)).toBe(before);
    });
  });

  describe("predicts and evaluates", () => {
    test.each(tablePrograms)("%s like the 64-bit reference", (_name, program) => {
      const rows = rowsFor(program, 11);
      const parameters = parametersFor(program);
      const made = networkOf(kernel, program);
      const output = new Float32Array(11 * outputsOf(program));
      made.predict(rows.x, output);
      const expected = Array.from({ length: 11 }, (_row, row) => {
        const x = rows.x.subarray(row * program.inputs, (row + 1) * program.inputs);
        return predictRow(program, Float64Array.from(parameters), Array.from(x));
      });
      expectNear(output, expected.flat());
      const loss = meanLoss(program, Float64Array.from(parameters), rows);
      expectNear([made.evaluate(dataset(kernel, program, rows))], [loss]);
    });

    test.each([0, 1, 4, 5, 511, 512, 513, 1300])("%i rows with the same bits as one by one", (count) => {
      const { x } = rowsFor(program, count);
      const made = network();
      const together = predict(made, x);
      const single = Array.from({ length: count }, (_row, row) => [
        ...predict(made, x.slice(row * 3, row * 3 + 3)),
      ]);
      expect(Array.from(together)).toEqual(single.flat());
    });

    test.each([Number.NaN, Infinity, -Infinity])("no rows with %d, wherever it is", (value) => {
      for (const count of [1, 2, 512, 513, 1300])
        for (const at of [0, 3 * count - 1, (3 * count) >> 1]) {
          const { x } = rowsFor(program, count);
          x[at] = value;
          const made = network();
          expect(() => predict(made, x), `${at} of ${count}`).toThrow("x: expected finite values");
        }
    });

    test("any number of rows, and returns the mean loss", () => {
      const rows = rowsFor(program, 1300);
      const parameters = Float64Array.from(parametersFor(program));
      expectNear([network().evaluate(dataset(kernel, program, rows))], [meanLoss(program, parameters, rows)]);
    });
  });

  describe("returns gradients", () => {
    test("without any change of the network", () => {
      const data = dataset(kernel, program, rowsFor(program, 20));
      const made = network();
      made.train(data, runOf(20));
      const before = stateOf(made);
      made.gradients(data);
      expect(stateOf(made)).toEqual(before);
    });

    test("of the current parameters, after writing and after training", () => {
      const data = dataset(kernel, program, rowsFor(program, 20));
      const made = network();
      const before = made.gradients(data);
      made.train(data, runOf(20, { steps: 1 }));
      expect(made.gradients(data)).not.toEqual(before);
      made.write("parameters", parametersFor(program));
      expect(made.gradients(data)).toEqual(before);
    });

    test("with the loss that `evaluate` returns", () => {
      const data = dataset(kernel, program, rowsFor(program, 20));
      expectNear([network().gradients(data).loss], [network().evaluate(data)]);
    });

    test.each([511, 512, 513, 1024, 1500])("of a batch of %i rows like the 64-bit reference", (count) => {
      const small = programOf({
        inputs: 2,
        layers: [
          { type: "dense", units: 8, activation: "tanh" },
          { type: "dense", units: 1 },
        ],
      });
      const rows = rowsFor(small, count);
      const { loss, values } = networkOf(kernel, small).gradients(dataset(kernel, small, rows));
      expectNear(values, gradientByDifferences(small, parametersFor(small), rows));
      expectNear([loss], [meanLoss(small, Float64Array.from(parametersFor(small)), rows)]);
    });
  });

  describe("trains", () => {
    const rows = rowsFor(program, 22);
    const data = dataset(kernel, program, rows);

    describe.each(tablePrograms)("%s", (_name, program) => {
      const rows = rowsFor(program, 10);
      const data = dataset(kernel, program, rows);

      test.each([false, true])(
        "with the same bits in one call and in one call per step, shuffled: %s",
        (shuffle) => {
          const run = runOf(10, { steps: 8, seed: 7, shuffle });
          const [whole, stepwise] = [networkOf(kernel, program), networkOf(kernel, program)];
          const { losses, position } = whole.train(data, run);
          const pieces = inPieces(stepwise, data, run, Array(8).fill(1));
          expect(pieces).toEqual({ losses: Array.from(losses), position });
          expect(stateOf(stepwise)).toEqual(stateOf(whole));
        },
      );

      test("with the same bits in every run, and other bits for another seed", () => {
        const train = (seed: number) => {
          const made = networkOf(kernel, program);
          made.train(data, runOf(10, { seed, shuffle: true }));
          return bits(made.read("parameters"));
        };
        expect(train(1)).toEqual(train(1));
        if (parametersFor(program).length > 0) expect(train(1)).not.toEqual(train(2));
      });
    });

    test("with the same bits in pieces, also in another network with the same parameters, slots and position", () => {
      const run = runOf(22, {
        seed: 3,
        shuffle: true,
        learningRates: new Float64Array([0.1, 0.07, 0.05, 0.02]),
      });
      const whole = network();
      const { losses, position } = whole.train(data, run);
      fc.assert(
        fc.property(fc.integer({ min: 0, max: run.steps }), (first) => {
          const [begun, other] = [network(), kernel.network(program)];
          const start = inPieces(begun, data, run, [first]);
          other.write("parameters", begun.read("parameters"));
          other.write("slots", begun.read("slots"));
          const learningRates = run.learningRates.slice(start.position.epoch);
          const rest = { ...run, from: start.position, learningRates };
          const end = inPieces(other, data, rest, [run.steps - first]);
          expect([...start.losses, ...end.losses]).toEqual(Array.from(losses));
          expect(end.position).toEqual(position);
          expect(stateOf(other)).toEqual(stateOf(whole));
        }),
        { ...draws, numRuns: 30 },
      );
    });

    test("with the same bits by `start` and by `train`", async () => {
      const run = runOf(22, { seed: 3, shuffle: true });
      const [trained, started] = [network(), network()];
      const { seconds: _, ...expected } = trained.train(data, run);
      const { seconds, ...progress } = await started.start(data, run);
      expect(progress).toEqual(expected);
      expect(seconds).toHaveLength(3);
      expect(stateOf(started)).toEqual(stateOf(trained));
    });

    test("and returns its progress", () => {
      const made = network();
      const progress = made.train(data, runOf(22, { batchSize: 5, steps: 12 }));
      expect(progress.position).toMatchObject({ epoch: 2, step: 2, steps: 12 });
      expect(progress.losses).toHaveLength(2);
      expect(progress.seconds.every((seconds) => seconds >= 0 && seconds < 60)).toBe(true);
      expect(progress.stopped).toBe(false);
      expect(progress.diverged ?? undefined).toBeUndefined();
    });

    test("on the rows of the last, smaller batch too", () => {
      const [whole, byHand] = [network(), network()];
      whole.train(data, runOf(22, { batchSize: 9, steps: 3 }));
      for (const [start, end] of [
        [0, 9],
        [9, 18],
        [18, 22],
      ]) {
        const batch = dataset(kernel, program, slice(program, rows, start, end));
        byHand.train(batch, runOf(end - start, { batchSize: 9, steps: 1 }));
      }
      expect(stateOf(byHand)).toEqual(stateOf(whole));
    });

    test("on all rows at once if the batch is larger than the data", () => {
      const [exact, larger] = [network(), network()];
      const expected = exact.train(data, runOf(22, { batchSize: 22 }));
      const progress = larger.train(data, runOf(22, { batchSize: 1_000_000 }));
      expect(progress.position).toEqual(expected.position);
      expect(stateOf(larger)).toEqual(stateOf(exact));
    });

    test("on batches above 512 rows with the gradient of the whole batch", () => {
      const many = rowsFor(program, 1500);
      const plain = programOf({ ...program, optimizer: "sgd" });
      const made = networkOf(kernel, plain);
      const data = dataset(kernel, plain, many);
      const { values } = made.gradients(data);
      made.train(data, runOf(1500, { batchSize: 2000, steps: 1 }));
      const expected = parametersFor(plain).map((weight, at) => weight - 0.1 * values[at]);
      expectNear(made.read("parameters"), expected, 1e-6);
    });

    test("with the learning rate of each epoch", () => {
      const [whole, byEpoch] = [network(), network()];
      const { losses } = whole.train(data, runOf(22, { learningRates: new Float64Array([0.3, 0, 0.1]) }));
      const run = runOf(22, { learningRates: new Float64Array([0.3, 0, 0.1]) });
      expect(inPieces(byEpoch, data, run, [6, 6, 6]).losses).toEqual(Array.from(losses));
      const still = network();
      still.train(data, runOf(22, { learningRates: new Float64Array([0]) }));
      expect(still.read("parameters")).toEqual(parametersFor(program));
    });

    test("and reports each epoch's loss as the mean over its rows, before their steps", () => {
      const [whole, stepwise] = [network(), network()];
      const run = runOf(22, { batchSize: 9 });
      const { losses } = whole.train(data, run);
      const sums = [0, 0, 0];
      let from = START;
      for (let step = 0; step < 9; step++) {
        const [start, end] = [(step % 3) * 9, Math.min(22, (step % 3) * 9 + 9)];
        const batch = dataset(kernel, program, slice(program, rows, start, end));
        sums[from.epoch] += stepwise.evaluate(batch) * (end - start);
        const learningRates = run.learningRates.slice(from.epoch);
        from = stepwise.train(data, { ...run, from, steps: 1, learningRates }).position;
      }
      expectNear(
        losses,
        sums.map((sum) => sum / 22),
        1e-6,
      );
    });

    test("of rows whose inputs are scaled as they are copied", () => {
      const [x, y] = [rows.x.slice(0, 9), rows.y.slice(0, 6)];
      const scales = Float32Array.of(0.3, -2, 1e-3);
      const scaled = x.map((value, at) => value * scales[at % 3]);
      const [copied, expected] = [
        kernel.dataset(x, y, 3, 2, undefined, scales),
        kernel.dataset(scaled, y, 3, 2),
      ].map((data) => network().gradients(data));
      expect(copied).toEqual(expected);
      const large = scales.map(() => 3e38);
      expect(() => kernel.dataset(x.fill(2), y, 3, 2, undefined, large)).toThrow("finite values of x");
    });

    test("without rows of weight 0, and twice as much with rows of weight 2", () => {
      const weighted = (list: number[]) =>
        kernel.dataset(rows.x.slice(0, 9), rows.y.slice(0, 6), 3, 2, Float32Array.from(list));
      const plain = dataset(kernel, program, slice(program, rows, 0, 1));
      const { loss, values } = network().gradients(plain);
      const single = network().gradients(weighted([3, 0, 0]));
      expectNear([single.loss], [loss]);
      expectNear(single.values, values);
      const double = network().gradients(weighted([6, 0, 0]));
      expect(double.loss).toBe(2 * single.loss);
      expectNear(
        double.values,
        values.map((value) => 2 * value),
      );
    });

    describe("and returns predictions", () => {
      const validation = dataset(kernel, program, rowsFor(program, 700, 5));

      test.each([
        [4, false],
        [9, true],
        [700, true],
      ])("from before each step, in batches of %i, shuffled: %s", (batchSize, shuffle) => {
        const many = rowsFor(program, 600);
        const data = dataset(kernel, program, many);
        const learningRates = new Float64Array([0.1, 0.05]);
        const run = runOf(600, { batchSize, learningRates, seed: 3, shuffle });
        const { predictions, losses } = network().train(data, { ...run, predictions: true });
        const stepwise = network();
        const expected = new Float32Array(2 * 600 * 2);
        let from = START;
        for (let step = 0; step < run.steps; step++) {
          const before = predict(stepwise, many.x);
          for (const row of rowsOfStep(from, { batchSize, rows: 600, shuffle })) {
            expected.set(before.subarray(row * 2, row * 2 + 2), (from.epoch * 600 + row) * 2);
          }
          const rates = learningRates.slice(from.epoch);
          from = stepwise.train(data, { ...run, from, steps: 1, learningRates: rates }).position;
        }
        expect(predictions).toEqual(expected);
        expect(losses).toEqual(network().train(data, run).losses);
      });

      test("of the rows that it trained on, and zeros for the others", () => {
        const { predictions } = network().train(data, runOf(22, { steps: 2, predictions: true }));
        expect(predictions).toHaveLength(44);
        expect(predictions!.subarray(16)).toEqual(new Float32Array(28));
        expect(predictions!.subarray(0, 16).every((value) => value !== 0)).toBe(true);
      });

      test("and losses of the validation after each epoch, equal to those of `evaluate`", async () => {
        const run = runOf(22, { seed: 3, shuffle: true, validation, predictions: true });
        const progress = network().train(data, run);
        const expected: { losses: number[]; predictions: number[] } = { losses: [], predictions: [] };
        const stepwise = network();
        let from = START;
        for (let epoch = 0; epoch < 3; epoch++) {
          const learningRates = run.learningRates.slice(epoch);
          from = stepwise.train(data, { ...run, from, steps: 6, learningRates }).position;
          const output = new Float32Array(1400);
          expected.losses.push(stepwise.evaluate(validation, output));
          expected.predictions.push(...output);
        }
        expect(Array.from(progress.validationLosses!)).toEqual(expected.losses);
        expect(Array.from(progress.validationPredictions!)).toEqual(expected.predictions);
        const { seconds: _, ...same } = await network().start(data, run);
        const { seconds: __, ...whole } = progress;
        expect(same).toEqual(whole);
        const plain = network();
        plain.train(data, runOf(22, { seed: 3, shuffle: true }));
        expect(stateOf(plain)).toEqual(stateOf(stepwise));
      });

      test("from `evaluate` that equal those from `predict`", () => {
        const many = rowsFor(program, 700, 5);
        const output = new Float32Array(1400);
        expect(network().evaluate(validation, output)).toBe(network().evaluate(validation));
        expect(output).toEqual(predict(network(), many.x));
      });

      test("after the layer that the loss is computed together with", () => {
        const layers = [{ type: "dense", units: 3 }, "softmax"];
        const classes = programOf({ inputs: 3, layers, loss: "categoricalCrossentropy" });
        const many = rowsFor(classes, 20);
        const data = dataset(kernel, classes, many);
        const made = networkOf(kernel, classes);
        const expected = predict(made, many.x, 3);
        const output = new Float32Array(60);
        made.evaluate(data, output);
        expect(output).toEqual(expected);
        const run = runOf(20, { batchSize: 20, steps: 1, predictions: true });
        expect(made.train(data, run).predictions).toEqual(expected);
      });
    });

    /** Returns the rows of a step. */
    function rowsOfStep(
      { epoch, step }: typeof START,
      { batchSize, rows, shuffle }: { batchSize: number; rows: number; shuffle: boolean },
    ): number[] {
      const order = Uint32Array.from({ length: rows }, (_row, row) => row);
      if (shuffle) permutation(3, { purpose: purpose.shuffle, index: epoch }, order);
      return Array.from(order.subarray(step * batchSize, (step + 1) * batchSize));
    }

    test("in the orders that seed and epoch determine, each row once per epoch", () => {
      fc.assert(
        fc.property(fc.maxSafeNat(), fc.nat(0xffff_ffff), fc.integer({ min: 1, max: 100 }), (...drawn) => {
          const [seed, epoch, length] = drawn;
          const expected = new Uint32Array(length);
          permutation(seed, { purpose: purpose.shuffle, index: epoch }, expected);
          expect(orderOfEpoch(seed, epoch, length)).toEqual(Array.from(expected));
        }),
        draws,
      );
    });

    /**
     * Returns the order in which an epoch takes its rows, read from the velocities: only row i moves
     * parameter i, by 1, and each later step halves that. The learning rate is 0, so nothing else happens.
     */
    function orderOfEpoch(seed: number, epoch: number, length: number): number[] {
      const probe = programOf({
        inputs: length,
        layers: [{ type: "dense", units: 1, useBias: false }],
        optimizer: { type: "sgd", momentum: 0.5 },
      });
      const x = Float32Array.from({ length: length * length }, (_one, at) => (at % (length + 1) ? 0 : 1));
      const data = kernel.dataset(x, new Float32Array(length).fill(-0.5), length, 1);
      const made = kernel.network(probe);
      const learningRates = new Float64Array([0]);
      const from = { ...START, epoch };
      made.train(data, runOf(length, { batchSize: 1, seed, shuffle: true, learningRates, from }));
      const order = new Array<number>(length);
      for (const [row, velocity] of made.read("slots").entries()) {
        order[length - 1 + Math.round(Math.log2(velocity))] = row;
      }
      return order;
    }
  });

  describe("when `stop` is called", () => {
    const data = dataset(kernel, program, rowsFor(program, 4000));
    const long = runOf(4000, {
      batchSize: 2,
      seed: 5,
      shuffle: true,
      learningRates: new Float64Array(1000).fill(1e-4),
    });

    test("ends after the current step and keeps its result", async () => {
      const [stopped, expected] = [network(), network()];
      const before = stopped.read("parameters");
      const running = stopped.start(data, long);
      // They change after the first epoch of many.
      while (bits(stopped.read("parameters")).join() === bits(before).join()) await sleep(1);
      stopped.stop();
      const { stopped: flag, position, losses } = await running;
      expect(flag).toBe(true);
      expect(position.steps).toBeGreaterThan(0);
      expect(position.steps).toBeLessThan(long.steps);
      const whole = expected.train(data, { ...long, steps: position.steps });
      expect(whole.position).toEqual(position);
      expect(whole.losses).toEqual(losses);
      expect(stateOf(stopped)).toEqual(stateOf(expected));
    });

    test("does nothing unless `start` is running", async () => {
      const made = network();
      made.stop();
      expect((await made.start(data, { ...long, steps: 10 })).stopped).toBe(false);
      made.stop();
      expect(made.train(data, { ...long, steps: 10 }).stopped).toBe(false);
      expect((await made.start(data, { ...long, steps: 10 })).position.steps).toBe(10);
    });
  });

  describe("while `start` runs", () => {
    const rows = rowsFor(program, 1000);
    const data = dataset(kernel, program, rows);
    const few = dataset(kernel, program, slice(program, rows, 0, 5));
    const answers = (of: ReturnType<typeof network>) => [
      ...predict(of, rows.x.slice(0, 15)),
      ...of.read("parameters"),
      of.evaluate(few),
    ];

    test("returns the state after the last complete epoch", async () => {
      const epochs = 100;
      const learningRates = new Float64Array(epochs).fill(0.01);
      const run = runOf(1000, { batchSize: 2, seed: 5, shuffle: true, learningRates });
      const [stepwise, started] = [network(), network()];
      const afterEpochs = [answers(stepwise)[0]];
      let from = START;
      for (let epoch = 0; epoch < epochs; epoch++) {
        from = stepwise.train(data, { ...run, from, steps: 500 }).position;
        afterEpochs.push(answers(stepwise)[0]);
      }
      const seen: number[] = [];
      let running = true;
      const training = started.start(data, run).finally(() => {
        running = false;
      });
      while (running) {
        seen.push(afterEpochs.indexOf(answers(started)[0]));
        await immediate();
      }
      await training;
      expect(seen).not.toContain(-1);
      expect(seen).toEqual([...seen].sort((a, b) => a - b));
      expect(answers(started)).toEqual(answers(stepwise));
    });

    test("returns the state before the run until the first epoch has ended", async () => {
      // The epoch is so long that it does not end before `stop`.
      const many = dataset(kernel, program, rowsFor(program, 300_000));
      const made = network();
      const before = answers(made);
      const training = made.start(many, runOf(300_000, { batchSize: 1 }));
      expect(answers(made)).toEqual(before);
      await immediate();
      expect(answers(made)).toEqual(before);
      made.stop();
      const { position } = await training;
      expect(position.epoch).toBe(0);
    });
  });

  describe("restores a finite state when a number is no longer finite:", () => {
    const rows = rowsFor(program, 22);
    const data = dataset(kernel, program, rows);

    test("parameters, slots and position after the last complete epoch", () => {
      const [diverging, expected] = [network(), network()];
      const rates = new Float64Array([0.1, 0.1, 3e38, 0.1]);
      const progress = diverging.train(data, runOf(22, { seed: 1, shuffle: true, learningRates: rates }));
      const { position, losses } = expected.train(
        data,
        runOf(22, { seed: 1, shuffle: true, learningRates: rates.slice(0, 2) }),
      );
      expect(progress.diverged).toMatchObject({ epoch: 2 });
      expect(progress.diverged!.step).toBeLessThan(4);
      expect(progress.position).toEqual(position);
      expect(progress.losses).toEqual(losses);
      expect(stateOf(diverging)).toEqual(stateOf(expected));
      const x = rows.x;
      expect(predict(diverging, x)).toEqual(predict(expected, x));
    });

    test("the state before the run if no epoch has ended in it", () => {
      const [diverging, expected] = [network(), network()];
      const { position } = expected.train(data, runOf(22, { steps: 2 }));
      const from = diverging.train(data, runOf(22, { steps: 2 })).position;
      const learningRates = new Float64Array([3e38]);
      const progress = diverging.train(data, runOf(22, { from, steps: 4, learningRates }));
      expect(progress.diverged).toMatchObject({ epoch: 0 });
      expect(progress.position).toEqual(position);
      expect(stateOf(diverging)).toEqual(stateOf(expected));
    });

    test.each([
      ["in the last step of an epoch", 22],
      ["in the last step of a run", 11],
    ])("also for a parameter %s whose loss was finite", (_when, batchSize) => {
      const made = network();
      const huge = runOf(22, { batchSize, steps: 1, learningRates: new Float64Array([1e300]) });
      const progress = made.train(data, huge);
      expect(progress.diverged).toEqual({ epoch: 0, step: 0 });
      expect(progress.position).toEqual(START);
      expect(made.read("parameters")).toEqual(parametersFor(program));
      expect(made.read("slots")).toEqual(new Float32Array(56));
    });

    test("and trains from there", () => {
      const [diverged, expected] = [network(), network()];
      const { position } = diverged.train(data, runOf(22, { learningRates: new Float64Array([3e38]) }));
      diverged.train(data, runOf(22, { from: position }));
      expected.train(data, runOf(22));
      expect(stateOf(diverged)).toEqual(stateOf(expected));
    });

    test("also with `start`", async () => {
      const made = network();
      const progress = await made.start(data, runOf(22, { learningRates: new Float64Array([3e38]) }));
      expect(progress.diverged).toMatchObject({ epoch: 0 });
      expect(made.read("parameters")).toEqual(parametersFor(program));
    });
  });

  describe("draws everything from one seed", () => {
    const layers: Layer[] = [
      { type: "dense", units: 17, activation: "relu" },
      { type: "dense", units: 1 },
    ];
    const examples = xor({ examples: 100, seed: 1 });
    const train = (seed: number) => {
      const parts = { loss: "meanSquaredError", optimizer: "sgd", kernel: kernel.name } as const;
      const model = new Model({ inputs: 2, layers, seed, ...parts });
      const { loss } = model.fitSync(examples, { epochs: 3 });
      return [...loss, ...flatten(model.getWeights())];
    };

    test("with the same bits in each run", () => {
      expect(train(5)).toEqual(train(5));
    });

    test("and other bits for another seed", () => {
      expect(train(5)).not.toEqual(train(6));
    });
  });
});

describe("the kernels agree on random programs", () => {
  const seeds = fc.nat(1_000_000);
  const counts = fc.constantFrom(1, 2, 3, 5, 8, 13, 16, 17, 33);
  const check = (count: fc.Arbitrary<number>, runs: number, compare: Compare) =>
    fc.assert(fc.property(anyProgram, count, seeds, compare), { ...draws, numRuns: runs });
  type Compare = (program: ReturnType<typeof programOf>, count: number, seed: number) => void;

  const forward: Compare = (program, count, seed) => {
    const { x } = rowsFor(program, count, seed);
    for (const [actual, expected] of besideDefinition(kernels, (kernel) => {
      const output = new Float32Array(count * outputsOf(program));
      networkOf(kernel, program, seed).predict(x, output);
      return output;
    })) {
      expectNear(actual, expected);
    }
  };

  const gradients: Compare = (program, count, seed) => {
    const rows = rowsFor(program, count, seed);
    for (const [actual, expected] of besideDefinition(kernels, (kernel) =>
      networkOf(kernel, program, seed).gradients(dataset(kernel, program, rows)),
    )) {
      expectNear(actual.values, expected.values);
      expectNear([actual.loss], [expected.loss]);
    }
  };

  const oneStep: Compare = (program, count, seed) => {
    const rows = rowsFor(program, count, seed);
    for (const [actual, expected] of besideDefinition(kernels, (kernel) => {
      const network = networkOf(kernel, program, seed);
      // Slots as after some steps. None is negative, because a mean of squares never is.
      network.write("slots", values(seed, network.read("slots").length, 0, 1));
      const from = { ...START, steps: seed % 100 };
      const run = runOf(count, { from, batchSize: count, steps: 1 });
      const { losses } = network.train(dataset(kernel, program, rows), run);
      return { ...stateOf(network), losses };
    })) {
      expectNear(actual.parameters, expected.parameters);
      expectNear(actual.slots, expected.slots);
      expectNear(actual.losses, expected.losses);
    }
  };

  test("in the forward pass", () => check(counts, draws.numRuns, forward));
  test("in their gradients", () => check(counts, draws.numRuns, gradients));
  test("after one step of each optimizer", () => check(counts, draws.numRuns, oneStep));
  test("in all of these, for batches in chunks", () => {
    check(fc.constantFrom(511, 512, 513, 1100), 8, (...drawn) => {
      for (const compare of [forward, gradients, oneStep]) compare(...drawn);
    });
  });

  test.each([1e3, 1e10, 1e15, 1e20, 3e38])("if a learning rate of %d diverges", (learningRate) => {
    const rows = rowsFor(program, 22);
    const learningRates = new Float64Array(3).fill(learningRate);
    for (const [actual, expected] of besideDefinition(kernels, (kernel) => {
      const { losses, ...progress } = networkOf(kernel, program).train(
        dataset(kernel, program, rows),
        runOf(22, { learningRates }),
      );
      return { diverged: progress.diverged, position: progress.position, epochs: losses.length };
    })) {
      expect(expected.diverged).toBeTruthy();
      expect(actual).toEqual(expected);
    }
  });
});
