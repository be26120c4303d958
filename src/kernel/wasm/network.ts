/** Data and networks of the WebAssembly kernel. */
import { KernelError } from "../../errors.ts";
import { allocate } from "../../memory.ts";
import type { Program } from "../../nn/program.ts";
import {
  CHUNK_ROWS,
  type Gradients,
  type KernelData,
  type Network,
  type Part,
  type Progress,
  type Rows,
  type Run,
} from "../kernel.ts";
import { scheduler } from "../scheduler.ts";
import type { Instance, Pointer } from "./instance.ts";
import { forget, freeWith, numberOf, Place, placesOf } from "./place.ts";
import { decodeProgress, encodeRun } from "./run.ts";

/** The kernel's copy of rows. */
export class WasmData implements KernelData {
  readonly instance: Instance;
  #pointer: Pointer;
  readonly #bytes: number;

  constructor(instance: Instance, { x, y, inputs, outputs, weights }: Omit<Rows, "rows">) {
    this.instance = instance;
    const copied: [Pointer, number][] = [];
    try {
      for (const values of [x, y, weights])
        copied.push(values === undefined ? [0, 0] : [instance.copy(values), values.length]);
    } catch (error) {
      for (const [pointer, count] of copied) if (pointer !== 0) instance.exports.floats_free(pointer, count);
      throw error;
    }
    const { dataset_new, dataset_free } = instance.exports;
    const [[first, xLength], [second, yLength], [third, weightsLength]] = copied;
    const pointer = instance.call(() =>
      dataset_new(inputs, outputs, first, xLength, second, yLength, third, weightsLength),
    );
    this.#pointer = instance.check(pointer, true);
    const bytes = 4 * (xLength + yLength + weightsLength);
    this.#bytes = bytes;
    const places = placesOf(instance);
    places.dataBytes += bytes;
    const free = () => {
      places.dataBytes -= bytes;
      instance.call(() => dataset_free(pointer));
    };
    freeWith(this, free, this);
  }

