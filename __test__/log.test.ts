/** callbacks.log: one line of JSON for each epoch, complete or absent in every case. */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  appendFileSync,
  chmodSync,
  existsSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { describe, expect, test } from "vitest";
import { type Callback, callbacks, FileError, OptionError } from "../src/index.ts";
import * as noFiles from "../src/training/callbacks/noFiles.ts";
import { splitHistory } from "../src/training/history.ts";
import { script } from "./child.ts";
import { freshPaths } from "./folders.ts";
import { kernelNames } from "./kernels.ts";
import { data, failureOf, makeModel } from "./samples.ts";

const freshPath = freshPaths("log", "training.jsonl");

/** Returns the lines of a file, all of which are complete. */
function linesOf(path: string): Record<string, number | null>[] {
  const lines = readFileSync(path, "utf8").split("\n");
  expect(lines.pop()).toBe("");
  return lines.map((line) => JSON.parse(line));
}

const ways = ["fit", "fitSync"] as const;
const cases = kernelNames.flatMap((kernel) => ways.map((way) => [way, kernel] as const));

describe.each(cases)("a log of %s on the %s kernel", (way, kernel) => {
  test("has every value of each epoch, of several trainings", async () => {
    const path = freshPath();
    const model = makeModel({ kernel, metrics: ["accuracy"] });
    const options = { epochs: 3, validationSplit: 0.2, callbacks: callbacks.log({ path }) };
    const first = await model[way as "fit"](data, options);
    const second = await model[way as "fit"](data, options);
    const lines = linesOf(path);
    expect(lines.map(({ epoch }) => epoch)).toEqual([0, 1, 2, 3, 4, 5]);
    const [lists, others] = [first, second].map((history) => splitHistory(history).history);
    for (const [name, list] of Object.entries(lists)) {
      expect(lines.map((line) => line[name])).toEqual([...list, ...others[name]]);
    }
    expect(Object.keys(lines[0])).toEqual(Object.keys(lists));
  });

  test("has an epoch's line before anything else happens", async () => {
    const path = freshPath();
    const seen: number[] = [];
    const look: Callback = { onEpochEnd: () => void seen.push(linesOf(path).length) };
    await makeModel({ kernel })[way as "fit"](data, {
      epochs: 4,
      callbacks: [callbacks.log({ path }), look],
    });
    expect(seen).toEqual([1, 2, 3, 4]);
  });

  test("that cannot be opened ends the training before it starts, and the model can be trained", async () => {
    const path = dirname(freshPath());
    const model = makeModel({ kernel });
    const before = model.toJSON();
    const other: string[] = [];
    const hooks: Callback = {
      onEpochEnd: () => void other.push("epoch"),
      onTrainEnd: () => void other.push("end"),
    };
    const error = await failureOf(() =>
      model[way as "fit"](data, { epochs: 2, callbacks: [hooks, callbacks.log({ path })] }),
    );
    expect(error).toBeInstanceOf(FileError);
    expect(error).toMatchObject({
      cause: { code: "EISDIR" },
      message: `${way}: callbacks[1]: log: ${JSON.stringify(path)} cannot be written: it is a folder (EISDIR)`,
    });
    expect(other).toEqual(["end"]);
    expect(model.toJSON()).toEqual(before);
    expect(model.fitSync(data, { epochs: 1 }).epoch).toEqual([0]);
  });

  test.runIf(process.platform === "linux")(
    "is closed at the end of any training (skipped if open files cannot be counted)",
    async () => {
      const path = freshPath();
      const isOpen = () =>
        readdirSync("/proc/self/fd").some((number) => {
          const link = `/proc/self/fd/${number}`;
          return existsSync(link) && readlinkSync(link) === path;
        });
      const log = callbacks.log({ path });
      const opened: boolean[] = [];
      const failing: Callback = {
        onTrainBegin: () => void opened.push(isOpen()),
        onEpochEnd: () => {
          throw new Error("enough");
        },
      };
      const model = makeModel({ kernel });
      await model[way as "fit"](data, { callbacks: log });
      expect(isOpen()).toBe(false);
      await expect(async () => model[way as "fit"](data, { callbacks: [log, failing] })).rejects.toThrow(
        "enough",
      );
      expect(opened).toEqual([true]);
      expect(isOpen()).toBe(false);
      const failsAtStart: Callback = {
        onTrainBegin: () => {
          throw new Error("not at all");
        },
      };
      await expect(async () => model[way as "fit"](data, { callbacks: [log, failsAtStart] })).rejects.toThrow(
        "not at all",
      );
      expect(isOpen()).toBe(false);
      expect(linesOf(path)).toHaveLength(2);
    },
  );
});

