import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { OptionError, schedules } from "../src/index.ts";
import { readSchedule } from "../src/nn/schedules/chain.ts";
import { complete, type Option } from "../src/options.ts";
import { rateOf, ratesOfSteps } from "../src/training/learningRates.ts";
import { expectNear } from "./kernels.ts";
import { nameOf, valuesOf } from "./programs.ts";

const { chain, cosine, exponential, oneCycle, perStep, polynomial, reduceOnPlateau, step, warmup } =
  schedules;

/** The rates of each update of so many epochs; each epoch gives the loss, or what `measured` says. */
function updateRatesOf(
  given: unknown,
  epochs: number,
  updates: number,
  learningRate = 0.1,
  losses: readonly number[] = [],
): number[] {
  const rates = readSchedule(given, "schedule").start(learningRate);
  return Array.from({ length: epochs }, (_, epoch) => {
    const rate = rates(epoch, epoch === 0 ? undefined : { loss: losses[epoch - 1] ?? 1, accuracy: epoch });
    return Array.from({ length: updates }, (_, update) => rateOf(rate, update, updates));
  }).flat();
}

/** The same in epochs of one update. */
function ratesOf(given: unknown, epochs: number, learningRate?: number, losses?: readonly number[]) {
  return updateRatesOf(given, epochs, 1, learningRate, losses);
}

interface Case {
  readonly name: string;
  readonly optimizer: { readonly learningRate: number };
  readonly schedule: unknown;
  readonly x: number[][];
  readonly batchSize: number;
  readonly epochs: number;
  readonly stepLosses: number[];
  readonly learningRates: number[];
}

const folder = new URL("fixtures/oracle/", import.meta.url);
const cases = readdirSync(folder)
  .filter((file) => file.startsWith("schedule-"))
  .map((file): Case => JSON.parse(readFileSync(new URL(file, folder), "utf8")));

describe("the rates equal PyTorch's", () => {
  test.each(cases.map((run) => [run.name, run] as const))("%s", (_, run) => {
    const { x, batchSize, epochs, stepLosses, optimizer, schedule, learningRates } = run;
    const steps = stepLosses.length / epochs;
    const losses = Array.from({ length: epochs }, (_, epoch) =>
      Array.from({ length: steps }, (_, step) => {
        const rows = Math.min(batchSize, x.length - step * batchSize);
        return (stepLosses[epoch * steps + step] * rows) / x.length;
      }).reduce((sum, loss) => sum + loss),
    );
    expectNear(ratesOf(schedule, epochs, optimizer.learningRate, losses), learningRates, 1e-12);
  });
});

const simple = Object.values(schedules).filter((entry) => entry !== chain && entry !== perStep);
const entries = simple.map((entry) => [entry.type, entry] as const);

describe.each(entries)("%s", (_, entry) => {
  const options = Object.entries(entry.options as Record<string, Option<unknown>>);
  const required = options.filter(([, option]) => "required" in option);
  const given = required.map(([name, option]) => [name, valuesOf(option).at(-1)]);
  const base = complete(
    "schedule",
    schedules,
    { type: entry.type, ...Object.fromEntries(given) },
    "schedule",
  );
  const told = (configuration: object) => ({
    monitors: readSchedule(configuration, "schedule").monitors,
    rates: ratesOf(
      configuration,
      80,
      0.1,
      Array.from({ length: 80 }, (_, epoch) => Math.sin(epoch / 3)),
    ),
  });

  test("returns finite rates of at least zero", () => {
    for (const rate of told(base).rates) expect(rate).toBeGreaterThanOrEqual(0);
  });

  test.each(options)("depends on its option %s", (name, option) => {
    const given = [...valuesOf(option), "accuracy"].filter((value) => value !== base[name]);
    const changed = given.filter((value) => {
      try {
        return JSON.stringify(told({ ...base, [name]: value })) !== JSON.stringify(told(base));
      } catch (error) {
        if (!(error instanceof OptionError)) throw error;
        return false;
      }
    });
    expect(changed, nameOf(base)).not.toEqual([]);
  });
});

describe("a schedule that has ended keeps its last rate:", () => {
  test.each([
    ["cosine", cosine({ epochs: 4, minimum: 0.01 }), 0.01],
    ["polynomial", polynomial({ epochs: 4 }), 0],
    ["warmup", warmup({ epochs: 4 }), 0.1],
    ["oneCycle", oneCycle({ epochs: 4 }), 0.1 / 250_000],
  ])("%s", (_, schedule, last) => {
    expectNear(ratesOf(schedule, 9).slice(4), Array(5).fill(last), 1e-15);
  });
});

