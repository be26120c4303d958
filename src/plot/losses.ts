// The losses of a training by epoch, on a logarithmic axis, as a panel of an SVG and as lines of text.

import { type ScaleLinear, scaleLinear } from "d3-scale";
import { type Frame, ink, xAxis, yAxis } from "./axes.ts";
import { element } from "./markup.ts";
import { cellIndex, formatNumber, type Tick } from "./ticks.ts";

/** The losses of a training. */
export interface Losses {
  /** The name of the loss, such as "mean squared error". */
  readonly name: string;
  /** One value for each epoch. Values that are not positive and finite are left out. */
  readonly values: readonly number[];
}

/** Losses that are ready to be drawn. The scales have a domain and no range yet. */
export interface LossCurve {
  readonly name: string;
  /** The final loss, such as "0.0508 in epoch 300". */
  readonly end: string;
  readonly points: readonly { readonly epoch: number; readonly power: number }[];
  readonly x: ScaleLinear<number, number>;
  /** The scale of log₁₀ of the loss. */
  readonly y: ScaleLinear<number, number>;
}

/** The maximum points of a curve: about one for each pixel of a panel. */
const MOST_POINTS = 600;

/** Chooses points and axes. Returns undefined if nothing can be drawn. */
export function prepareLosses(losses: Losses | undefined): LossCurve | undefined {
  const values = losses?.values ?? [];
  const all = values.flatMap((loss, at) =>
    loss > 0 && loss < Number.POSITIVE_INFINITY ? [{ epoch: at + 1, power: Math.log10(loss) }] : [],
  );
  const last = all.at(-1);
  if (losses === undefined || last === undefined) return undefined;
  const count = Math.min(all.length, MOST_POINTS);
  const stride = count > 1 ? (all.length - 1) / (count - 1) : 0;
  const powers = all.map(({ power }) => power);
  const [low, high] = [Math.min, Math.max].map((choose) => powers.reduce((a, b) => choose(a, b)));
  // An axis of less than a third of a decade would have no ticks.
  const space = Math.max(0, 0.35 - (high - low)) / 2;
  return {
    name: losses.name,
    end: `${formatNumber(values[last.epoch - 1])} in epoch ${last.epoch}`,
    points: Array.from({ length: count }, (_, at) => all[Math.round(at * stride)]),
    x: scaleLinear().domain([1, Math.max(2, values.length)]),
    y: scaleLinear().domain([low - space, high + space]),
  };
}

/** Returns ticks at whole epochs. */
export function epochTicks(scale: ScaleLinear<number, number>, count: number): Tick[] {
  const epochs = scale.ticks(count).filter(Number.isInteger);
  return epochs.map((epoch) => ({ position: scale(epoch), label: epoch.toLocaleString("en") }));
}

/** Returns ticks at powers of ten, and at 2 and 5 times these on a short axis. */
export function lossTicks(scale: ScaleLinear<number, number>): Tick[] {
  const [low, high] = scale.domain();
  const steps = high - low < 3 ? [1, 2, 5] : [1];
  const stride = Math.ceil((high - low) / 6);
  const ticks: Tick[] = [];
  for (let power = Math.floor(low); power <= high; power += stride) {
    for (const step of steps) {
      const place = power + Math.log10(step);
      if (place >= low && place <= high) {
        ticks.push({ position: scale(place), label: formatNumber(step * 10 ** power) });
      }
    }
  }
  return ticks;
}

/** Draws the curve into a panel. */
export function lossPanel(curve: LossCurve, frame: Frame): string {
  const x = curve.x.copy().range([frame.left, frame.right]);
  const y = curve.y.copy().range([frame.bottom, frame.top]);
  const places = curve.points.map(({ epoch, power }) => [x(epoch), y(power)]);
  const path = places.map((place) => place.map((value) => value.toFixed(1)).join(" ")).join("L");
  const [cx, cy] = places[places.length - 1];
  return [
    xAxis(epochTicks(x, 6), frame, "epoch"),
    yAxis(lossTicks(y), frame, `${curve.name}: ${curve.end}`),
    element("path", { class: "loss", d: `M${path}`, fill: "none", stroke: ink.text, "stroke-width": 2 }),
    element("circle", { class: "loss-end", cx, cy, r: 4, fill: ink.text }),
  ].join("");
}

/** Characters at four heights of a line, from the top. */
const heights = ["⠉", "⠒", "⠤", "⣀"];

/** Draws the curve as `rows` lines of `columns` characters. */
export function lossCells({ points, x, y }: LossCurve, columns: number, rows: number): string[] {
  const [across, down] = [x.copy().range([0, columns]), y.copy().range([rows, 0])];
  const cells = Array.from({ length: rows }, () => new Array<string>(columns).fill(" "));
  for (const { epoch, power } of points) {
    const place = down(power);
    const row = cellIndex(place, rows);
    const height = cellIndex((place - row) * heights.length, heights.length);
    cells[row][cellIndex(across(epoch), columns)] = heights[height];
  }
  return cells.map((line) => line.join(""));
}
