// The bench's side of the line protocol: one child process for each participant, idle until asked.
import { spawn, spawnSync } from "node:child_process";
import { availableParallelism } from "node:os";
import { createInterface } from "node:readline";

const canPin = spawnSync("taskset", ["--version"], { stdio: "ignore" }).status === 0;

/** What holds a child to one core, the last of those that this process may use; undefined if nothing can. */
export const pinning = canPin ? ["taskset", "--cpu-list", lastCore()] : undefined;

function lastCore() {
  const { stdout } = spawnSync("taskset", ["--cpu-list", "--pid", String(process.pid)], { encoding: "utf8" });
  return stdout?.trim().match(/\d+$/)?.[0] ?? String(availableParallelism() - 1);
}

/**
 * @param {string[]} command a program and its arguments
 * @param {{ pinned: boolean, environment?: Record<string, string> }} options
 * @returns {{ ask: (line: string) => Promise<any>, end: () => void }}
 */
export function converse(command, { pinned, environment = {} }) {
  const [program, ...options] = [...(pinned && pinning ? pinning : []), ...command];
  const child = spawn(program, options, { env: { ...process.env, ...environment } });
  let complaint = "";
  let answer = () => {};

  child.stderr.on("data", (text) => {
    complaint += text;
  });
  child.stdin.on("error", () => {}); // the child is gone, which the events below tell
  createInterface({ input: child.stdout }).on("line", (line) => {
    if (line.startsWith("{")) answer(line); // all else is a library's greeting
  });
  const gone = new Promise((_, reject) => {
    child.on("error", reject);
    child.on("close", (code) => reject(new Error(`ended with ${code}: ${complaint.trim() || "no word"}`)));
  });
  gone.catch(() => {}); // whoever asks is told; a child that was told to end is no failure

  return {
    async ask(line) {
      const answered = new Promise((resolve) => {
        answer = resolve;
      });
      child.stdin.write(`${line}\n`);
      return JSON.parse(await Promise.race([answered, gone]));
    },
    end: () => child.stdin.end(),
  };
}
