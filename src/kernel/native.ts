/** The native kernel: checks the addon that `findAddon.ts` found, and wraps it as a kernel. */

import { KernelError, OptionError } from "../errors.ts";
import { environmentVariable } from "../host.ts";
import { allocate, checkMemory } from "../memory.ts";
import { version } from "../version.ts";
import { findAddon, message } from "./findAddon.ts";
import type {
  Gradients,
  Kernel,
  KernelData,
  KernelTraining,
  KernelTrainings,
  Network,
  Part,
  Progress,
  Rows,
  Run,
} from "./kernel.ts";
import type { NativeLoad } from "./load.ts";
import { selfTest } from "./selfTest.ts";

/** The addon's network. */
interface AddonNetwork {
  train(data: KernelData | Rows, run: Run, validation?: KernelData): Progress;
  start(data: KernelData, run: Run, validation?: KernelData): Promise<Progress>;
  stop(): void;
  predictions(): (x: Float32Array, output: Float32Array, threads?: number) => void;
  evaluate(data: KernelData | Rows, output?: Float32Array, threads?: number): number;
  gradients(data: KernelData | Rows, values: Float32Array): number;
  count(part: Part): number;
  read(part: Part, values: Float32Array): void;
  write(part: Part, values: Float32Array): void;
  dispose(): void;
}

/** The addon's `trainMany`. */
interface AddonTrainings {
  add(network: AddonNetwork, data: KernelData, run: Run, validation?: KernelData): void;
  start(threads?: number): Promise<Progress[]>;
  finished(): number;
}

/** What the addon exports. */
export interface Addon {
  version(): string;
  instructions(): string[];
  multipliesBfloat16(instructions: string): boolean;
  fmaPeak(instructions: string, milliseconds: number): number;
  tables(): string;
  footprint(program: string): [network: number, row: number];
  panicInCall(): number;
  panicOnThread(): Promise<number>;
  NativeDataset: new (
    x: Float32Array,
    y: Float32Array,
    inputs: number,
    outputs: number,
    weights?: Float32Array,
    scales?: Float32Array,
  ) => KernelData;
  NativeNetwork: new (program: string, instructions?: string) => AddonNetwork;
  NativeTrainings: new () => AddonTrainings;
}

/** Converts an error of the addon, which is a plain `Error`, into a {@link KernelError}. */
function toKernelError(error: unknown): KernelError {
  return new KernelError(`native kernel: ${message(error)}`, { cause: error });
}

function withKernelErrors<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw toKernelError(error);
  }
}

async function withKernelErrorsAsync<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw toKernelError(error);
  }
}

/** A network of the addon. `threads` is the default for calls that do not pass a number of threads. */
class NativeNetwork implements Network {
  readonly addon: AddonNetwork;
  readonly #predict: ReturnType<AddonNetwork["predictions"]>;
  readonly #threads: number | undefined;

  constructor(addon: AddonNetwork, threads: number | undefined) {
    this.addon = addon;
    this.#predict = addon.predictions();
    this.#threads = threads;
  }

