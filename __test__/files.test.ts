/** Model files: at any time, a path has one complete model, and errors name the path. */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { describe, expect, test } from "vitest";
import * as noFiles from "../src/files/noFiles.ts";
import {
  dense,
  FileError,
  FormatError,
  load,
  type Model,
  OptionError,
  StateError,
  save,
} from "../src/index.ts";
import { script } from "./child.ts";
import { freshPaths } from "./folders.ts";
import { kernelNames } from "./kernels.ts";
import { data, failureOf, makeModel, secondsUsed } from "./samples.ts";

const freshPath = freshPaths("files", "model.safetensors");

const filesBeside = (path: string) => readdirSync(dirname(path));

describe.each(kernelNames)("a model of the %s kernel in a file", (kernel) => {
  test("holds the bytes of the model, and can be loaded", async () => {
    const path = freshPath();
    const model = makeModel({ kernel });
    model.fitSync(data, { epochs: 2 });
    await save(model, path);
    expect(new Uint8Array(readFileSync(path))).toEqual(model.toBytes());
    const copy = await load(path, { kernel });
    expect(copy.kernel.name).toBe(kernel);
    expect(copy.predict(data)).toEqual(model.predict(data));
    expect(copy.history).toEqual(model.history);
  });

  test("with the optimizer's state, continues to train with the same bits", async () => {
    const path = freshPath();
    const model = makeModel({ kernel });
    model.fitSync(data, { epochs: 2, batchSize: 8 });
    await save(model, path, { optimizerState: true });
    const copy = await load(path, { kernel });
    expect(copy.fitSync(data, { batchSize: 8 }).loss).toEqual(model.fitSync(data, { batchSize: 8 }).loss);
    expect(copy.toJSON()).toEqual(model.toJSON());
  });

  test("holds the model as it was at the call, even if it changes afterwards", async () => {
    const path = freshPath();
    const model = makeModel({ kernel });
    const saving = save(model, path, { optimizerState: true });
    const before = model.toJSON();
    await Promise.all([saving, model.fit(data, { epochs: 3 })]);
    expect((await load(path)).toJSON()).toEqual(before);
  });
});

describe("saving to a file", () => {
  test("accepts a path or a URL", async () => {
    const path = freshPath("a model, with 100 % of its weights.safetensors");
    const model = makeModel();
    await save(model, pathToFileURL(path));
    expect((await load(pathToFileURL(path))).toJSON()).toEqual((await load(path)).toJSON());
  });

  test("replaces an old file, keeps its mode, and leaves no other file", async () => {
    const path = freshPath();
    writeFileSync(path, "something else");
    chmodSync(path, 0o640);
    await save(makeModel(), path);
    expect((await load(path)).seed).toBe(7);
    if (process.platform !== "win32") expect(statSync(path).mode & 0o777).toBe(0o640);
    expect(filesBeside(path)).toEqual([basename(path)]);
  });

  test("gives a new file the default mode", async () => {
    const path = freshPath();
    await save(makeModel(), path);
    writeFileSync(`${path}.new`, "");
    expect(statSync(path).mode).toBe(statSync(`${path}.new`).mode);
  });

  test("through a link replaces the target and keeps the link", async () => {
    const path = freshPath();
    const link = `${path}.link`;
    writeFileSync(path, "");
    symlinkSync(basename(path), link);
    await save(makeModel(), link);
    expect(realpathSync(link)).toBe(path);
    expect((await load(path)).seed).toBe(7);
  });

  describe("through a link to", () => {
    /** Creates links in a folder, before their target exists. */
    const linked = (links: Record<string, string>) => {
      const path = freshPath();
      const at = (name: string) => join(dirname(path), name);
      for (const [name, target] of Object.entries(links)) symlinkSync(target, at(name));
      return at;
    };

    test.each<[what: string, links: Record<string, string>, target: string]>([
      ["a file", { link: "model" }, "model"],
      ["another link", { link: "second", second: "third", third: "./model" }, "model"],
      ["a path that leaves a linked folder", { link: "folder/../model", folder: "../up/in" }, "../up/model"],
      ["a path through a linked folder", { link: "folder/model", folder: "." }, "model"],
    ])("%s creates the target", async (_, links, target) => {
      const at = linked(links);
      mkdirSync(at("../up/in"), { recursive: true });
      for (const _ of ["new", "old"]) {
        await save(makeModel(), at("link"));
        expect(lstatSync(at(target)).isFile()).toBe(true);
        expect((await load(at("link"))).seed).toBe(7);
        for (const [name, to] of Object.entries(links)) expect(readlinkSync(at(name))).toBe(to);
      }
      rmSync(at(target));
    });

    test("a missing folder is refused", async () => {
      const at = linked({ link: "second", second: "missing/model" });
      const [link, target] = ["link", "missing/model"].map((name) => JSON.stringify(at(name)));
      await expect(save(makeModel(), at("link"))).rejects.toThrow(
        new FileError(
          `save: ${link} cannot be written: it is a symbolic link to ${target}, whose folder does not exist`,
        ),
      );
    });

    test("itself is refused", async () => {
      const at = linked({ link: "second", second: "link", own: "own", folder: "folder/x" });
      for (const name of ["link", "own", "folder"]) {
        const reason = "its symbolic links form a loop (ELOOP)";
        const path = JSON.stringify(at(name));
        await expect(save(makeModel(), at(name))).rejects.toThrow(
          `save: ${path} cannot be written: ${reason}`,
        );
        await expect(load(at(name))).rejects.toThrow(`load: ${path} cannot be read: ${reason}`);
      }
    });
  });

  test("accepts the longest file name that the system allows", async () => {
    const path = freshPath(`${"ä".repeat(127)}x`);
    await save(makeModel(), path);
    expect((await load(path)).seed).toBe(7);
  });

  test("in many calls at once leaves the model of one of them", async () => {
    const path = freshPath();
    const models = Array.from({ length: 8 }, (_, seed) =>
      makeModel({ seed, layers: [dense(seed + 1), dense(1)] }),
    );
    await Promise.all(models.map((model) => save(model, path)));
    const { seed, parameters } = await load(path);
    expect(parameters).toBe(models[seed].parameters);
    expect(filesBeside(path)).toEqual([basename(path)]);
  });
});

