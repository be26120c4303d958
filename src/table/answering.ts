/** From encoded rows to answers: what predicts a target, for rows together and for one at a time. */
import { allocate } from "../memory.ts";
import { sessionOf } from "../model.ts";
import type { Answer } from "./answers.ts";
import type { ColumnDescription, TypedColumn } from "./columns.ts";
import { type Decide, decider } from "./decision.ts";
import { applyTemperature } from "./learner/blend.ts";
import { type TableNetwork, within } from "./learner/learned.ts";
import type { TrainedTarget } from "./parts.ts";
import { finish, type Pieces } from "./pieces.ts";
import type { Preparation } from "./preparation.ts";
import { calibrate } from "./quantiles.ts";
import type { ClassValue, TargetDescription } from "./target.ts";

/** Rows that go through the networks at a time, so that encoded rows never take much memory. */
export const BLOCK = 4096;

/** Rows that go through a network between two turns of the event loop. */
const PIECE = 128;

/** Rows of a stream that are answered together. */
export const STREAMED = 256;

/** The name of a class in `probabilities`. */
export const keyOf = (value: ClassValue) => String(value);

/** Outputs of a target: one for each class, or one number. */
export const outputsOf = ({ classes }: TargetDescription) => classes?.length ?? 1;

/** Predictions of rows. */
export interface Predictions {
  /** [rows][outputs]: numbers in the target's unit, or probabilities. */
  readonly values: Float64Array;
  /** [rows][quantiles], ascending in each row. */
  readonly quantiles: Float64Array | undefined;
}

/** A network with its share in what it predicts. */
interface Bound {
  readonly network: ReturnType<ReturnType<typeof sessionOf>["use"]>;
  readonly share: number;
  /** The place of its level, for a network of quantiles. */
  readonly level: number;
  /** Its outputs for one row, used again for each. */
  readonly one: Float32Array<ArrayBuffer>;
}

/** The networks whose rows are prepared alike. */
interface BoundPart {
  readonly preparation: Preparation;
  readonly center: number;
  readonly scale: number;
  readonly networks: readonly Bound[];
  readonly quantiles: readonly Bound[];
  readonly x: Float32Array<ArrayBuffer>;
  readonly write: ReturnType<Preparation["rowWriter"]>;
}

/** The share that one network of a bag has in the prediction. */
const shareOf = ({ bags, networks }: TrainedTarget["learned"], bag: number) =>
  bags[bag].weight / networks.filter((network) => network.bag === bag).length;

/** Predicts one target. */
export class TargetPredictor {
  readonly description: TargetDescription;
  readonly #learned: TrainedTarget["learned"];
  readonly #parts: readonly BoundPart[];
  readonly #outputs: number;
  readonly #levels: number;
  /** What no network predicts: the share of the prior, and levels without a network. */
  readonly #base: Float64Array;
  readonly #baseQuantiles: Float64Array;
  readonly #one: Predictions;
  readonly #decide: Decide;
  readonly #keys: readonly string[];
  readonly #levelKeys: readonly string[];
  /** Whether names can be set as properties one by one. */
  readonly #isSafe: boolean;