  /** The place of the rows. */
  get pointer(): Pointer {
    if (this.#pointer === 0) throw new KernelError("wasm kernel: the data has been freed");
    return this.#pointer;
  }

  free(): void {
    if (this.#pointer === 0) return;
    const pointer = this.#pointer;
    this.#pointer = 0;
    forget(this);
    placesOf(this.instance).dataBytes -= this.#bytes;
    this.instance.call(() => this.instance.exports.dataset_free(pointer));
  }
}

/** The most values of x and output that one call predicts: 16 MB. */
const PREDICTED = 2 ** 22;

/** A network in the memory of an instance. */
export class WasmNetwork implements Network {
  readonly instance: Instance;
  readonly #inputs: number;
  readonly #place: Place;
  #state: "idle" | "training" | "panicked" | "disposed" = "idle";
  #stopping = false;

  constructor(instance: Instance, program: Program) {
    this.instance = instance;
    this.#inputs = program.inputs;
    this.#place = new Place(instance, JSON.stringify(program));
    this.#place.moveIn(this);
  }

  /** Returns the pointer of the network, if it can be used. */
  get pointer(): Pointer {
    if (this.#state === "disposed") throw new KernelError("wasm kernel: the network has been disposed");
    if (this.#state === "panicked")
      throw new KernelError("wasm kernel: an earlier call of this network panicked; make a new one");
    if (this.#place.pointer === 0) this.#place.moveIn(this);
    this.#place.use();
    return this.#place.pointer;
  }

  /** Returns the status of a call of this network, which throws if it is an error. */
  call(call: (pointer: Pointer) => number): number {
    const pointer = this.pointer;
    let status: number;
    try {
      status = this.instance.call(() => call(pointer));
    } catch (error) {
      this.#state = "panicked";
      this.#place.isFixed = true;
      throw error;
    }
    return this.instance.check(status);
  }

  #expectIdle(): void {
    if (this.#state === "training")
      throw new KernelError("wasm kernel: a training of this network is under way");
  }

  #expectOwn(data: WasmData): WasmData {
    if (data.instance !== this.instance)
      throw new KernelError("wasm kernel: the data is of another instance");
    return data;
  }

  #withData<T>(data: KernelData | Rows, use: (rows: Pointer, data: WasmData) => T): T {
    if (data instanceof WasmData) return use(this.#expectOwn(data).pointer, data);
    const copy = new WasmData(this.instance, data as Rows);
    try {
      return use(copy.pointer, copy);
    } finally {
      copy.free();
    }
  }

  #begin(data: WasmData, run: Run): void {
    const numbers = encodeRun(run);
    const rows = this.#expectOwn(data).pointer;
    const validation = run.validation && this.#expectOwn(run.validation as WasmData).pointer;
    const { network_begin } = this.instance.exports;
    this.instance.withDoubles(numbers, (place) =>
      this.call((network) => network_begin(network, rows, validation ?? 0, place, numbers.length)),
    );
  }

  /** Returns whether the training has ended. */
  #advance(milliseconds: number): boolean {
    return this.call((network) => this.instance.exports.network_advance(network, milliseconds)) === 1;
  }

  #finish(run: Run): Progress {
    const { network_finish, network_forget } = this.instance.exports;
    this.call((network) => network_finish(network));
    try {
      return decodeProgress(this.instance, run);
    } finally {
      network_forget(this.pointer);
    }
  }

  train(data: KernelData | Rows, run: Run): Progress {
    this.#expectIdle();
    return this.#withData(data, (_, rows) => {
      this.#begin(rows, run);
      this.#advance(Number.POSITIVE_INFINITY);
      return this.#finish(run);
    });
  }

  async start(data: KernelData, run: Run): Promise<Progress> {
    this.#expectIdle();
    void this.pointer;
    this.#state = "training";
    this.#place.isFixed = true;
    this.#stopping = false;
    try {
      this.#begin(data as WasmData, run);
      await scheduler.run((milliseconds) => this.#stopping || this.#advance(milliseconds));
      return this.#finish(run);
    } finally {
      if (this.#state === "training") {
        this.#state = "idle";
        this.#place.isFixed = false;
      }
    }
  }

  stop(): void {
    this.#stopping = true;
  }

  predict(x: Float32Array, output: Float32Array): void {
    const rows = Math.floor(x.length / this.#inputs);
    const perRow = (x.length + output.length) / Math.max(1, rows);
    const most = Math.max(1, Math.floor(PREDICTED / perRow / CHUNK_ROWS)) * CHUNK_ROWS;
    if (rows <= most) {
      this.#predict(x, output);
      return;
    }
    const outputs = output.length / rows;
    for (let start = 0; start < rows; start += most) {
      const end = Math.min(start + most, rows);
      this.#predict(
        x.subarray(start * this.#inputs, end * this.#inputs),
        output.subarray(start * outputs, end * outputs),
      );
    }
  }

  #predict(x: Float32Array, output: Float32Array): void {
    const { instance } = this;
    instance.withFloats(x.length + output.length, (input) => {
      const result = input + 4 * x.length;
      instance.floats.set(x, input / 4);
      this.call((network) =>
        instance.exports.network_predict(network, input, x.length, result, output.length),
      );
      output.set(instance.floats.subarray(result / 4, result / 4 + output.length));
    });
  }

  evaluate(data: KernelData | Rows, output?: Float32Array): number {
    const { instance } = this;
    return this.#withData(data, (rows) =>
      instance.withFloats(output?.length ?? 0, (result) => {
        const length = output?.length ?? 0;
        this.call((network) => instance.exports.network_evaluate(network, rows, result, length));
        output?.set(instance.floats.subarray(result / 4, result / 4 + length));
        return instance.numbers(1)[0];
      }),
    );
  }

  gradients(data: KernelData | Rows): Gradients {
    this.#expectIdle();
    const { instance } = this;
    const values = allocate(this.#count("parameters"), "gradients");
    const loss = this.#withData(data, (rows) =>
      instance.withFloats(values.length, (result) => {
        const { network_gradients } = instance.exports;
        this.call((network) => network_gradients(network, rows, result, values.length));
        values.set(instance.floats.subarray(result / 4, result / 4 + values.length));
        return instance.numbers(1)[0];
      }),
    );
    return { loss, values };
  }

  #count(part: Part): number {
    return this.call((network) => this.instance.exports.network_count(network, numberOf(part)));
  }

  read(part: Part, values: Float32Array = allocate(this.#count(part), part)): Float32Array {
    if (part === "slots") this.#expectIdle();
    const { instance } = this;
    instance.withFloats(values.length, (result) => {
      const { network_read } = instance.exports;
      this.call((network) => network_read(network, numberOf(part), result, values.length));
      values.set(instance.floats.subarray(result / 4, result / 4 + values.length));
    });
    return values;
  }

  write(part: Part, values: Float32Array): void {
    this.#expectIdle();
    const { instance } = this;
    instance.withFloats(values.length, (source) => {
      instance.floats.set(values, source / 4);
      const { network_write } = instance.exports;
      this.call((network) => network_write(network, numberOf(part), source, values.length));
    });
  }

  /** Everything that a panic left behind is as the call found it or half changed, and can be freed. */
  dispose(): void {
    this.#expectIdle();
    if (this.#state === "disposed") return;
    this.#state = "disposed";
    this.#place.free();
  }
}
