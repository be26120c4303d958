/** Output that cannot be written: progress is dropped; a result causes a line of error and an exit code. */
import { spawn } from "node:child_process";
import { closeSync, existsSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import { text } from "node:stream/consumers";
import { afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { root, runNode, script } from "./child.ts";
import { kernelNames } from "./kernels.ts";
import { data, makeModel } from "./samples.ts";

/** The destination of output: a pipe with a reader, a pipe without one, or a full disk. */
type Target = "read" | "closed" | "full";

const targets: readonly Target[] = existsSync("/dev/full") ? ["closed", "full"] : ["closed"];

/** Runs Node with its output and its errors sent to these targets. */
async function run(given: readonly string[], output: Target, errors: Target, folder = root) {
  const full = [output, errors].includes("full") ? openSync("/dev/full", "w") : undefined;
  const stdio = [output, errors].map((target) => (target === "full" ? (full as number) : "pipe"));
  const child = spawn(process.execPath, given, { cwd: folder, stdio: ["ignore", ...stdio] });
  if (full !== undefined) closeSync(full);
  if (output === "closed") child.stdout?.destroy();
  if (errors === "closed") child.stderr?.destroy();
  const ended = new Promise((resolve) => child.once("close", (code, signal) => resolve(code ?? signal)));
  const [printed, complaint] = [
    output === "read" && child.stdout !== null ? text(child.stdout) : "",
    errors === "read" && child.stderr !== null ? text(child.stderr) : "",
  ];
  return { status: await ended, output: await printed, errors: await complaint };
}

describe.each(kernelNames)("progress of a training on the %s kernel is dropped", (kernel) => {
  describe.each(["fit", "fitSync"] as const)("by %s", (call) => {
    test.each(targets)("if standard error is %s", async (target) => {
      const ended = await run([script("verbose.mjs"), kernel, call], "read", target);
      expect(ended).toEqual({ status: 0, output: "3 epochs", errors: "" });
    });

    test.runIf(process.platform !== "win32")("if there is no standard error", async () => {
      const command = `exec "${process.execPath}" "${script("verbose.mjs")}" ${kernel} ${call} 2>&-`;
      const child = spawn("/bin/sh", ["-c", command], { stdio: ["ignore", "pipe", "inherit"] });
      expect(await text(child.stdout)).toBe("3 epochs");
    });

    afterEach(() => {
      vi.unstubAllGlobals();
    });

    const failing: [what: string, make: () => object][] = [
      ["fails", () => new Writable({ write: (_text, _encoding, done) => done(new Error("EIO")) })],
      [
        "fails later",
        () => new Writable({ write: (_text, _encoding, done) => setImmediate(done, new Error("EIO")) }),
      ],
      [
        "throws",
        () => ({
          write() {
            throw new Error("EIO");
          },
        }),
      ],
    ];
    test.each(failing)("if a terminal %s", async (_, make) => {
      const stderr = Object.assign(make(), { isTTY: true, columns: 80 });
      vi.stubGlobal(
        "process",
        new Proxy(process, { get: (of, name) => (name === "stderr" ? stderr : Reflect.get(of, name, of)) }),
      );
      const [model, options] = [makeModel({ kernel }), { epochs: 3, verbose: true }];
      const { loss } = await (call === "fit" ? model.fit(data, options) : model.fitSync(data, options));
      await new Promise((resolve) => setTimeout(resolve, 20));
      expect(loss).toHaveLength(3);
    });
  });
});

describe("the command", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "myelin-output-"));
    return () => rmSync(folder, { recursive: true });
  });
  const myelin = (given: string[], output: Target, errors: Target) =>
    run([join(root, "dist", "cli", "main.js"), ...given], output, errors, folder);
  const calls = [["xor", "--epochs", "3"], ["--help"], ["xor", "--help"], ["--version"]];

  test.runIf(existsSync("/dev/full")).each(calls)(
    "%s %s reports in one line that the disk is full, and fails",
    async (...given) => {
      const { status, errors } = await myelin(given, "full", "read");
      expect(errors).toMatch(/^myelin: standard output cannot be written: ENOSPC.*\n$/);
      expect(status).toBe(1);
    },
  );

  test.runIf(existsSync("/dev/full")).each(calls)(
    "%s %s fails if standard error cannot be written either",
    async (...given) => {
      for (const errors of targets) expect((await myelin(given, "full", errors)).status).toBe(1);
    },
  );

  test.each(calls)("%s %s ends silently if its reader has closed the pipe", async (...given) => {
    for (const errors of ["read", "closed"] as const) {
      expect(await myelin(given, "closed", errors)).toEqual({ status: 0, output: "", errors: "" });
    }
  });

  test.each<[given: string[], code: number]>([
    [["xro"], 2],
    [["xor", "--epochs", "0"], 2],
    [["xor", "--folder", "none/of/these"], 1],
  ])("%s fails if its error cannot be written", async (given, code) => {
    for (const errors of targets) expect((await myelin(given, "read", errors)).status).toBe(code);
  });

  test("two processes can create the same folder", async () => {
    const once = () =>
      runNode([join(root, "dist", "cli", "main.js"), "xor", "--epochs", "1", "--folder", "plots"], {
        folder,
      });
    for (const { status, errors } of await Promise.all([once(), once()]))
      expect([status, errors]).toEqual([0, ""]);
  });
});
