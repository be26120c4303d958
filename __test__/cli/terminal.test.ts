/** The command in a pseudo-terminal: progress, colors, a change of the size, Ctrl-C. */
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type IPty, spawn } from "@lydell/node-pty";
import { rolldown } from "rolldown";
import { describe, expect, test } from "vitest";
import { loadTable } from "../../src/table/index.ts";
import { root } from "../child.ts";
import { main, makeFolder } from "./command.ts";

const folder = makeFolder();

/** A command that runs in a terminal. */
interface Session {
  readonly pty: IPty;
  /** What it has written so far. */
  text(): string;
  /** Resolves when it has written what the pattern matches, from a place on. */
  wait(pattern: RegExp, from?: number): Promise<void>;
  readonly ended: Promise<number>;
}

/** Runs a script of Node, by default the command. */
function open(given: readonly string[], environment: Record<string, string> = {}, script = main): Session {
  const pty = spawn(process.execPath, [script, ...given], {
    ...{ cols: 100, rows: 30, cwd: folder },
    env: { ...process.env, TERM: "xterm-256color", ...environment },
  });
  let text = "";
  let told: (() => void)[] = [];
  const tell = () => {
    const all = told;
    told = [];
    for (const one of all) one();
  };
  pty.onData((data) => {
    text += data;
    tell();
  });
  let isOver = false;
  const ended = new Promise<number>((resolve) => {
    pty.onExit(({ exitCode, signal }) => {
      isOver = true;
      resolve(signal ? 128 + signal : exitCode);
      tell();
    });
  });
  return {
    ...{ pty, text: () => text, ended },
    async wait(pattern, from = 0) {
      while (!pattern.test(text.slice(from))) {
        if (isOver) throw new Error(`the command has ended without ${pattern}:\n${text}`);
        await new Promise<void>((resolve) => told.push(resolve));
      }
    },
  };
}

const long = [
  "train",
  "penguins.csv",
  "--target",
  "Species",
  "--quality",
  "best",
  "--seed",
  "1",
  "--threads",
  "1",
];

describe.skipIf(process.platform === "win32")("in a terminal", () => {
  test("a training overwrites one line of progress, as wide as the terminal is now", async () => {
    const session = open([...long, "-o", "resized.myelin"]);
    await session.wait(/░ network \d+\/\d+/);
    session.pty.resize(40, 20);
    const from = session.text().length;
    // The line at hand may be of the old size.
    await session.wait(/\r[^\r]*network[^\r]*\r[^\r]*network[^\r]*\r/, from);
    const [, ...lines] = session.text().slice(from).split("\r");
    // biome-ignore lint/suspicious/noControlCharactersInRegex: what erases the rest of the line
    const shown = lines.slice(1, -1).map((line) => line.replace(/\u001b\[K/g, ""));
    expect(shown.every((line) => line.length < 40)).toBe(true);
    session.pty.kill("SIGTERM");
    expect(await session.ended).toBe(143);
  });

  test("xor overwrites one line of progress", async () => {
    const session = open(["xor", "--epochs", "40"]);
    expect(await session.ended).toBe(0);
    const lines = session.text().split("\n");
    const progress = lines.filter((line) => line.includes("█ epoch"));
    expect(progress).toHaveLength(1);
    expect(progress[0]).toMatch(/\r█{28} epoch 40\/40 {2}mean squared error 0\.\d{4} {2}0\.0 s left/);
  });

  test("the first Ctrl-C keeps and saves what is trained", async () => {
    const session = open([...long, "-o", "stopped.myelin"]);
    await session.wait(/network [1-9]\d*\/\d+/);
    session.pty.write("\u0003");
    expect(await session.ended).toBe(130);
    expect(session.text()).toMatch(/stopping: what is trained is kept\. Ctrl-C again ends at once/);
    // What was stopped is not counted as finished.
    expect(session.text()).toMatch(/stopped early, kept [1-9]\d* of 40 networks\r?\n/);
    expect(session.text()).toMatch(/saved stopped\.myelin/);
    const model = await loadTable(join(folder, "stopped.myelin"));
    expect(model.scores.accuracy).toBeGreaterThan(0.9);
    model.dispose();
  });

  test("Ctrl-C while a command waits for rows ends it at once, and leaves no file", async () => {
    const session = open(["inspect", "-"]);
    await session.wait(/reading standard input/);
    session.pty.write("a,b\n1,2\n\u0003");
    expect(await session.ended).toBe(130);
    expect(readdirSync(folder).filter((name) => name.endsWith(".tmp"))).toEqual([]);
  });

  test("a picture has colors, and none with NO_COLOR", async () => {
    const given = ["plot", "houses.csv", "scatter", "--columns", "area,price", "--color", "town"];
    const [colored, plain] = [open(given), open(given, { NO_COLOR: "1" })];
    expect(await Promise.all([colored.ended, plain.ended])).toEqual([0, 0]);
    expect(colored.text()).toContain("\u001b[");
    expect(plain.text()).not.toContain("\u001b[");
  });

  test("a table can be typed, and Ctrl-D ends it", async () => {
    const session = open(["inspect", "-"]);
    await session.wait(/reading standard input; Ctrl-D ends it/);
    session.pty.write("a,b\n1,2\n3,4\n");
    session.pty.write("\u0004");
    expect(await session.ended).toBe(0);
    expect(session.text()).toMatch(/standard input: 2 rows, 2 columns/);
  });

  test("the first Ctrl-C calls the handler; the second ends the process, and cleans up before", async () => {
    const bundle = await rolldown({ input: join(root, "src", "cli", "interrupt.ts"), platform: "node" });
    await bundle.write({ file: join(folder, "interrupt.mjs"), format: "esm" });
    const script = join(folder, "wait.mjs");
    writeFileSync(
      script,
      `import { beforeEnd, onInterrupt } from "./interrupt.mjs";
      beforeEnd(() => console.log("cleaned"));
      onInterrupt(() => console.log("first"));
      setInterval(() => {}, 1000);
      console.log("ready");`,
    );
    const session = open([], {}, script);
    await session.wait(/ready/);
    session.pty.write("\u0003");
    await session.wait(/first/);
    session.pty.write("\u0003");
    expect(await session.ended).toBe(130);
    expect(session.text()).toMatch(/ready[\s\S]*first[\s\S]*cleaned/);
  });
});