  train(data: KernelData | Rows, run: Run): Progress {
    return withKernelErrors(() => this.addon.train(data, withThreads(run, this.#threads), run.validation));
  }

  start(data: KernelData, run: Run): Promise<Progress> {
    return withKernelErrorsAsync(() =>
      this.addon.start(data, withThreads(run, this.#threads), run.validation),
    );
  }

  stop(): void {
    this.addon.stop();
  }

  predict(x: Float32Array, output: Float32Array, threads = this.#threads): void {
    // Without `withKernelErrors`: creating its closure takes noticeable time beside predicting one row.
    try {
      if (threads === undefined) this.#predict(x, output);
      else this.#predict(x, output, threads);
    } catch (error) {
      throw toKernelError(error);
    }
  }

  evaluate(data: KernelData | Rows, output?: Float32Array, threads = this.#threads): number {
    if ("rows" in data) checkMemory(4 * data.rows, () => `evaluate: the losses of ${data.rows} rows`);
    return withKernelErrors(() => this.addon.evaluate(data, output, threads));
  }

  gradients(data: KernelData | Rows): Gradients {
    const values = allocate(this.addon.count("parameters"), "gradients");
    return { loss: withKernelErrors(() => this.addon.gradients(data, values)), values };
  }

  read(part: Part, values: Float32Array = allocate(this.addon.count(part), part)): Float32Array {
    withKernelErrors(() => this.addon.read(part, values));
    return values;
  }

  write(part: Part, values: Float32Array): void {
    withKernelErrors(() => this.addon.write(part, values));
  }

  dispose(): void {
    withKernelErrors(() => this.addon.dispose());
  }
}

function withThreads(run: Run, threads: number | undefined): Run {
  return run.threads === undefined && threads !== undefined ? { ...run, threads } : run;
}

/** Adds all trainings, then starts them together. */
function trainMany(addon: Addon, list: readonly KernelTraining[], threads?: number): KernelTrainings {
  const trainings = withKernelErrors(() => new addon.NativeTrainings());
  for (const { network, data, run } of list) {
    withKernelErrors(() => trainings.add((network as NativeNetwork).addon, data, run, run.validation));
  }
  return {
    progress: withKernelErrorsAsync(() => trainings.start(threads)),
    finished: () => trainings.finished(),
    stop: () => {
      for (const { network } of list) network.stop();
    },
  };
}

/** Settings from environment variables. */
interface Settings {
  readonly instructions: string;
  readonly threads: number | undefined;
}

function wrap(addon: Addon, { instructions, threads }: Settings): Kernel {
  return {
    name: "native",
    dataset: (...rows) => withKernelErrors(() => new addon.NativeDataset(...rows)),
    network: (program) =>
      withKernelErrors(
        () => new NativeNetwork(new addon.NativeNetwork(JSON.stringify(program), instructions), threads),
      ),
    footprint: (program) => {
      const [network, row] = withKernelErrors(() => addon.footprint(JSON.stringify(program)));
      return { network, row };
    },
    trainMany: (trainings, mostThreads = threads) => trainMany(addon, trainings, mostThreads),
  };
}

/** Returns the instruction set: that of `MYELIN_INSTRUCTIONS`, or the fastest that the CPU has. */
function chooseInstructions(available: readonly string[]): string {
  const wanted = environmentVariable("MYELIN_INSTRUCTIONS");
  if (wanted === undefined) return available[available.length - 1];
  if (available.includes(wanted)) return wanted;
  throw new OptionError(`MYELIN_INSTRUCTIONS: this CPU has ${available.join(", ")}, received "${wanted}"`);
}

/**
 * Returns the default for the most threads of a call: that of `MYELIN_THREADS`, or undefined for the number
 * of free cores.
 */
function chooseThreads(): number | undefined {
  const wanted = environmentVariable("MYELIN_THREADS");
  if (wanted === undefined) return undefined;
  if (/^[1-9]\d{0,5}$/.test(wanted)) return Number(wanted);
  throw new OptionError(`MYELIN_THREADS: expected a whole number of at least 1, received "${wanted}"`);
}

function checkAndWrap(addon: Addon, file: string): NativeLoad {
  const found = addon.version();
  if (found !== version) {
    throw new KernelError(
      `it has version ${found}, expected ${version}: install both packages of one version`,
    );
  }
  const instructions = chooseInstructions(addon.instructions());
  const kernel = wrap(addon, { instructions, threads: chooseThreads() });
  selfTest(kernel);
  return { kernel, reason: `${file}, ${instructions} instructions` };
}

function load(): NativeLoad {
  let name = "the native kernel";
  try {
    const found = findAddon();
    if (found.cause !== undefined) return { kernel: undefined, ...found };
    name = found.name;
    return checkAndWrap(found.addon as Addon, name);
  } catch (error) {
    // An invalid MYELIN_INSTRUCTIONS or MYELIN_THREADS is the user's mistake, not a broken addon.
    if (error instanceof OptionError) throw error;
    return { kernel: undefined, cause: "broken", reason: `${name}: ${message(error)}` };
  }
}

export { findAddon };

let loaded: NativeLoad | undefined;

/** Returns the native kernel, or why there is none. Later calls return the result of the first. */
export function loadNative(): NativeLoad {
  loaded ??= load();
  return loaded;
}