describe("a file that cannot be read or written causes a FileError that names the path:", () => {
  const model = makeModel();

  test("a folder", async () => {
    const folder = dirname(freshPath());
    const name = JSON.stringify(folder);
    await expect(load(folder)).rejects.toThrow(
      new FileError(`load: ${name} cannot be read: it is a folder (EISDIR)`),
    );
    await expect(save(model, folder)).rejects.toThrow(
      new FileError(`save: ${name} cannot be written: it is a folder (EISDIR)`),
    );
  });

  test("a missing file", async () => {
    const path = freshPath();
    const error = await failureOf(() => load(path));
    expect(error).toBeInstanceOf(FileError);
    expect(error).toMatchObject({ code: "MYELIN_FILE", cause: { code: "ENOENT" } });
    expect((error as Error).message).toBe(
      `load: ${JSON.stringify(path)} cannot be read: there is no such file or folder (ENOENT)`,
    );
  });

  test("a file in a missing folder", async () => {
    const path = join(freshPath(), "model.safetensors");
    await expect(save(model, path)).rejects.toThrow(
      `save: ${JSON.stringify(path)} cannot be written: there is no such file or folder (ENOENT)`,
    );
    expect(existsSync(dirname(path))).toBe(false);
  });

  test("a path below a file", async () => {
    const path = freshPath();
    writeFileSync(path, "");
    const below = join(path, "model.safetensors");
    for (const call of [() => load(below), () => save(model, below)]) {
      expect(await failureOf(call)).toBeInstanceOf(FileError);
      await expect(call()).rejects.toThrow(JSON.stringify(below));
    }
  });

  test.runIf(existsSync("/dev/full"))("a device (skipped if there is no /dev/full)", async () => {
    await expect(save(model, "/dev/full")).rejects.toThrow(
      'save: "/dev/full" cannot be written: it is not a regular file',
    );
    await expect(load("/dev/zero")).rejects.toThrow(
      'load: "/dev/zero" cannot be read: it is not a regular file',
    );
    expect(statSync("/dev/full").isCharacterDevice()).toBe(true);
  });

  test.runIf(process.platform !== "win32")(
    "a pipe, without waiting for the other side (skipped on Windows)",
    async () => {
      const path = freshPath();
      execFileSync("mkfifo", [path]);
      await expect(load(path)).rejects.toThrow("cannot be read: it is not a regular file");
      await expect(save(model, path)).rejects.toThrow("cannot be written: it is not a regular file");
    },
  );

  test.runIf(process.getuid !== undefined && process.getuid() !== 0)(
    "a protected file, or one in a protected folder (skipped for root and on Windows)",
    async () => {
      const path = freshPath();
      writeFileSync(path, "precious");
      chmodSync(path, 0o444);
      await expect(save(model, path)).rejects.toThrow(
        `save: ${JSON.stringify(path)} cannot be written: permission is denied (EACCES)`,
      );
      expect(readFileSync(path, "utf8")).toBe("precious");
      chmodSync(dirname(path), 0o555);
      await expect(save(model, `${path}.new`)).rejects.toThrow("permission is denied (EACCES)");
      chmodSync(dirname(path), 0o755);
      expect(filesBeside(path)).toEqual([basename(path)]);
    },
  );

  test.each([undefined, null, "", 5, {}, new URL("https://example.com/model")])(
    "%s is not a path",
    async (path) => {
      const given = path as unknown as string;
      expect(await failureOf(() => load(given))).toBeInstanceOf(OptionError);
      expect(await failureOf(() => save(model, given))).toBeInstanceOf(OptionError);
      await expect(load(given)).rejects.toThrow("load: expected the path of a file, received");
    },
  );

  test("an argument that is not a model, and unknown options, are refused before anything is written", async () => {
    const path = freshPath();
    await expect(save(model.toJSON() as unknown as Model, path)).rejects.toThrow(
      "save: expected a Model, received an object",
    );
    await expect(save(model, path, { state: true } as object)).rejects.toThrow(
      'save: unknown option "state"',
    );
    const busy = makeModel();
    const running = busy.fit(data);
    expect(await failureOf(() => save(busy, path))).toEqual(
      new StateError("save: a training of this model is running. Fix: wait until it ends"),
    );
    await running;
    expect(filesBeside(path)).toEqual([]);
  });
});