describe("oneCycle", () => {
  test("rises to the learning rate and falls below its first rate, as OneCycleLR does", () => {
    // The phases of OneCycleLR end at 0.3 · 10 - 1 = 2 and at 9.
    const wave = (from: number, to: number, share: number) =>
      to + ((from - to) / 2) * (1 + Math.cos(Math.PI * share));
    const rising = [0, 1, 2].map((epoch) => wave(0.004, 0.1, epoch / 2));
    const falling = [3, 4, 5, 6, 7, 8, 9].map((epoch) => wave(0.1, 4e-7, (epoch - 2) / 7));
    expectNear(ratesOf(oneCycle({ epochs: 10 }), 10), [...rising, ...falling], 1e-15);
  });

  test.each([1, 2, 3, 4, 5, 10, 33])("has finite rates in %i epochs", (epochs) => {
    for (const warmupShare of [0, 0.1, 0.3, 0.5, 0.9]) {
      const rates = ratesOf(oneCycle({ epochs, warmupShare }), epochs);
      expect(rates.every((rate) => rate > 0 && rate <= 0.1)).toBe(true);
    }
  });
});

describe("reduceOnPlateau", () => {
  const flat = Array(20).fill(1);

  test("waits for more than `patience` epochs, and pauses for `cooldown` epochs", () => {
    const schedule = reduceOnPlateau({ factor: 0.5, patience: 1, cooldown: 2 });
    // The first loss is the best. The rate falls after two bad epochs, pauses for two, and two more are bad.
    expect(ratesOf(schedule, 9, 0.8, flat)).toEqual([0.8, 0.8, 0.8, 0.4, 0.4, 0.4, 0.4, 0.2, 0.2]);
  });

  test("counts a loss as better only if it improves by more than `minDelta`", () => {
    const losses = [1, 0.9, 0.8, 0.7, 0.6];
    const rates = (minDelta: number) =>
      ratesOf(reduceOnPlateau({ factor: 0.5, patience: 0, minDelta }), 5, 0.8, losses);
    expect(rates(0.05)).toEqual([0.8, 0.8, 0.8, 0.8, 0.8]);
    expect(rates(0.15)).toEqual([0.8, 0.8, 0.4, 0.4, 0.2]);
  });

  test("stops at `minimum`, and does not raise a lower rate", () => {
    const schedule = reduceOnPlateau({ patience: 0, minimum: 0.05 });
    expect(ratesOf(schedule, 4, 0.1, flat)).toEqual([0.1, 0.1, 0.05, 0.05]);
    expect(ratesOf(schedule, 4, 0.01, flat)).toEqual([0.01, 0.01, 0.01, 0.01]);
  });

  test("monitors any metric, also one for which more is better", () => {
    const schedule = reduceOnPlateau({ patience: 0, monitor: "accuracy", largerIsBetter: true });
    expect(readSchedule(schedule, "schedule").monitors).toEqual(["accuracy"]);
    expect(ratesOf(schedule, 5)).toEqual(Array(5).fill(0.1));
    expect(ratesOf({ ...schedule, largerIsBetter: false }, 3)).not.toEqual(Array(3).fill(0.1));
  });

  test("starts again with each training", () => {
    const made = readSchedule(reduceOnPlateau({ patience: 0 }), "schedule");
    const train = () => {
      const rates = made.start(0.1);
      return [0, 1, 2, 3].map((epoch) => rates(epoch, { loss: 1 }));
    };
    expect(train()).toEqual(train());
  });
});

describe("a chain", () => {
  test("starts each schedule at its milestone, from the optimizer's learning rate", () => {
    const schedule = chain({
      schedules: [warmup({ epochs: 2, startFactor: 0.5 }), exponential({ factor: 0.5 }), () => 3],
      milestones: [2, 5],
    });
    expect(ratesOf(schedule, 7, 0.8)).toEqual([0.4, 0.6000000000000001, 0.8, 0.4, 0.2, 3, 3]);
  });

  test("can contain chains", () => {
    const inner = chain({ schedules: [step({ every: 1 }), () => 2], milestones: [1] });
    const schedule = chain({ schedules: [() => 1, inner], milestones: [2] });
    expect(ratesOf(schedule, 5)).toEqual([1, 1, 0.1, 2, 2]);
  });

  test("can contain reduceOnPlateau, which ignores earlier epochs", () => {
    const schedule = chain({
      schedules: [() => 1, reduceOnPlateau({ factor: 0.5, patience: 0 })],
      milestones: [2],
    });
    expect(readSchedule(schedule, "schedule").monitors).toEqual([null]);
    // Losses of 0 under the first schedule would remain the best ones.
    expect(ratesOf(schedule, 7, 0.8, [0, 0, 5, 4, 4, 4])).toEqual([1, 1, 0.8, 0.8, 0.8, 0.4, 0.2]);
  });
});

