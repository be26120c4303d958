/** Computes the values of an inner layer, with a network of the model's first layers and their weights. */
import { withinMemory } from "../errors.ts";
import type { Network } from "../kernel/kernel.ts";
import { checkMemory } from "../memory.ts";
import * as losses from "../nn/losses.ts";
import { countParameters, countSlots, toProgram } from "../nn/program.ts";
import type { Complete, Table } from "../options.ts";
import type { Session } from "./session.ts";

const { BYTES_PER_ELEMENT } = Float32Array;

/** Arrays of a network that are as long as its parameters: values, a safe copy, a gradient. */
const COPIES = 3;

/** Returns a loss that accepts any outputs: one without options. It is never computed. */
function anyLoss(): Complete {
  const entries = Object.values(losses as Table<unknown>);
  return { type: entries.find(({ options }) => Object.keys(options).length === 0)!.type };
}

/** The first layers of a model as a network of their own. */
export class FirstLayers {
  readonly #session: Session;
  readonly #network: Network;
  /** The model's parameters. The first ones are those of this network. */
  readonly #parameters: Float32Array;
  readonly #count: number;
  readonly #outputs: number;

  constructor(session: Session, layers: number) {
    const { configuration, kernel, parameters } = session;
    const own = session.layers.slice(0, layers);
    this.#session = session;
    this.#count = own.reduce((sum, layer) => sum + countParameters(layer), 0);
    this.#outputs = own[layers - 1].outputs;
    const place = `predict: layer ${layers - 1}: ${this.#count} parameters`;
    const copies = COPIES + 2 * countSlots(configuration);
    checkMemory((parameters + copies * this.#count) * BYTES_PER_ELEMENT, place);
    const first = { ...configuration, layers: configuration.layers.slice(0, layers), loss: anyLoss() };
    [this.#network, this.#parameters] = withinMemory(`${place} do not fit in memory`, () => [
      kernel.network(toProgram(first)),
      new Float32Array(parameters),
    ]);
  }

  /** Returns the outputs of the last of these layers for checked rows, with the model's current weights. */
  predict(x: Float32Array, rows: number, threads: number | undefined): Float32Array {
    const place = `predict: the values of ${rows} rows`;
    checkMemory(rows * this.#outputs * BYTES_PER_ELEMENT, place);
    this.#session.use().read("parameters", this.#parameters);
    this.#network.write("parameters", this.#parameters.subarray(0, this.#count));
    const output = withinMemory(
      `${place} do not fit in memory`,
      () => new Float32Array(rows * this.#outputs),
    );
    this.#network.predict(x, output, threads);
    return output;
  }

  /** Frees the network. */
  dispose(): void {
    this.#network.dispose();
  }
}