test("a value that is not finite is null", async () => {
  const path = freshPath();
  const model = makeModel({ metrics: ["r2"] });
  const oneRow = { x: data.x.slice(0, 2), y: data.y.slice(0, 1) };
  const { r2 } = model.fitSync(oneRow, { callbacks: callbacks.log({ path }) });
  expect(r2).toEqual([Number.NaN]);
  expect(linesOf(path)).toMatchObject([{ epoch: 0, r2: null }]);
});

test("an abort leaves the lines of the completed epochs", async () => {
  const path = freshPath();
  const controller = new AbortController();
  const stop: Callback = { onEpochEnd: ({ epoch }) => void (epoch === 4 && controller.abort()) };
  const options = { epochs: 1e6, signal: controller.signal, callbacks: [callbacks.log({ path }), stop] };
  expect(await failureOf(() => makeModel().fit(data, options))).toHaveProperty("name", "AbortError");
  expect(linesOf(path)).toHaveLength(5);
});

test("one log can serve trainings that run at the same time", async () => {
  const path = freshPath();
  const log = callbacks.log({ path });
  await Promise.all([1, 2, 3].map((seed) => makeModel({ seed }).fit(data, { epochs: 20, callbacks: log })));
  const epochs = linesOf(path).map(({ epoch }) => epoch!);
  expect(epochs.sort((a, b) => a - b)).toEqual(Array.from({ length: 60 }, (_, at) => Math.floor(at / 3)));
});

describe("an existing file", () => {
  const train = (options: callbacks.LogOptions) =>
    void makeModel().fitSync(data, { epochs: 2, callbacks: callbacks.log(options) });

  test("is appended to, or replaced with append: false", () => {
    const path = freshPath();
    appendFileSync(path, '{"epoch":-1}\n');
    train({ path: pathToFileURL(path) });
    expect(linesOf(path)).toMatchObject([{ epoch: -1 }, { epoch: 0 }, { epoch: 1 }]);
    train({ path, append: false });
    expect(linesOf(path)).toMatchObject([{ epoch: 0 }, { epoch: 1 }]);
  });

  test("gets a new line after one that was truncated", () => {
    const path = freshPath();
    appendFileSync(path, '{"epoch":-1');
    train({ path });
    const [first, ...others] = readFileSync(path, "utf8").split("\n");
    expect(first).toBe('{"epoch":-1');
    expect(others.slice(0, 2).map((line) => JSON.parse(line).epoch)).toEqual([0, 1]);
  });

  test("is found after a change of the working directory", () => {
    const path = freshPath();
    const before = process.cwd();
    process.chdir(dirname(path));
    const log = callbacks.log({ path: "training.jsonl" });
    process.chdir(before);
    makeModel().fitSync(data, { callbacks: log });
    expect(linesOf(path)).toHaveLength(1);
  });
});

