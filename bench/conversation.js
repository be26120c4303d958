// The bench's side of the line protocol: one child process for each participant, idle until asked.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

/**
 * @param {string[]} command a program and its arguments
 * @returns {{ ask: (action: string) => Promise<any>, end: () => void }}
 */
export function converse([program, ...options]) {
  const child = spawn(program, options);
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
    async ask(action) {
      const answered = new Promise((resolve) => {
        answer = resolve;
      });
      child.stdin.write(`${action}\n`);
      return JSON.parse(await Promise.race([answered, gone]));
    },
    end: () => child.stdin.end(),
  };
}
