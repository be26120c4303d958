// The colour legend of a plot in SVG: the ramp, its round values, and the name of what it shows.

import { label, strong } from "./axes.ts";
import { element } from "./markup.ts";
import type { Scatter } from "./points.ts";
import { rampColor } from "./ramp.ts";
import { rampTicks } from "./ticks.ts";

const width = 220;
const height = 10;
// Between two stops a viewer mixes in RGB; so many stops keep to the ramp's own mixing.
const stops = 9;

/** A ramp whose right end and upper edge stand at the given place; its name stands above it. */
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