  /** `used`: the columns in the order in which `one` gets their values. */
  constructor({ description, learned }: TrainedTarget, used: readonly ColumnDescription[]) {
    const { parts, networks, quantiles, prior, priorWeight } = learned;
    const outputs = outputsOf(description);
    const levels = quantiles?.levels.length ?? 0;
    const order = used.map(({ name }) => name);
    const bind = ({ model, bag }: TableNetwork, share: number, width: number): Bound => ({
      ...{ network: sessionOf(model, "predict").use(), share, level: bag },
      one: new Float32Array(width),
    });
    const ofLevel = (level: number) => quantiles?.networks.filter(({ bag }) => bag === level).length ?? 0;
    this.description = description;
    this.#learned = learned;
    this.#outputs = outputs;
    this.#levels = levels;
    this.#parts = parts.map((part, number) => ({
      ...{ preparation: part.preparation, center: part.center, scale: part.scale },
      networks: networks
        .filter((network) => network.part === number)
        .map((network) => bind(network, shareOf(learned, network.bag), outputs)),
      quantiles: (quantiles?.networks ?? [])
        .filter((network) => network.part === number)
        .map((network) => bind(network, 1 / ofLevel(network.bag), 1)),
      x: new Float32Array(part.preparation.inputs),
      write: part.preparation.rowWriter(order),
    }));
    this.#base = Float64Array.from(prior, (value) => (priorWeight > 0 ? priorWeight * value : 0));
    this.#baseQuantiles = new Float64Array(levels);
    for (let level = 0; level < levels; level++)
      if (ofLevel(level) === 0) this.#baseQuantiles[level] = prior[0];
    this.#one = {
      values: new Float64Array(outputs),
      quantiles: levels === 0 ? undefined : new Float64Array(levels),
    };
    this.#decide = decider(description);
    this.#keys = (description.classes ?? []).map(keyOf);
    this.#levelKeys = (description.quantiles ?? []).map(String);
    this.#isSafe = !this.#keys.includes("__proto__");
  }

  /** Predictions of some rows of typed columns; no prediction keeps the columns. */
  rows(columns: ReadonlyMap<string, TypedColumn>, rows: Uint32Array): Predictions {
    return finish(this.rowsPieces(columns, rows, BLOCK));
  }

  /** What `rows` does, with a piece for each network and `size` rows. */
  *rowsPieces(
    columns: ReadonlyMap<string, TypedColumn>,
    rows: Uint32Array,
    size = PIECE,
  ): Pieces<Predictions> {
    const count = rows.length;
    const values = repeat(this.#base, count);
    const quantiles = this.#levels === 0 ? undefined : repeat(this.#baseQuantiles, count);
    const most = Math.min(count, size);
    const inputs = this.#parts.reduce((width, { preparation }) => Math.max(width, preparation.inputs), 0);
    const encoded = allocate(most * inputs, () => `${most} encoded rows of ${inputs} inputs`);
    const outputs = new Float32Array(most * this.#outputs);
    for (let start = 0; start < count; start += size) {
      const block = rows.subarray(start, Math.min(count, start + size));
      const all: Predictions = {
        values: values.subarray(start * this.#outputs, (start + block.length) * this.#outputs),
        quantiles: quantiles?.subarray(start * this.#levels, (start + block.length) * this.#levels),
      };
      for (const part of this.#parts) {
        const x = part.preparation.encode(columns, block, encoded);
        for (const bound of part.networks) {
          yield;
          const found = outputs.subarray(0, block.length * this.#outputs);
          bound.network.predict(x, found);
          this.#add(all, found, part, bound);
        }
        for (const bound of part.quantiles) {
          yield;
          const found = outputs.subarray(0, block.length);
          bound.network.predict(x, found);
          this.#addLevel(all, found, part, bound);
        }
      }
      this.#finish(all);
    }
    return { values, quantiles };
  }

  /**
   * Predictions of one row; the arrays are used again by the next call. The same bits as among other rows.
   */
  one(values: Float64Array, texts: readonly (string | undefined)[]): Predictions {
    const found = this.#one;
    found.values.set(this.#base);
    found.quantiles?.set(this.#baseQuantiles);
    for (const part of this.#parts) {
      part.write(values, texts, part.x);
      for (const bound of part.networks) {
        bound.network.predict(part.x, bound.one);
        this.#add(found, bound.one, part, bound);
      }
      for (const bound of part.quantiles) {
        bound.network.predict(part.x, bound.one);
        this.#addLevel(found, bound.one, part, bound);
      }
    }
    this.#finish(found);
    return found;
  }

  /** Adds the share of a network's outputs. */
  #add({ values }: Predictions, found: Float32Array, part: BoundPart, { share }: Bound): void {
    if (this.description.classes === undefined) {
      const { center, scale } = part;
      const [low, high] = this.#learned.range;
      for (let at = 0; at < found.length; at++)
        values[at] += share * Math.min(high, Math.max(low, center + scale * found[at]));
      return;
    }
    for (let at = 0; at < found.length; at++) values[at] += share * found[at];
  }

  #addLevel({ quantiles }: Predictions, found: Float32Array, part: BoundPart, bound: Bound): void {
    if (quantiles === undefined) return;
    const { center, scale } = part;
    const { share, level } = bound;
    const [low, high] = this.#learned.range;
    const levels = this.#levels;
    for (let row = 0; row < found.length; row++)
      quantiles[row * levels + level] += share * Math.min(high, Math.max(low, center + scale * found[row]));
  }

  #finish({ values, quantiles }: Predictions): void {
    const { temperature, range, quantiles: learned } = this.#learned;
    if (this.description.classes !== undefined) applyTemperature(values, this.#outputs, temperature);
    // The shares add up to 1 but for their last bits.
    else for (let at = 0; at < values.length; at++) values[at] = within(range, values[at]);
    if (quantiles !== undefined && learned !== undefined) calibrate(quantiles, learned.shifts, range);
  }

  /** The answer for a row of predictions. */
  answer({ values, quantiles }: Predictions, row: number): Answer {
    const { classes } = this.description;
    if (classes === undefined) {
      const value = values[row];
      return quantiles === undefined
        ? { value }
        : { value, quantiles: named(this.#levelKeys, quantiles, row * this.#levels) };
    }
    const start = row * this.#outputs;
    const value = classes[this.#decide(values, start)];
    if (this.#isSafe) return { value, probabilities: named(this.#keys, values, start) };
    return {
      value,
      probabilities: Object.fromEntries(this.#keys.map((key, at) => [key, values[start + at]])),
    };
  }

  /** The answers for all rows of predictions, in columns. */
  inColumns({ values, quantiles }: Predictions): object {
    const { classes } = this.description;
    if (classes === undefined) {
      const value = new Array<number>(values.length);
      for (let row = 0; row < values.length; row++) value[row] = values[row];
      if (quantiles === undefined) return { value };
      return { value, quantiles: columnsOf(this.#levelKeys, quantiles) };
    }
    const rows = values.length / this.#outputs;
    const value = new Array<ClassValue>(rows);
    for (let row = 0; row < rows; row++) value[row] = classes[this.#decide(values, row * this.#outputs)];
    return { value, probabilities: columnsOf(this.#keys, values) };
  }
}

/** Some values again and again. */
function repeat(values: Float64Array, times: number): Float64Array {
  const all = new Float64Array(values.length * times);
  if (values.every((value) => value === 0)) return all;
  for (let start = 0; start < all.length; start += values.length) all.set(values, start);
  return all;
}

/** Some rows of values, [rows][width]. */
export function pick(values: Float64Array, rows: Uint32Array, width: number): Float64Array {
  const picked = new Float64Array(rows.length * width);
  for (const [to, from] of rows.entries())
    picked.set(values.subarray(from * width, (from + 1) * width), to * width);
  return picked;
}

/** Values by name. None of the names is `__proto__`. */
function named(names: readonly string[], values: Float64Array, start: number): Record<string, number> {
  const object: Record<string, number> = {};
  for (let at = 0; at < names.length; at++) object[names[at]] = values[start + at];
  return object;
}

/** Columns by name of values that are in rows. */
function columnsOf(names: readonly string[], values: Float64Array): Readonly<Record<string, Float64Array>> {
  const width = names.length;
  const rows = values.length / width;
  const entries = names.map((name, at) => {
    const column = new Float64Array(rows);
    for (let row = 0; row < rows; row++) column[row] = values[row * width + at];
    return [name, column] as const;
  });
  return Object.fromEntries(entries);
}
