/** Draws an activation with its derivative, and a schedule's learning rate over epochs. */
import type { Activation } from "../../src/nn/activations.ts";
import type { Schedule } from "../../src/nn/schedules/schedule.ts";
import type { AnyEntry } from "../../src/options.ts";
import { completeOptions } from "../../src/options.ts";
import { linesPicture } from "../../src/plot/pictures/lines.ts";
import { rateOf } from "../../src/training/learningRates.ts";

type Point = readonly [x: number, y: number];

interface Line {
  readonly name: string;
  readonly points: readonly Point[];
}

/** An SVG element and its title. */
export interface Picture {
  readonly title: string;
  readonly svg: string;
}

/** Draws lines on common axes, with a legend if there are several. */
function drawing(title: string, lines: readonly Line[], xLabel: string, yLabel: string): Picture {
  const description = `${lines.map(({ name }) => name).join(" and ")} over ${xLabel}.`;
  const picture = linesPicture({ title, description, xLabel, yLabel, lines, including: [0] });
  return { title, svg: picture.svg({ width: 480 }).trim() };
}

/** Draws an activation with its default options, and its derivative, from -5 to 5. */
export function activationCurve({ type, options, create }: AnyEntry<unknown>): Picture {
  const activation = create(completeOptions(options, {}, type)) as Activation;
  const count = 401;
  const input = Float32Array.from({ length: count }, (_, at) => (at - (count - 1) / 2) / 40);
  const [value, derivative] = [new Float32Array(count), new Float32Array(count)];
  activation.value(input, value, count);
  activation.gradient(input, value, new Float32Array(count).fill(1), derivative, count);
  const points = (values: Float32Array) => Array.from(input, (x, at): Point => [x, values[at]]);
  const lines = [
    { name: type, points: points(value) },
    { name: "derivative", points: points(derivative) },
  ];
  return drawing(`${type} and its derivative`, lines, "x", "");
}

/** Options for schedules with required options. */
const EXAMPLES: Readonly<Record<string, object>> = {
  step: { every: 30 },
  exponential: { factor: 0.96 },
  cosine: { epochs: 100 },
  polynomial: { epochs: 100, power: 2 },
  warmup: { epochs: 20 },
  oneCycle: { epochs: 100 },
  chain: {
    schedules: [
      { type: "warmup", epochs: 20 },
      { type: "cosine", epochs: 80 },
    ],
    milestones: [20],
  },
  perStep: { schedule: { type: "warmup", epochs: 500 } },
};

/** The number of updates in each epoch of a schedule that counts steps. */
const UPDATES = 10;

/** The number of epochs that a schedule is drawn over. A monitored loss is constant after the first epoch. */
const EPOCHS = 100;

/** Draws the share of the learning rate in each of 100 epochs. */
export function scheduleCurve({ type, options, create }: AnyEntry<unknown>): Picture {
  const given = EXAMPLES[type] ?? {};
  const schedule = create(completeOptions(options, given, type)) as Schedule;
  const rates = schedule.start(1);
  const last = Object.fromEntries(schedule.monitors.map((name) => [name, 1]));
  const points = Array.from(
    { length: EPOCHS + 1 },
    (_, epoch): Point => [epoch, rateOf(rates(epoch, epoch === 0 ? undefined : last), 0, UPDATES)],
  );
  const watched = schedule.monitors.map((name) => `, while ${name} stands still`).join("");
  const steps = schedule.isPerStep ? `, ${UPDATES} steps an epoch` : "";
  const title = `${type}(${Object.keys(given).length > 0 ? JSON.stringify(given) : ""})${watched}${steps}`;
  return drawing(title, [{ name: type, points }], "epoch", "share of the learning rate");
}
