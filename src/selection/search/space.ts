/** Spaces: the values that a search may choose for each name, and the points of a space. */
import { OptionError, show } from "../../errors.ts";
import { checkNames } from "../../options.ts";
import { purpose, uniform } from "../../random.ts";

/** The numbers between two bounds, both included. */
export interface Interval {
  readonly minimum: number;
  readonly maximum: number;
  /** Whether numbers are drawn uniformly in their logarithm. */
  readonly log?: boolean | undefined;
  /** Whether only whole numbers are drawn. */
  readonly integer?: boolean | undefined;
}

/** The possible values of each name. */
export type Space = Readonly<Record<string, readonly unknown[] | Interval>>;

/** One value for each name of a space. */
export type Point<S extends Space> = {
  -readonly [Name in keyof S]: S[Name] extends readonly (infer Value)[] ? Value : number;
};

/** A point of some space. */
export type AnyPoint = Readonly<Record<string, unknown>>;

/**
 * Returns the range of numbers from `minimum` to `maximum`, for a search that draws its points. Draws are
 * uniform, or uniform in the logarithm with `log`; with `integer` they are whole numbers.
 *
 * @example
 * ```ts
 * const space = { learningRate: range(1e-4, 1e-1, { log: true }), units: range(8, 64, { integer: true }) };
 * ```
 *
 * @throws OptionError for bounds that are not finite or in the wrong order, or not above 0 with `log`.
 */
export function range(
  minimum: number,
  maximum: number,
  options: Omit<Interval, "minimum" | "maximum"> = {},
): Interval {
  checkNames(options, ["log", "integer"], "range");
  return readInterval({ minimum, maximum, ...options }, "range");
}

function readInterval(given: unknown, place: string): Interval {
  checkNames(given, ["minimum", "maximum", "log", "integer"], place);
  const { minimum, maximum, log = false, integer = false } = given as Interval;
  const fits = (value: unknown) =>
    integer ? Number.isSafeInteger(value) : typeof value === "number" && Number.isFinite(value);
  for (const [name, value] of Object.entries({ minimum, maximum })) {
    const kind = integer ? "a whole number" : "a finite number";
    if (!fits(value)) throw new OptionError(`${place}: ${name}: expected ${kind}, received ${show(value)}`);
  }
  for (const [name, value] of Object.entries({ log, integer })) {
    if (typeof value === "boolean") continue;
    throw new OptionError(`${place}: ${name}: expected true or false, received ${show(value)}`);
  }
  if (maximum <= minimum) {
    throw new OptionError(
      `${place}: maximum: expected more than ${minimum}, the minimum, received ${maximum}`,
    );
  }
  if (log && minimum <= 0) {
    throw new OptionError(`${place}: minimum: expected a number above 0, for log, received ${minimum}`);
  }
  return { minimum, maximum, log, integer };
}

/** Checks a space: at least one name, with at least one value each. */
export function readSpace(space: unknown, place: string): Space {
  if (typeof space !== "object" || space === null || Array.isArray(space)) {
    throw new OptionError(`${place}: expected an object with values by name, received ${show(space)}`);
  }
  const entries = Object.entries(space);
  if (entries.length === 0) throw new OptionError(`${place}: expected at least one name, received none`);
  for (const [name, values] of entries) {
    const here = `${place}: ${name}`;
    if (Array.isArray(values) ? values.length > 0 : isInterval(values, here)) continue;
    throw new OptionError(
      `${here}: expected a list of at least 1 value, or a range, received ${show(values)}`,
    );
  }
  return space as Space;
}

function isInterval(values: unknown, place: string): values is Interval {
  return typeof values === "object" && values !== null && readInterval(values, place) !== undefined;
}

/** Returns the number of values that a name may have. */
function sizeOf(values: readonly unknown[] | Interval): number {
  if (Array.isArray(values)) return values.length;
  const { minimum, maximum, integer } = values as Interval;
  return integer ? maximum - minimum + 1 : Number.POSITIVE_INFINITY;
}

const sizeOfAll = (space: Space) => Object.values(space).reduce((size, values) => size * sizeOf(values), 1);

/** A grid of more points than this is a mistake. */
const LARGEST_GRID = 1e6;

const DRAW = "draw points with strategy: strategies.random({ configurations: 20 })";

/** Returns every point; the last name varies fastest. */
export function gridOf(space: Space): AnyPoint[] {
  for (const [name, values] of Object.entries(space)) {
    if (Array.isArray(values)) continue;
    throw new OptionError(`space: ${name}: expected a list of values for a grid, received a range; ${DRAW}`);
  }
  const size = sizeOfAll(space);
  if (size > LARGEST_GRID) {
    throw new OptionError(
      `space: expected a grid of at most ${LARGEST_GRID} points, received ${size}; ${DRAW}`,
    );
  }
  let points: AnyPoint[] = [{}];
  for (const [name, values] of Object.entries(space)) {
    points = points.flatMap((point) =>
      (values as readonly unknown[]).map((value) => ({ ...point, [name]: value })),
    );
  }
  return points;
}

/** Maps a draw from [0, 1) to a value of the range. */
function drawFrom({ minimum, maximum, log, integer }: Interval, share: number): number {
  // Each whole number gets an equal part of the draw, the bounds included.
  const [low, high] = integer ? [minimum - (log ? 0.5 : 0), maximum + (log ? 0.5 : 1)] : [minimum, maximum];
  const value = log ? low * (high / low) ** share : low + share * (high - low);
  const whole = log ? Math.round(value) : Math.floor(value);
  return Math.min(maximum, Math.max(minimum, integer ? whole : value));
}

/** Draws up to `count` distinct points by the seed; all points where the space has fewer. */
export function drawPoints(space: Space, count: number, seed: number): AnyPoint[] {
  const entries = Object.entries(space);
  const most = Math.min(count, sizeOfAll(space));
  const points = new Map<string, AnyPoint>();
  for (let index = 0; points.size < most; index++) {
    const next = uniform(seed, { purpose: purpose.search, index });
    const places = entries.map(([, values]) =>
      Array.isArray(values) ? Math.floor(next() * values.length) : drawFrom(values as Interval, next()),
    );
    const point = entries.map(([name, values], at) => [
      name,
      Array.isArray(values) ? values[places[at]] : places[at],
    ]);
    if (!points.has(places.join())) points.set(places.join(), Object.fromEntries(point));
  }
  return [...points.values()];
}
