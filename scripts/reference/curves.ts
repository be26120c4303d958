/** Draws an activation with its derivative, and a schedule's learning rate over epochs. */
import { type ScaleLinear, scaleLinear } from "d3-scale";
import type { Activation } from "../../src/nn/activations.ts";
import type { Schedule } from "../../src/nn/schedules/schedule.ts";
import type { AnyEntry } from "../../src/options.ts";
import { completeOptions } from "../../src/options.ts";
import { type Frame, ink, label, xAxis, yAxis } from "../../src/plot/axes.ts";
import { element, escapeText } from "../../src/plot/markup.ts";
import { scaleTicks } from "../../src/plot/ticks.ts";
import { rateOf } from "../../src/training/learningRates.ts";

type Point = readonly [x: number, y: number];

interface Line {
  readonly name: string;
  readonly points: readonly Point[];
}

/** Blue and orange, as in the scatter plots. The second line is also dashed. */
const LOOKS = [
  { stroke: "#2f6fb5", "stroke-width": 2.5 },
  { stroke: "#c2660c", "stroke-width": 2, "stroke-dasharray": "5 4" },
] as const;

const [width, height] = [400, 290];
const frame: Frame = { left: 60, top: 52, right: width - 20, bottom: height - 60 };

const ends = (values: readonly number[]): Point => [Math.min(...values), Math.max(...values)];

/** An SVG element and its title. */
export interface Picture {
  readonly title: string;
  readonly svg: string;
}

/** Draws lines on common axes, with a legend if there are several. */
function drawing(title: string, lines: readonly Line[], xName: string, yName: string): Picture {
  const points = lines.flatMap((line) => line.points);
  const x = scaleLinear()
    .domain(ends(points.map(([value]) => value)))
    .range([frame.left, frame.right]);
  const y = scaleLinear()
    .domain(ends([0, ...points.map(([, value]) => value)]))
    .nice(6)
    .range([frame.bottom, frame.top]);
  const svg = element(
    "svg",
    {
      xmlns: "http://www.w3.org/2000/svg",
      viewBox: `0 0 ${width} ${height}`,
      width,
      height,
      role: "img",
      "aria-label": title,
      "font-family": "system-ui, sans-serif",
      "font-size": 13,
    },
    element("title", {}, escapeText(title)),
    element("rect", { width, height, fill: ink.page }),
    xAxis(scaleTicks(x, 6), frame, xName),
    yAxis(scaleTicks(y, 6), frame, yName),
    ...lines.map((line, index) => path(line, LOOKS[index], x, y)),
    ...(lines.length > 1 ? lines.map((line, index) => legend(line.name, index)) : []),
  );
  return { title, svg };
}

type Scale = ScaleLinear<number, number>;

function path({ points }: Line, look: (typeof LOOKS)[number], x: Scale, y: Scale): string {
  const place = ([a, b]: Point) => `${x(a).toFixed(1)} ${y(b).toFixed(1)}`;
  return element("path", { d: `M${points.map(place).join("L")}`, fill: "none", ...look });
}

function legend(name: string, index: number): string {
  const start = frame.left + 70 + index * 130;
  const line = { x1: start, y1: 32, x2: start + 26, y2: 32, ...LOOKS[index] };
  return element("line", line) + label(name, { x: start + 34, y: 36 });
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
