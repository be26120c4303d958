// The benchmark's side of the line protocol. Each participant is a child process, idle until it receives a
// line.
import { spawn, spawnSync } from "node:child_process";
import { availableParallelism } from "node:os";
import { createInterface } from "node:readline";

const canPin = spawnSync("taskset", ["--version"], { stdio: "ignore" }).status === 0;

/**
 * The command that pins a child to the last core that this process may use. Undefined if there is no
 * `taskset`.
 */
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
  child.stdin.on("error", () => {}); // the child has ended, which the events below report
  createInterface({ input: child.stdout }).on("line", (line) => {
    if (line.startsWith("{")) answer(line); // other lines are messages of libraries
  });
  const gone = new Promise((_, reject) => {
    child.on("error", reject);
    child.on("close", (code) => reject(new Error(`ended with ${code}: ${complaint.trim() || "no output"}`)));
  });
  gone.catch(() => {}); // `ask` rejects; a child that ends on request is not a failure

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
