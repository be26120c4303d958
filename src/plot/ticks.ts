// The round numbers along an axis or a color ramp, and their format.

import { type ScaleLinear, scaleLinear } from "d3-scale";

/** A round value of a scale: its position in the scale's range, and its text. */
export interface Tick {
  readonly position: number;
  readonly label: string;
}

/** Returns about `count` ticks at round values of the scale's domain. */
export function scaleTicks(scale: ScaleLinear<number, number>, count: number): Tick[] {
  const specifier = notation(scale.domain());
  const format = scale.tickFormat(count, specifier);
  const write = (value: number) => (value === 0 && specifier ? "0" : format(value));
  return scale.ticks(count).map((value) => ({ position: scale(value), label: write(value) }));
}

/** Returns the ticks of a color ramp. A tick at an end gets "≤" or "≥" if some values are beyond it. */
export function rampTicks(
  values: readonly number[],
  valueRange: readonly [number, number],
  range: readonly [number, number],
): Tick[] {
  const [low, high] = valueRange;
  const ticks = scaleTicks(scaleLinear().domain(valueRange).range(range), 3);
  return ticks.map(({ position, label }) => {
    if (position === range[0] && values.some((value) => value < low))
      return { position, label: `≤ ${label}` };
    if (position === range[1] && values.some((value) => value > high))
      return { position, label: `≥ ${label}` };
    return { position, label };
  });
}

/** Returns the cell of a position from 0 to `count`; `count` itself belongs to the last cell. */
export function cellIndex(place: number, count: number): number {
  return Math.min(count - 1, Math.floor(place));
}

/** Formats a number for hovering: four significant digits, with an exponent only where needed. */
export function formatNumber(value: number): string {
  return Number.isFinite(value) ? String(Number(value.toPrecision(4))) : String(value);
}

// Plain digits between a ten-thousandth and a million, exponents beyond.
function notation(domain: readonly number[]): string | undefined {
  const largest = Math.max(...domain.map(Math.abs));
  return largest >= 1e6 || largest <= 1e-4 ? "~e" : undefined;
}
