/**
 * Encoders of categories, which they get by number: NaN is missing, -1 is a category that the training did
 * not have.
 */
import { FormatError } from "../../errors.ts";
import { entry, number, size } from "../../options.ts";
import { type Check, finite, list, whole } from "../fields.ts";
import type { Encoder, EncoderState } from "./encoder.ts";

/** More categories than any table has, so that a file cannot ask for more memory than its length. */
const MOST_CATEGORIES = 10_000_000;

/** Different categories by number. */
const distinct: Check<number[]> = (value, place) => {
  const categories = list(whole(0, MOST_CATEGORIES), 1)(value, place);
  if (new Set(categories).size === categories.length) return categories;
  throw new FormatError(`${place}: expected different categories, received one twice`);
};

type State<Fields> = EncoderState & Fields;

/**
 * The numbers of the categories that at least `fewest` rows have, the most frequent first, and of equal ones
 * the smaller.
 */
function seen(values: Float64Array, fewest = 1): number[] {
  const counts = new Map<number, number>();
  for (const value of values) if (value >= 0) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts]
    .filter(([, count]) => count >= fewest)
    .sort(([a, m], [b, n]) => n - m || a - b)
    .map(([category]) => category);
}

/** From a category's number to its place in a list; -1 where it is not in it. */
function places(list: readonly number[]): (value: number) => number {
  const most = list.reduce((largest, category) => Math.max(largest, category), -1);
  const table = new Int32Array(most + 1).fill(-1);
  for (const [at, category] of list.entries()) table[category] = at;
  // NaN fails both comparisons.
  return (value) => (value >= 0 && value <= most ? table[value] : -1);
}

/** Two categories as -1 (the more frequent one) and 1; 0 for a missing or unknown value. */
export const sign = entry(
  "sign",
  {},
  (): Encoder => ({
    takes: "category",
    fields: { low: whole(), high: whole() },
    fit({ values }) {
      const found = seen(values);
      return found.length === 2 ? { type: "sign", low: found[0], high: found[1] } : undefined;
    },
    open(state) {
      const { low, high } = state as State<{ low: number; high: number }>;
      return {
        width: 1,
        write(value, out, at) {
          out[at] = value === low ? -1 : value === high ? 1 : 0;
        },
        inverse(inputs, at) {
          const value = inputs[at];
          return value > 0 ? high : value < 0 ? low : Number.NaN;
        },
        names: (categories) => [`= ${categories[high]}`],
      };
    },
  }),
);

/**
 * An input for each category, which is `active` for that category and else 0; all are 0 for a missing or
 * unknown one.
 */
export const oneHot = entry(
  "oneHot",
  {
    /** What the input of the row's category is. */
    active: number({ default: 1 }),
    /** The most categories that get an input of their own, the most frequent ones. */
    maximum: size({ default: 1000 }),
  },
  ({ active, maximum }): Encoder => ({
    takes: "category",
    fields: { active: finite, categories: distinct },
    fit({ values }) {
      const found = seen(values).slice(0, maximum);
      // One category tells something where some rows have none.
      const least = values.some((value) => !(value >= 0)) ? 1 : 2;
      return found.length >= least ? { type: "oneHot", active, categories: found } : undefined;
    },
    open(state) {
      const { active, categories: list } = state as State<{ active: number; categories: number[] }>;
      const placeOf = places(list);
      return {
        width: list.length,
        write(value, out, at) {
          const place = placeOf(value);
          if (place >= 0) out[at + place] = active;
        },
        // The largest input: of a network's probabilities, the most probable category.
        inverse(inputs, at) {
          let best = 0;
          for (let place = 1; place < list.length; place++)
            if (inputs[at + place] * active > inputs[at + best] * active) best = place;
          return inputs[at + best] * active > 0 ? list[best] : Number.NaN;
        },
        names: (categories) => list.map((category) => `= ${categories[category]}`),
      };
    },
  }),
);

/**
 * The number of the category, for an `embedding` layer: 0 is a missing or unknown category, or one that is
 * too rare.
 */
export const lookup = entry(
  "lookup",
  {
    /** Values that the embedding has for each category. */
    units: size({ default: 8 }),
    /** The most categories with an embedding of their own, the most frequent ones. */
    maximum: size({ default: 2000 }),
    /** The fewest rows of a category that has an embedding of its own: fewer teach it nothing. */
    fewest: size({ default: 3 }),
  },
  ({ units, maximum, fewest }): Encoder => ({
    takes: "category",
    fields: { units: whole(1, 65_536), categories: distinct },
    fit({ values }) {
      const found = seen(values, fewest).slice(0, maximum);
      return found.length > 1 ? { type: "lookup", units, categories: found } : undefined;
    },
    open(state) {
      const { units, categories: list } = state as State<{ units: number; categories: number[] }>;
      const placeOf = places(list);
      return {
        width: 1,
        lookup: { categories: list.length + 1, units },
        write(value, out, at) {
          out[at] = placeOf(value) + 1;
        },
        inverse: (inputs, at) => list[Math.round(inputs[at]) - 1] ?? Number.NaN,
        names: () => ["number"],
      };
    },
  }),
);
