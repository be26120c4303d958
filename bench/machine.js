// Describes the machine of a measurement.
import { existsSync, readFileSync } from "node:fs";
import { arch, availableParallelism, cpus, platform, release, totalmem } from "node:os";

/** The processor flags to report, as Linux names them. */
const INSTRUCTION_SETS = /^(sse4_2|avx|avx2|fma|f16c|avx512\w*|avx_vnni|asimd|neon|sve\w*)$/;

function instructionSets() {
  if (!existsSync("/proc/cpuinfo")) return [];
  const line = readFileSync("/proc/cpuinfo", "utf8").match(/^(?:flags|Features)\s*:(.*)$/m);
  return line
    ? line[1]
        .trim()
        .split(/\s+/)
        .filter((flag) => INSTRUCTION_SETS.test(flag))
    : [];
}

function field(name) {
  if (!existsSync("/proc/cpuinfo")) return undefined;
  return readFileSync("/proc/cpuinfo", "utf8").match(new RegExp(`^${name}\\s*:\\s*(.*)$`, "m"))?.[1];
}

export const machine = () => ({
  processor: cpus()[0].model.trim(),
  family: field("cpu family"),
  model: field("model"),
  isVirtual: field("flags")?.includes("hypervisor"),
  instructionSets: instructionSets(),
  cores: availableParallelism(),
  memory: totalmem(),
  system: `${platform()} ${release()} ${arch()}`,
  node: process.version,
});

/** Returns a machine in words, with the instruction set that Myelin uses, if it is known. */
export function inWords({ processor, family, model, isVirtual, cores, instructions, system, node }) {
  const cpu = family ? `${processor} (family ${family}, model ${model})` : processor;
  const used = instructions ? `, ${instructions} instructions` : "";
  return `${cpu}, ${cores} ${isVirtual ? "virtual " : ""}cores${used}; ${system}, Node ${node.slice(1)}`;
}
