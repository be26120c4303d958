// The color ramp of every form of a plot: blue for low, gray for middle, orange for high. Blue and orange are
// distinct for all common kinds of color blindness, the lightness grows along the ramp, and every color is
// visible on a black and on a white page (viridis is not on either).

import { rgb } from "d3-color";
import { interpolateLab } from "d3-interpolate";
import { scaleLinear } from "d3-scale";

const ramp = scaleLinear<string>()
  .domain([0, 0.5, 1])
  .range(["#2b5fc4", "#98939d", "#f0921c"])
  .interpolate(interpolateLab)
  .clamp(true);

// The same ramp in the 256 colors of every color terminal.
const terminalRamp = [26, 68, 103, 246, 137, 172, 208];

/** Returns the color at a position from 0 to 1 on the ramp, as `#rrggbb`. */
export function rampColor(position: number): string {
  return rgb(ramp(position)).formatHex();
}

/** Returns the index in the 256-color palette of the color at a position from 0 to 1 on the ramp. */
export function terminalColor(position: number): number {
  const index = Math.floor(position * terminalRamp.length);
  return terminalRamp[Math.min(terminalRamp.length - 1, index)];
}

/** The number of colors that {@link terminalColor} returns. */
export const terminalColors = terminalRamp.length;