describe("perStep", () => {
  test("counts the steps of all epochs where the schedule inside counts epochs", () => {
    const inside = [
      warmup({ epochs: 5 }),
      cosine({ epochs: 9 }),
      oneCycle({ epochs: 12 }),
      step({ every: 2 }),
    ];
    for (const schedule of inside) {
      expect(updateRatesOf(perStep({ schedule }), 4, 3)).toEqual(ratesOf(schedule, 12));
    }
  });

  test("in a chain counts from its milestone, beside schedules of epochs", () => {
    const schedule = chain({
      schedules: [
        perStep({ schedule: warmup({ epochs: 4, startFactor: 0.5 }) }),
        () => 3,
        perStep({ schedule: (at) => at }),
      ],
      milestones: [2, 3],
    });
    const rates = updateRatesOf(schedule, 5, 3, 0.8);
    expectNear(rates, [0.4, 0.5, 0.6, 0.7, 0.8, 0.8, 3, 3, 3, 0, 1, 2, 3, 4, 5], 1e-15);
  });

  test("before a plateau leaves it the epochs", () => {
    const schedule = chain({
      schedules: [
        perStep({ schedule: warmup({ epochs: 2 }) }),
        reduceOnPlateau({ factor: 0.5, patience: 0 }),
      ],
      milestones: [1],
    });
    expect(readSchedule(schedule, "schedule")).toMatchObject({ monitors: [null], isPerStep: true });
    expectNear(updateRatesOf(schedule, 4, 2, 0.9), [0.3, 0.6, 0.9, 0.9, 0.9, 0.9, 0.45, 0.45], 1e-15);
  });

  test.each([
    [reduceOnPlateau(), "schedule perStep: schedule: expected a schedule that counts, received"],
    [perStep({ schedule: "warmup" as never }), "schedule (warmup): epochs is missing"],
    [perStep({ schedule: () => 1 }), "expected a schedule that counts epochs, received"],
    [() => Number.NaN, "a learning rate of at least 0 for step 0, received NaN"],
  ])("refuses %j", (schedule, message) => {
    expect(() => updateRatesOf(perStep({ schedule: schedule as never }), 1, 2)).toThrow(message);
  });
});

test("all steps of an update have its rate, those of the last and shorter one, too", () => {
  const rates = [(update: number, updates: number) => update + updates / 10, 5];
  expect(Array.from(ratesOfSteps(rates, 5, 2))).toEqual([0.3, 0.3, 1.3, 1.3, 2.3, 5, 5, 5, 5, 5]);
});

test("a function of the epoch and the learning rate is a schedule", () => {
  expect(ratesOf((epoch: number, rate: number) => rate / (1 + epoch), 3, 0.6)).toEqual([0.6, 0.3, 0.6 / 3]);
});

describe("an invalid schedule is refused:", () => {
  const [good, flat] = [warmup({ epochs: 5 }), () => 1];
  test.each([
    ["cosinus", 'schedule: unknown schedule "cosinus". Did you mean "cosine"?'],
    [cosine, "schedule: expected a schedule"],
    [cosine, "; call it: cosine(…)"],
    [{ type: "cosine" }, "schedule cosine: epochs is missing"],
    [{ type: "step", every: 2, gamma: 1 }, 'schedule step: unknown option "gamma"'],
    [{ type: "exponential" }, "schedule exponential: factor is missing"],
    [{ type: "exponential", factor: 0 }, "factor: expected a finite number above 0, received 0"],
    [
      { type: "reduceOnPlateau", patience: -1 },
      "patience: expected a whole number of at least 0, received -1",
    ],
    [{ type: "reduceOnPlateau", monitor: 3 }, "monitor: expected a name, received 3"],
    [{ type: "chain", schedules: [], milestones: [] }, "schedules: expected a list of schedules, received"],
    [
      { type: "chain", schedules: [flat, "cosin"], milestones: [1] },
      'schedule chain: schedules: 1: unknown schedule "cosin"',
    ],
    [
      { type: "chain", schedules: [good, good, good], milestones: [4, 4] },
      "milestones: 1: expected an epoch after 4, received 4",
    ],
    [
      { type: "chain", schedules: [good, good], milestones: [] },
      "milestones: expected 1 for 2 schedules, received 0",
    ],
    [3, "schedule: expected a schedule"],
  ])("%j", (given, message) => {
    expect(() => readSchedule(given, "schedule")).toThrow(OptionError);
    expect(() => readSchedule(given, "schedule")).toThrow(message);
  });

  test.each([[Number.NaN], [-0.1], ["0.1"], [undefined], [Number.POSITIVE_INFINITY]])(
    "a function that returns %s",
    (value) => {
      const message = "schedule: expected a learning rate of at least 0 for epoch 0, received";
      expect(() => ratesOf(() => value, 1)).toThrow(message);
    },
  );
});
