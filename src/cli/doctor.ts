/** `myelin doctor`: which kernel is used and why, and what the machine offers. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism, cpus, freemem, totalmem } from "node:os";
import { join } from "node:path";
import { getHeapStatistics } from "node:v8";
import { dense, Model, version } from "myelin";
import { environmentVariable } from "../host.ts";
import { findAddon, platformPackages } from "../kernel/findAddon.ts";
import type { Addon } from "../kernel/native.ts";
import { EXIT } from "./failures.ts";
import { print, printJson, styles } from "./output.ts";

/** An optional package. */
interface Peer {
  readonly name: string;
  /** The installed version. */
  readonly version?: string;
}

/** What the doctor finds. */
export interface Findings {
  readonly ok: boolean;
  readonly kernel: { readonly name?: string; readonly reason: string };
  readonly addon: {
    /** The packages that this platform's addon may be in. */
    readonly packages: readonly string[];
    /** The package that it was loaded from. */
    readonly found?: string;
    readonly version?: string;
    readonly instructions?: readonly string[];
    /** Whether models with `precision: "bfloat16"` train faster with the instructions in use. */
    readonly bfloat16?: boolean;
    /** Why there is none. */
    readonly cause?: string;
    readonly reason?: string;
  };
  readonly cpu: {
    readonly model: string;
    readonly cores: number;
    readonly usable: number;
    readonly quota?: number;
  };
  readonly threads: { readonly most: number; readonly reason: string };
  /** In bytes. */
  readonly memory: {
    readonly total: number;
    readonly free: number;
    readonly limit?: number;
    readonly heap: number;
  };
  readonly versions: {
    readonly myelin: string;
    readonly node: string;
    readonly napi: string;
    readonly platform: string;
  };
  readonly peers: readonly Peer[];
  /** The variables of the environment that Myelin reads and that are set. */
  readonly environment: Readonly<Record<string, string>>;
}

const VARIABLES = ["MYELIN_KERNEL", "MYELIN_THREADS", "MYELIN_INSTRUCTIONS", "NODE_OPTIONS"];

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error));

/** The kernel that a model gets, or why no model can be made. */
function chosenKernel(): Findings["kernel"] {
  try {
    using model = new Model({ inputs: 1, layers: [dense(1)], loss: "meanSquaredError", optimizer: "sgd" });
    return model.kernel;
  } catch (error) {
    return { reason: messageOf(error) };
  }
}

function addonFindings(): Findings["addon"] {
  const packages = platformPackages(process);
  const found = findAddon();
  if (found.cause !== undefined) return { packages, cause: found.cause, reason: found.reason };
  const addon = found.addon as Addon;
  const loaded = { packages, found: found.name, version: addon.version() };
  if (loaded.version !== version) return loaded; // Another version may lack what is asked below.
  const instructions = addon.instructions();
  const used = environmentVariable("MYELIN_INSTRUCTIONS") ?? instructions[instructions.length - 1];
  const bfloat16 = instructions.includes(used) && addon.multipliesBfloat16(used);
  return { ...loaded, instructions, bfloat16 };
}

/** The cores that a container may use, as a number that need not be whole. */
function cpuQuota(): number | undefined {
  try {
    const [quota, period] = readFileSync("/sys/fs/cgroup/cpu.max", "utf8").split(" ").map(Number);
    return Number.isFinite(quota / period) ? quota / period : undefined;
  } catch {
    return undefined; // No Linux, or no such limits.
  }
}

function threads(): Findings["threads"] {
  const wanted = environmentVariable("MYELIN_THREADS");
  const most = Number(wanted);
  if (wanted !== undefined && Number.isInteger(most) && most > 0)
    return { most, reason: `MYELIN_THREADS=${wanted}` };
  return { most: availableParallelism(), reason: "the cores that this process may use" };
}

/** The memory limit of the container; undefined without one. */
function memoryLimit(): number | undefined {
  const limit = process.constrainedMemory?.() ?? 0;
  return limit > 0 && limit < 2 ** 50 ? limit : undefined;
}

/** The optional peer packages, as the package and the current folder find them. */
function peers(): Peer[] {
  const own = createRequire(import.meta.url);
  const { peerDependencies = {} } = own("myelin/package.json") as { peerDependencies?: object };
  const origins = [own, createRequire(join(process.cwd(), "package.json"))];
  return Object.keys(peerDependencies).map((name) => {
    for (const origin of origins) {
      const found = versionOf(origin, name);
      if (found !== undefined) return { name, version: found };
    }
    return { name };
  });
}

