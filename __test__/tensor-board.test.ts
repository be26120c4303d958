/** callbacks.tensorBoard: event files that TensorBoard reads. */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { describe, expect, test } from "vitest";
import { crc32c } from "../src/formats/crc32c.ts";
import { callbacks, FileError, type History, Model, OptionError } from "../src/index.ts";
import * as noFiles from "../src/training/callbacks/noFiles.ts";
import { trainings, write } from "./fixtures/tensorboard/write.ts";
import { freshPaths } from "./folders.ts";
import { kernelNames } from "./kernels.ts";
import { data, failureOf, makeModel } from "./samples.ts";

const fixtures = fileURLToPath(new URL("fixtures/tensorboard/", import.meta.url));

const freshPath = freshPaths("tensorboard", "logs");

/** Returns the path of a folder that does not exist. */

type Points = [seconds: number, epoch: number, value: number | string][];
type Shown = Record<string, Record<string, Points>>;

describe("the checksum", () => {
  // RFC 3720, appendix B.4, and the check value of the catalog of CRCs.
  test.each([
    ["32 zeros", new Uint8Array(32), 0x8a9136aa],
    ["32 ones", new Uint8Array(32).fill(255), 0x62a8ab43],
    ["0 to 31", Uint8Array.from({ length: 32 }, (_, at) => at), 0x46dd794e],
    ["31 to 0", Uint8Array.from({ length: 32 }, (_, at) => 31 - at), 0x113fdb5c],
    ["the digits", new TextEncoder().encode("123456789"), 0xe3069283],
  ])("of %s equals the standard's", (_, bytes, expected) => {
    expect(crc32c(bytes)).toBe(expected);
  });
});

describe("the fixtures that TensorBoard has read", () => {
  const files = ["train", "validation"].flatMap((run) =>
    readdirSync(join(fixtures, run)).map((name) => join(run, name)),
  );

  test("equal today's files, byte for byte", () => {
    const folder = freshPath();
    write(folder);
    const written = readdirSync(folder, { recursive: true, encoding: "utf8" });
    expect(written.filter((name) => name.includes("tfevents")).sort()).toEqual([...files].sort());
    expect(files).toHaveLength(4);
    for (const file of files)
      expect(readFileSync(join(folder, file))).toEqual(readFileSync(join(fixtures, file)));
  });

  test("gave it each number of each epoch, and the later one of repeated epochs", () => {
    const shown: Shown = JSON.parse(readFileSync(join(fixtures, "read.json"), "utf8"));
    const [first, second] = trainings;
    const epochs = [...first.slice(0, 2), ...second];
    const points = (name: string) =>
      epochs
        .map(
          (epoch) => [epoch.epoch, (epoch as unknown as Record<string, number | undefined>)[name]] as const,
        )
        .filter(([, value]) => value !== undefined)
        .map(([epoch, value]) => [
          epoch,
          Number.isFinite(value) ? value : expect.stringMatching(/^(nan|inf)$/),
        ]);
    const names = {
      train: {
        ...{ epoch_loss: "loss", epoch_learning_rate: "learningRate", epoch_seconds: "seconds" },
        ...{
          epoch_accuracy: "accuracy",
          epoch_roc_auc: "rocAuc",
          epoch_mean_absolute_error: "meanAbsoluteError",
        },
      },
      validation: { epoch_loss: "validationLoss", epoch_roc_auc: "validationRocAuc" },
    };
    const expected = Object.fromEntries(
      Object.entries(names).map(([run, tags]) => [
        run,
        Object.fromEntries(Object.entries(tags).map(([tag, name]) => [tag, points(name)])),
      ]),
    );
    const found = Object.fromEntries(
      Object.entries(shown).map(([run, tags]) => [
        run,
        Object.fromEntries(
          Object.entries(tags).map(([tag, list]) => [tag, list.map(([, ...point]) => point)]),
        ),
      ]),
    );
    expect(found).toEqual(expected);
    const seconds = shown.train.epoch_loss.map(([moment]) => moment);
    expect(seconds).toEqual([...seconds].sort((a, b) => a - b));
    expect(seconds[0]).toBeGreaterThan(1_700_000_000);
    expect(seconds.at(-1)).toBeLessThan(1_700_000_010);
  });
});

const hasTensorBoard = spawnSync("python3", ["-c", "import tensorboard"]).status === 0;
const reader = "TensorBoard's own reader";
const title = hasTensorBoard ? reader : `${reader} (skipped: python3 has no module tensorboard)`;

const ways = ["fit", "fitSync"] as const;
const cases = kernelNames.flatMap((kernel) => ways.map((way) => [way, kernel] as const));

