// The round numbers along an axis or a colour ramp, and how they are written.

import { type ScaleLinear, scaleLinear } from "d3-scale";

/** A round value of a scale, its place in the scale's range, and its text. */
export interface Tick {
  readonly position: number;
  readonly label: string;
}

/** About `count` round values inside the scale's domain. */
export function scaleTicks(scale: ScaleLinear<number, number>, count: number): Tick[] {
  const specifier = notation(scale.domain());
  const format = scale.tickFormat(count, specifier);
  const write = (value: number) => (value === 0 && specifier ? "0" : format(value));
  return scale.ticks(count).map((value) => ({ position: scale(value), label: write(value) }));
}

/** Ticks of a colour ramp; an end that values lie beyond is marked with "≤" or "≥". */
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

/** The cell that a place from 0 to `count` falls into; the far end belongs to the last cell. */
export function cellIndex(place: number, count: number): number {
  return Math.min(count - 1, Math.floor(place));
}

/** A number as hovering shows it: four significant digits, exponents only where needed. */
export function formatNumber(value: number): string {
  return Number.isFinite(value) ? String(Number(value.toPrecision(4))) : String(value);
}

// Plain digits between a ten-thousandth and a million, exponents beyond.
function notation(domain: readonly number[]): string | undefined {
  const largest = Math.max(...domain.map(Math.abs));
  return largest >= 1e6 || largest <= 1e-4 ? "~e" : undefined;
}
