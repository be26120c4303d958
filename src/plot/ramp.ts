// One ramp of colours for every form of a plot: blue for low, grey for undecided, orange for high.
// Blue and orange stay apart for all common kinds of colour blindness, the lightness grows along the ramp,
// and no colour is so dark or so light that it disappears on a black or a white page (viridis does on both).

import { rgb } from "d3-color";
import { interpolateLab } from "d3-interpolate";
import { scaleLinear } from "d3-scale";

const ramp = scaleLinear<string>()
  .domain([0, 0.5, 1])
  .range(["#2b5fc4", "#98939d", "#f0921c"])
  .interpolate(interpolateLab)
  .clamp(true);

// The same ramp among the 256 colours that every colour terminal has.
const terminalRamp = [26, 68, 103, 246, 137, 172, 208];

/** The colour at a place from 0 to 1 along the ramp, as `#rrggbb`. */
export function rampColor(position: number): string {
  return rgb(ramp(position)).formatHex();
}

/** The terminal colour, an index of the 256-colour palette, at a place from 0 to 1 along the ramp. */
export function terminalColor(position: number): number {
  const index = Math.floor(position * terminalRamp.length);
  return terminalRamp[Math.min(terminalRamp.length - 1, index)];
}

/** How many different colours {@link terminalColor} gives. */
export const terminalColors = terminalRamp.length;