/** The version of an installed package. Its manifest need not be among its exports. */
function versionOf(origin: NodeJS.Require, name: string): string | undefined {
  for (const folder of origin.resolve.paths(name) ?? []) {
    try {
      return JSON.parse(readFileSync(join(folder, name, "package.json"), "utf8")).version;
    } catch {
      // Not in this folder.
    }
  }
  return undefined;
}

/** Examines the installation. */
function examine(): Findings {
  const addon = addonFindings();
  const kernel = chosenKernel();
  const isExpected =
    addon.packages.length > 0 && !["wasm", "typescript"].includes(environmentVariable("MYELIN_KERNEL") ?? "");
  const quota = cpuQuota();
  const limit = memoryLimit();
  const all = cpus();
  return {
    ok: kernel.name !== undefined && (kernel.name === "native" || !isExpected),
    kernel,
    addon,
    cpu: {
      model: all[0]?.model.trim() ?? "unknown",
      cores: all.length,
      usable: availableParallelism(),
      ...(quota !== undefined && { quota }),
    },
    threads: threads(),
    memory: {
      total: totalmem(),
      free: freemem(),
      ...(limit !== undefined && { limit }),
      heap: getHeapStatistics().heap_size_limit,
    },
    versions: {
      myelin: version,
      node: process.versions.node,
      napi: process.versions.napi ?? "none",
      platform: `${process.platform}-${process.arch}`,
    },
    peers: peers(),
    environment: Object.fromEntries(
      VARIABLES.flatMap((name) => {
        const value = environmentVariable(name);
        return value === undefined ? [] : [[name, value]];
      }),
    ),
  };
}

const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(1)} GB`;

/** The findings as lines of a label and a text. */
function lines({ kernel, addon, cpu, threads, memory, versions, peers, environment }: Findings): string[][] {
  const bfloat16 = addon.bfloat16 ? ", products in bfloat16" : "";
  const instructions =
    addon.instructions === undefined ? "" : `, ${addon.instructions.join(", ")}${bfloat16}`;
  return [
    ["kernel", kernel.name === undefined ? `none: ${kernel.reason}` : `${kernel.name} (${kernel.reason})`],
    addon.found === undefined
      ? ["native addon", addon.reason ?? "none"]
      : ["native addon", `${addon.found} ${addon.version}${instructions}`],
    [
      "CPU",
      `${cpu.model}, ${cpu.cores} cores, ${cpu.usable} usable${cpu.quota === undefined ? "" : `, limited to ${cpu.quota} by its control group`}`,
    ],
    ["threads", `${threads.most} (${threads.reason})`],
    [
      "memory",
      `${gigabytes(memory.total)}, ${gigabytes(memory.free)} free${memory.limit === undefined ? "" : `, limited to ${gigabytes(memory.limit)} by its control group`}; JavaScript ${gigabytes(memory.heap)}`,
    ],
    [
      "versions",
      `myelin ${versions.myelin}, Node ${versions.node}, Node-API ${versions.napi}, ${versions.platform}`,
    ],
    ...peers.map(({ name, version }) => [name, version ?? "not installed (optional)"]),
    ...Object.entries(environment).map(([name, value]) => [name, value]),
  ];
}

/** Prints what was found. The exit code is 1 if the native kernel should load and does not. */
export function doctorCommand({ json }: { readonly json?: boolean }): void {
  const findings = examine();
  if (!findings.ok) process.exitCode = EXIT.failure;
  if (json) {
    printJson(findings);
    return;
  }
  const { bold, green, yellow } = styles();
  const all = lines(findings);
  const width = Math.max(...all.map(([label]) => label.length));
  for (const [label, text] of all) print(`${bold(label.padEnd(width))}  ${text}`);
  print();
  if (findings.ok) print(green("Everything works."));
  else if (findings.addon.found !== undefined && findings.kernel.name === undefined)
    print(yellow(`No model can be made: ${findings.kernel.reason}`));
  else print(yellow(`The native kernel does not work: ${findings.addon.reason ?? findings.kernel.reason}`));
}