describe.runIf(hasTensorBoard)(title, () => {
  const read = (folder: string): Shown =>
    JSON.parse(
      execFileSync("python3", [join(fixtures, "read.py"), folder], { encoding: "utf8", stdio: "pipe" }),
    );

  /** Returns the points of a list, rounded to 32 bits. */
  const pointsOf = (history: History, name: string) => {
    const list = (history as unknown as Record<string, number[]>)[name];
    return list.map((value, at) => [history.epoch[at], Math.fround(value)]);
  };
  const withoutTime = (points: Points) => points.map(([, ...point]) => point);

  test("reads the same from the fixtures as before", () => {
    expect(read(fixtures)).toEqual(JSON.parse(readFileSync(join(fixtures, "read.json"), "utf8")));
  });

  test.each(cases)("reads the history of %s on the %s kernel", async (way, kernel) => {
    const directory = freshPath();
    const model = makeModel({ kernel, metrics: ["meanAbsoluteError"] });
    const before = Date.now() / 1000;
    const history = await model[way as "fit"](data, {
      epochs: 5,
      validationSplit: 0.2,
      callbacks: callbacks.tensorBoard({ directory }),
    });
    const { train, validation } = read(directory);
    expect(Object.keys(train)).toEqual([
      ...["epoch_learning_rate", "epoch_loss", "epoch_mean_absolute_error", "epoch_seconds"],
    ]);
    expect(Object.keys(validation)).toEqual(["epoch_loss", "epoch_mean_absolute_error"]);
    expect(withoutTime(train.epoch_loss)).toEqual(pointsOf(history, "loss"));
    expect(withoutTime(train.epoch_learning_rate)).toEqual(pointsOf(history, "learningRate"));
    expect(withoutTime(train.epoch_seconds)).toEqual(pointsOf(history, "seconds"));
    expect(withoutTime(train.epoch_mean_absolute_error)).toEqual(pointsOf(history, "meanAbsoluteError"));
    expect(withoutTime(validation.epoch_loss)).toEqual(pointsOf(history, "validationLoss"));
    for (const [seconds] of train.epoch_loss) {
      expect(seconds).toBeGreaterThanOrEqual(before);
      expect(seconds).toBeLessThanOrEqual(Date.now() / 1000);
    }
  });

  test("shows one curve for a training that resumed from an earlier epoch", () => {
    const directory = freshPath();
    const log = { callbacks: callbacks.tensorBoard({ directory }) };
    const model = makeModel();
    model.fitSync(data, { epochs: 3, ...log });
    const kept = model.toBytes({ optimizerState: true });
    model.fitSync(data, { epochs: 4, ...log });
    const again = Model.fromBytes(kept);
    const before = again.history!;
    const after = again.fitSync(data, { epochs: 2, ...log });
    expect(withoutTime(read(directory).train.epoch_loss)).toEqual([
      ...pointsOf(before, "loss"),
      ...pointsOf(after, "loss"),
    ]);
  });
});

describe.each(cases)("the files of %s on the %s kernel", (way, kernel) => {
  test("are in the runs with values, one file for each training", async () => {
    const directory = freshPath();
    const model = makeModel({ kernel });
    const options = { epochs: 2, callbacks: callbacks.tensorBoard({ directory: pathToFileURL(directory) }) };
    await model[way as "fit"](data, options);
    expect(readdirSync(directory)).toEqual(["train"]);
    await model[way as "fit"](data, { ...options, validationSplit: 0.2 });
    expect(readdirSync(directory)).toEqual(["train", "validation"]);
    const names = readdirSync(join(directory, "train"));
    expect(names).toHaveLength(2);
    const host = hostname().replace(/[^\w.-]/g, "-");
    for (const name of names) {
      expect(name).toMatch(/^events\.out\.tfevents\.\d{10}\./);
      expect(name).toContain(`.${host}.${process.pid}.0`);
    }
  });

  test("cannot be below a file, and then nothing is trained", async () => {
    const directory = freshPath();
    writeFileSync(directory, "");
    const model = makeModel({ kernel });
    const before = model.toJSON();
    const error = await failureOf(() =>
      model[way as "fit"](data, { callbacks: callbacks.tensorBoard({ directory }) }),
    );
    expect(error).toBeInstanceOf(FileError);
    expect((error as Error).message).toBe(
      `${way}: callbacks[0]: tensorBoard: ${JSON.stringify(join(directory, "train"))} cannot be created: a part of the path is not a folder (ENOTDIR)`,
    );
    expect(model.toJSON()).toEqual(before);
  });
});

test.runIf(process.platform === "linux")(
  "a folder in which the system forbids new files is refused (Linux)",
  () => {
    const options = { callbacks: callbacks.tensorBoard({ directory: "/proc/none/of/these" }) };
    expect(() => makeModel().fitSync(data, options)).toThrow('"/proc/none/of/these/train" cannot be created');
  },
);

test("a validation that cannot be written ends the training, and the model keeps its weights", () => {
  const directory = freshPath();
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, "validation"), "");
  const model = makeModel();
  const options = { epochs: 3, validationSplit: 0.2, callbacks: callbacks.tensorBoard({ directory }) };
  expect(() => model.fitSync(data, options)).toThrow(
    `tensorBoard: ${JSON.stringify(join(directory, "validation"))} cannot be created: the name is already in use (EEXIST)`,
  );
  expect(model.history?.epoch).toEqual([0]);
});

describe("options", () => {
  test.each([undefined, null, "", 5, {}, new URL("https://example.com/logs")])(
    "%s is not a folder",
    (directory) => {
      const options = { directory } as unknown as callbacks.TensorBoardOptions;
      expect(() => callbacks.tensorBoard(options)).toThrow(OptionError);
      expect(() => callbacks.tensorBoard(options)).toThrow(/^callbacks\.tensorBoard: directory/);
    },
  );

  test("with other names are refused", () => {
    const options = { directory: "a", histograms: true } as callbacks.TensorBoardOptions;
    expect(() => callbacks.tensorBoard(options)).toThrow(
      'callbacks.tensorBoard: unknown option "histograms"',
    );
  });

  test("are refused off Node, with an alternative", () => {
    expect(() => noFiles.tensorBoard({ directory: "a" })).toThrow(FileError);
    expect(() => noFiles.tensorBoard({ directory: "a" })).toThrow(
      "callbacks.tensorBoard: this host has no files",
    );
  });
});
