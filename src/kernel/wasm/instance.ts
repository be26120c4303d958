/**
 * An instance of the WebAssembly module: its memory, and calls of its functions.
 *
 * A view of the memory is made anew for each use, because the memory may grow in any call and old views are
 * then empty.
 */
import { KernelError } from "../../errors.ts";
import { decodeText, encodeText, now } from "../../host.ts";

/** What WebAssembly in a host offers. */
export interface HostWebAssembly {
  readonly Module: new (bytes: BufferSource) => WasmModule;
  readonly Instance: new (module: WasmModule, imports: object) => { readonly exports: object };
  validate(bytes: BufferSource): boolean;
  compile(bytes: BufferSource): Promise<WasmModule>;
  compileStreaming?(response: object): Promise<WasmModule>;
  instantiate(module: WasmModule, imports: object): Promise<{ readonly exports: object }>;
}

/** A compiled module. Every host has its own type of it. */
export type WasmModule = object;

/** The bytes of a module. */
export type BufferSource = ArrayBuffer | ArrayBufferView;

/** A place in the memory of an instance, in bytes. 0 is none. */
export type Pointer = number;

/** The exports of the module: see `crates/wasm`. A status below 0 is an error. */
export interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer };
  readonly __stack_pointer: { value: number };
  start(): number;
  version(): void;
  message_pointer(): Pointer;
  message_length(): number;
  message_clear(): void;
  numbers_pointer(): Pointer;
  floats_new(count: number): Pointer;
  floats_free(pointer: Pointer, count: number): void;
  doubles_new(count: number): Pointer;
  doubles_free(pointer: Pointer, count: number): void;
  allocated(): number;
  footprint(program: Pointer, length: number): number;
  dataset_new(
    inputs: number,
    outputs: number,
    x: Pointer,
    xLength: number,
    y: Pointer,
    yLength: number,
    weights: Pointer,
    weightsLength: number,
  ): Pointer;
  dataset_free(data: Pointer): void;
  network_new(program: Pointer, length: number): Pointer;
  network_free(network: Pointer): void;
  network_begin(
    network: Pointer,
    data: Pointer,
    validation: Pointer,
    numbers: Pointer,
    count: number,
  ): number;
  network_advance(network: Pointer, milliseconds: number): number;
  network_finish(network: Pointer): number;
  network_forget(network: Pointer): void;
  network_predict(
    network: Pointer,
    x: Pointer,
    length: number,
    output: Pointer,
    outputLength: number,
  ): number;
  network_evaluate(network: Pointer, data: Pointer, output: Pointer, length: number): number;
  network_gradients(network: Pointer, data: Pointer, values: Pointer, count: number): number;
  network_count(network: Pointer, part: number): number;
  network_read(network: Pointer, part: number, values: Pointer, count: number): number;
  network_write(network: Pointer, part: number, values: Pointer, count: number): number;
  network_panic(network: Pointer): number;
}

/** Returns the host's WebAssembly. */
export function webAssembly(): HostWebAssembly {
  const host = (globalThis as { WebAssembly?: HostWebAssembly }).WebAssembly;
  if (host === undefined) throw new KernelError("this host has no WebAssembly");
  return host;
}

/** What the module needs of its host. */
export const IMPORTS = { myelin: { now } };

/** Compiles a module on the calling thread, and returns the exports of an instance. */
export function instantiate(bytes: BufferSource): object {
  const { Module, Instance } = webAssembly();
  return new Instance(new Module(bytes), IMPORTS).exports;
}

/** The floats that stay allocated between calls. A call with more allocates and frees its own. */
const SCRATCH_FLOATS = 2 ** 14;

const OUT_OF_MEMORY = "out of memory: take fewer rows at a time, or narrower layers";

/** An instance with its own memory. */
export class Instance {
  readonly exports: Exports;
  /** Whether a multiply-add rounds once on this host, as it does natively. */
  readonly isFused: boolean;
  /** The place of the stack between calls. */
  readonly #stack: number;
  readonly #scratch: Pointer;
  #view = new Float32Array(0);
  /** Why no call can follow. */
  #failure: string | undefined;

