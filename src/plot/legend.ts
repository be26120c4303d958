// The color legend of a plot in SVG: the ramp, its ticks, and the name of the value.

import { label, strong } from "./axes.ts";
import { element } from "./markup.ts";
import type { Scatter } from "./points.ts";
import { rampColor } from "./ramp.ts";
import { rampTicks } from "./ticks.ts";

const width = 220;
const height = 10;
// A viewer interpolates between stops in RGB. Nine stops approximate the ramp's interpolation in Lab.
const stops = 9;

/** Draws the ramp with its right end at `right` and its upper edge at `top`, and its name above. */
export function colorLegend(scatter: Scatter, right: number, top: number): string {
  const left = right - width;
  const values = scatter.points.map((point) => point.value);
  const ticks = rampTicks(values, scatter.valueRange, [left, right]);
  return element(
    "g",
    { "text-anchor": "middle" },
    element("defs", {}, gradient()),
    element("rect", { x: left, y: top, width, height, rx: 2, fill: "url(#value-ramp)" }),
    ...ticks.map((tick) => label(tick.label, { x: tick.position, y: top + 27 })),
    label(scatter.valueLabel, { ...strong, x: right, y: top - 10, "text-anchor": "end" }),
  );
}

function gradient(): string {
  const positions = Array.from({ length: stops }, (_, index) => index / (stops - 1));
  const colors = positions.map((offset) => element("stop", { offset, "stop-color": rampColor(offset) }));
  return element("linearGradient", { id: "value-ramp" }, ...colors);
}