describe("a file without a model causes a FormatError that names the path:", () => {
  const bytes = makeModel().toBytes();
  const contents: [what: string, content: Uint8Array, message: string][] = [
    ["nothing", new Uint8Array(0), "it is not a model file: expected at least 8 bytes, received 0"],
    [
      "text",
      new TextEncoder().encode("# A model\n\nThis is none.\n"),
      "it is not a model file: expected a header of at most",
    ],
    ["half of a model", bytes.slice(0, -4), "expected 132 bytes of values after the header, received 128"],
    [
      "more bytes than a model",
      new Uint8Array([...bytes, 0]),
      "expected 132 bytes of values after the header, received 133",
    ],
  ];

  test.each(contents)("%s", async (_, content, message) => {
    const path = freshPath();
    writeFileSync(path, content);
    const error = await failureOf(() => load(path));
    expect(error).toBeInstanceOf(FormatError);
    expect((error as Error).message).toContain(`load: ${JSON.stringify(path)}: ${message}`);
  });

  test("a file that exceeds any memory, which is refused after its first bytes", async () => {
    const path = freshPath();
    writeFileSync(path, bytes);
    truncateSync(path, 2 ** 40);
    const started = secondsUsed();
    await expect(load(path)).rejects.toThrow(
      "expected 132 bytes of values after the header, received 1099511626",
    );
    writeFileSync(path, new Uint8Array(8));
    truncateSync(path, 2 ** 40);
    await expect(load(path)).rejects.toThrow('header: expected a "{" at its beginning');
    expect(secondsUsed() - started).toBeLessThan(2);
  });

  test("an unknown option of load is an OptionError", async () => {
    const path = freshPath();
    await save(makeModel(), path);
    await expect(load(path, { kernal: "native" } as object)).rejects.toThrow('Did you mean "kernel"?');
  });
});

describe.runIf(process.platform !== "win32")("a disk that becomes full (skipped on Windows)", () => {
  test("causes a FileError that names the path; the old file stays, and no other file is left", async () => {
    const path = freshPath();
    await save(makeModel(), path);
    const before = readFileSync(path);
    // A shell can limit the size of files, in blocks of 512 or 1024 bytes. The model is larger.
    const command = `ulimit -f 8 && exec "${process.execPath}" "${script("save.mjs")}" "${path}" 100`;
    const output = execFileSync("/bin/sh", ["-c", command], { encoding: "utf8" });
    expect(output).toBe(
      `FileError: save: ${JSON.stringify(path)} cannot be written: the file would be too large (EFBIG)\n`,
    );
    expect(readFileSync(path)).toEqual(before);
    expect(filesBeside(path)).toEqual([basename(path)]);
  });
});

test("a process that is killed 50 times while it saves leaves a complete file each time", async () => {
  const path = freshPath();
  await save(makeModel(), path);
  const seen = new Set<number>();
  for (let kill = 0; kill < 50; kill++) {
    const child = spawn(process.execPath, [script("save.mjs"), path, "100", "on"], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(child.stdout, "data");
    await wait((kill * 7) % 23);
    child.kill("SIGKILL");
    await once(child, "exit");
    const model = await load(path);
    expect(model.predict([0.2, 0.9])).toHaveLength(1);
    seen.add(model.seed);
  }
  // The seed counts the savings: they happened, and continued.
  expect(Math.max(...seen)).toBeGreaterThan(100);
  // A killed process may leave a temporary file, whose name ends in .tmp.
  const others = filesBeside(path).filter((name) => name !== basename(path));
  expect(others.filter((name) => !/^\.model\.safetensors\..*\.tmp$/.test(name))).toEqual([]);
});

describe("off Node", () => {
  test("save and load name the alternatives", async () => {
    await expect(noFiles.save(makeModel(), "a")).rejects.toThrow(
      "save: this host has no files; store the bytes that model.toBytes() returns",
    );
    expect(await failureOf(() => noFiles.load("a"))).toBeInstanceOf(FileError);
    await expect(noFiles.load("a")).rejects.toThrow("Model.fromBytes");
  });
});