describe("a file that cannot be written causes a FileError that names the path:", () => {
  const failure = (path: string) =>
    failureOf(() => makeModel().fitSync(data, { callbacks: callbacks.log({ path }) }));

  test("in a missing folder", async () => {
    const path = join(freshPath(), "training.jsonl");
    expect(await failure(path)).toEqual(
      new FileError(
        `fitSync: callbacks[0]: log: ${JSON.stringify(path)} cannot be written: there is no such file or folder (ENOENT)`,
      ),
    );
  });

  test.runIf(process.platform !== "win32")(
    "for a device or a pipe, without waiting for its other side (skipped on Windows)",
    async () => {
      const path = freshPath();
      execFileSync("mkfifo", [path]);
      for (const other of [path, "/dev/null"]) {
        expect(await failure(other)).toHaveProperty(
          "message",
          `fitSync: callbacks[0]: log: ${JSON.stringify(other)} cannot be written: it is not a regular file`,
        );
      }
    },
  );

  test.runIf(process.getuid !== undefined && process.getuid() !== 0)(
    "for a protected file (skipped for root and on Windows)",
    async () => {
      const path = freshPath();
      writeFileSync(path, "precious\n");
      chmodSync(path, 0o444);
      expect(await failure(path)).toHaveProperty("message", expect.stringContaining("permission is denied"));
      expect(readFileSync(path, "utf8")).toBe("precious\n");
    },
  );

  test.runIf(process.platform !== "win32")(
    "on a disk that becomes full: the model keeps its epochs, the file its complete lines (skipped on Windows)",
    () => {
      const path = freshPath();
      // A shell can limit the size of files, in blocks of 512 or 1024 bytes.
      const command = `ulimit -f 2 && exec "${process.execPath}" "${script("log.mjs")}" "${path}" 100`;
      const [, error, epochs] = execFileSync("/bin/sh", ["-c", command], { encoding: "utf8" }).split("\n");
      expect(error).toBe(
        `FileError: fitSync: callbacks[0]: log: ${JSON.stringify(path)} cannot be written: the file would be too large (EFBIG)`,
      );
      const lines = linesOf(path);
      expect(lines.length).toBeGreaterThan(5);
      // The epoch whose line did not fit was trained.
      expect(Number(epochs)).toBe(lines.length + 1);
    },
  );
});

test("a process that is killed 20 times leaves complete lines, and the next one continues the file", async () => {
  const path = freshPath();
  let before = 0;
  for (let kill = 0; kill < 20; kill++) {
    const child = spawn(process.execPath, [script("log.mjs"), path], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(child.stdout, "data");
    await wait(20 + ((kill * 7) % 23));
    child.kill("SIGKILL");
    await once(child, "exit");
    const epochs = linesOf(path).slice(before);
    expect(epochs.map(({ epoch }) => epoch)).toEqual(epochs.map((_, index) => index));
    before += epochs.length;
  }
  expect(before).toBeGreaterThan(20);
});

describe("options", () => {
  test.each([undefined, null, "", 5, {}, new URL("https://example.com/log")])("%s is not a path", (path) => {
    const options = { path } as unknown as callbacks.LogOptions;
    expect(() => callbacks.log(options)).toThrow(OptionError);
    expect(() => callbacks.log(options)).toThrow(/^callbacks\.log: path/);
  });

  test("with other names or values are refused", () => {
    const options = { path: "a", append: "yes" } as unknown as callbacks.LogOptions;
    expect(() => callbacks.log(options)).toThrow(
      'callbacks.log: append: expected true or false, received "yes"',
    );
    expect(() => callbacks.log({ file: "a", path: "b" } as callbacks.LogOptions)).toThrow(
      'callbacks.log: unknown option "file"',
    );
    expect(() => callbacks.log("a" as unknown as callbacks.LogOptions)).toThrow(
      'callbacks.log: expected an object of options, received "a"',
    );
  });

  test("are refused off Node, with an alternative", () => {
    expect(() => noFiles.log({ path: "a" })).toThrow(FileError);
    expect(() => noFiles.log({ path: "a" })).toThrow(
      "callbacks.log: this host has no files; write a callback",
    );
  });
});