  constructor(exports: object) {
    this.exports = exports as Exports;
    this.#stack = this.exports.__stack_pointer.value;
    this.isFused = this.exports.start() === 1;
    this.#scratch = this.allocate(SCRATCH_FLOATS);
  }

  /** Returns a view of all memory as floats. It is empty after the memory has grown. */
  get floats(): Float32Array {
    if (this.#view.length === 0) this.#view = new Float32Array(this.exports.memory.buffer);
    return this.#view;
  }

  /** Returns a copy of doubles. */
  doubles(pointer: Pointer, count: number): Float64Array {
    return new Float64Array(this.exports.memory.buffer, pointer >>> 0, count).slice();
  }

  /** Returns the message of the last call and clears it. */
  message(): string {
    const { memory, message_pointer, message_length, message_clear } = this.exports;
    const bytes = new Uint8Array(memory.buffer, message_pointer() >>> 0, message_length()).slice();
    message_clear();
    return decodeText(bytes);
  }

  /** Returns the numbers that the last call left. */
  numbers(count: number): Float64Array {
    return this.doubles(this.exports.numbers_pointer(), count);
  }

  /**
   * Returns what a call of the module returns. A trap becomes an error. Unless it is a panic, or memory has
   * run out, the state of the whole instance is unknown after a trap, so that no call may follow.
   */
  call<T>(call: () => T): T {
    if (this.#failure !== undefined) throw new KernelError(this.#failure);
    try {
      return call();
    } catch (error) {
      this.exports.__stack_pointer.value = this.#stack;
      const message = this.message();
      if (message === "")
        this.#failure = `the wasm kernel failed: ${error}; make new models in a new process`;
      throw new KernelError(this.#failure ?? `the wasm kernel panicked: ${message}`, { cause: error });
    }
  }

  /** Does the same with a call that returns a status below 0, or a null pointer, after an error. */
  check(status: number, isPointer = false): number {
    if (isPointer ? status === 0 : status < 0) throw new KernelError(`wasm kernel: ${this.message()}`);
    return status;
  }

  /** Returns memory for floats. */
  allocate(count: number): Pointer {
    const pointer = this.call(() => this.exports.floats_new(count)) >>> 0;
    if (pointer === 0) throw new KernelError(`wasm kernel: ${OUT_OF_MEMORY}`);
    return pointer;
  }

  /** Returns memory with a copy of floats. */
  copy(values: Float32Array): Pointer {
    const pointer = this.allocate(values.length);
    this.floats.set(values, pointer / 4);
    return pointer;
  }

  /** Calls `use` with memory for floats, which is free again afterwards. Calls of it do not nest. */
  withFloats<T>(count: number, use: (pointer: Pointer) => T): T {
    return count <= SCRATCH_FLOATS ? use(this.#scratch) : this.withNewFloats(count, use);
  }

  /** Does the same with memory of its own, also within {@link withFloats}. */
  withNewFloats<T>(count: number, use: (pointer: Pointer) => T): T {
    const pointer = this.allocate(count);
    try {
      return use(pointer);
    } finally {
      this.exports.floats_free(pointer, count);
    }
  }

  /** Calls `use` with a copy of bytes, at a place where doubles may be. The copy is freed afterwards. */
  #withBytes<T>(bytes: Uint8Array, use: (pointer: Pointer) => T): T {
    const count = Math.ceil(bytes.length / 8);
    const pointer = this.call(() => this.exports.doubles_new(count)) >>> 0;
    if (pointer === 0) throw new KernelError(`wasm kernel: ${OUT_OF_MEMORY}`);
    try {
      new Uint8Array(this.exports.memory.buffer).set(bytes, pointer);
      return use(pointer);
    } finally {
      this.exports.doubles_free(pointer, count);
    }
  }

  /** Calls `use` with the place and the number of bytes of a text. */
  withText<T>(text: string, use: (pointer: Pointer, length: number) => T): T {
    const bytes = encodeText(text);
    return this.#withBytes(bytes, (pointer) => use(pointer, bytes.length));
  }

  /** Calls `use` with the place of doubles. */
  withDoubles<T>(values: Float64Array, use: (pointer: Pointer) => T): T {
    return this.#withBytes(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), use);
  }
}
