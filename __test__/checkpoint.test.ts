/** Checkpoints: a training that ended in any way resumes from the last one, with the same bits. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import * as myelin from "../src/index.ts";
import {
  type Callback,
  callbacks,
  dense,
  dropout,
  FileError,
  type FitOptions,
  load,
  Model,
  type ModelOptions,
  relu,
  save,
  schedules,
} from "../src/index.ts";
import { runNode, script } from "./child.ts";
import * as training from "./fixtures/checkpoints/training.mjs";
import { freshPaths } from "./folders.ts";
import { expectNear, flatten, kernelNames } from "./kernels.ts";
import { data, failureOf, makeModel, someRows } from "./samples.ts";

const freshPath = freshPaths("checkpoint", "training.safetensors");

const EPOCHS = 12;
const monitor = "validationLoss";
const held = someRows(30, 50);

/**
 * Returns a model whose training keeps every kind of state: moments, noise, a schedule and early stopping.
 */
function make(kernel: (typeof kernelNames)[number], options: Partial<ModelOptions> = {}): Model {
  return new Model({
    inputs: 2,
    layers: [dense(6), relu(), dropout({ rate: 0.2 }), dense(1)],
    loss: "meanSquaredError",
    optimizer: { type: "adam", learningRate: 0.03 },
    metrics: ["accuracy"],
    seed: 5,
    kernel,
    ...options,
  });
}

const settings = (list: readonly Callback[] = [], patience = 50): FitOptions & { callbacks: Callback[] } => ({
  epochs: EPOCHS,
  batchSize: 8,
  validationData: held,
  schedule: schedules.reduceOnPlateau({ patience: 1, factor: 0.7, monitor }),
  callbacks: [callbacks.earlyStopping({ monitor, patience }), ...list],
});

/** Returns everything that a training leaves, except times. */
function stateOf(model: Model) {
  const { weights, optimizerState, training } = model.toJSON();
  const { seconds: _, ...history } = model.history as object as Record<string, number[]>;
  return { weights, optimizerState, training, history };
}

/** Ends the training after an epoch, as if the process were killed. */
const crashAfter = (epoch: number): Callback => ({
  onEpochEnd(ended) {
    if (ended.epoch === epoch) throw new Error("crash");
  },
});

describe.each(kernelNames)("a training on the %s kernel", (kernel) => {
  describe.each([
    ["fit", async (model: Model, options: FitOptions): Promise<unknown> => model.fit(data, options)],
    ["fitSync", async (model: Model, options: FitOptions): Promise<unknown> => model.fitSync(data, options)],
  ] as const)("of %s", (call, train) => {
    test("that crashes after any epoch resumes with the same bits", async () => {
      const whole = make(kernel);
      await train(whole, settings());
      for (let epoch = 0; epoch < EPOCHS; epoch++) {
        const path = freshPath();
        const checkpoint = callbacks.checkpoint({ path, every: 1 + (epoch % 3), resume: true });
        await failureOf(() => train(make(kernel), settings([checkpoint, crashAfter(epoch)])));
        const resumed = make(kernel);
        await train(resumed, settings([checkpoint]));
        expect(stateOf(resumed)).toEqual(stateOf(whole));
      }
    });

    test("that crashes repeatedly does too", async () => {
      const [whole, path] = [make(kernel), freshPath()];
      await train(whole, settings());
      const checkpoint = callbacks.checkpoint({ path, resume: true });
      for (const epoch of [2, 3, 7]) {
        await failureOf(() => train(make(kernel), settings([checkpoint, crashAfter(epoch)])));
      }
      const resumed = make(kernel);
      await train(resumed, settings([checkpoint]));
      expect(stateOf(resumed)).toEqual(stateOf(whole));
    });

    test("that has ended is not repeated", async () => {
      const [path, epochs] = [freshPath(), [] as number[]];
      const list = [
        callbacks.checkpoint({ path, resume: true }),
        { onEpochEnd: ({ epoch }) => void epochs.push(epoch) } satisfies Callback,
      ];
      const [first, again] = [make(kernel), make(kernel)];
      await train(first, settings(list, 0));
      const before = [...epochs];
      expect(before.length).toBeLessThan(EPOCHS);
      await train(again, settings(list, 0));
      expect(epochs).toEqual(before);
      expect(stateOf(again)).toEqual(stateOf(first));
    });

    test("can resume with more epochs than before", async () => {
      const [path, whole, resumed] = [freshPath(), make(kernel), make(kernel)];
      const list = [callbacks.checkpoint({ path, every: 5, resume: true })];
      await train(whole, settings());
      await train(make(kernel), { ...settings(list), epochs: 7 });
      await train(resumed, settings(list));
      expect(stateOf(resumed)).toEqual(stateOf(whole));
    });

    test("resumes to the same bits with a rate for each step", async () => {
      const schedule = schedules.chain({
        schedules: [
          schedules.perStep({ schedule: schedules.warmup({ epochs: 9, startFactor: 0.1 }) }),
          schedules.perStep({ schedule: (step, rate) => rate * 0.97 ** step }),
          schedules.reduceOnPlateau({ patience: 1, factor: 0.7, monitor }),
        ],
        milestones: [3, 8],
      });
      const whole = make(kernel);
      await train(whole, { ...settings(), schedule, accumulate: 2 });
      for (const epoch of [1, 5, 9]) {
        const [path, resumed] = [freshPath(), make(kernel)];
        const checkpoint = callbacks.checkpoint({ path, resume: true });
        const given = (list: Callback[]) => ({ ...settings(list), schedule, accumulate: 2 });
        await failureOf(() => train(make(kernel), given([checkpoint, crashAfter(epoch)])));
        await train(resumed, given([checkpoint]));
        expect(stateOf(resumed)).toEqual(stateOf(whole));
      }
    });

    test("resumes with the learning rate that a hook has set", async () => {
      const [path, whole, resumed] = [freshPath(), make(kernel), make(kernel)];
      const set: Callback = {
        onEpochEnd({ epoch }, control) {
          if (epoch === 3) control.learningRate = 0.001;
        },
      };
      await train(whole, settings([set]));
      const checkpoint = callbacks.checkpoint({ path, resume: true });
      await failureOf(() => train(make(kernel), settings([set, checkpoint, crashAfter(5)])));
      await train(resumed, settings([set, checkpoint]));
      expect(stateOf(resumed)).toEqual(stateOf(whole));
    });

    test("keeps as many checkpoints as `keep` says, the newest under the given name, and each is a model", async () => {
      const path = freshPath();
      await train(make(kernel), settings([callbacks.checkpoint({ path, every: 2, keep: 3 })]));
      const names = readdirSync(join(path, "..")).sort();
      expect(names).toEqual(["training.safetensors", "training.safetensors.1", "training.safetensors.2"]);
      const epochs: number[] = [];
      for (const name of names) epochs.push((await load(join(path, "..", name))).toJSON().training.epochs);
      expect(epochs).toEqual([EPOCHS, EPOCHS - 2, EPOCHS - 4]);
    });

    test("writes through a link, whether or not its target exists", async () => {
      const [path, file, whole] = [freshPath(), freshPath("file"), make(kernel)];
      symlinkSync(file, path);
      const list = () => settings([callbacks.checkpoint({ path, keep: 2, resume: true })]);
      await train(make(kernel), { ...list(), epochs: 5 });
      await train(whole, list());
      expect(readlinkSync(path)).toBe(file);
      expect((await load(file)).toJSON().training.epochs).toBe(EPOCHS);
      expect((await load(`${path}.1`)).toJSON().training.epochs).toBe(EPOCHS - 1);
    });

    test("starts from the beginning without `resume`, and without a file", async () => {
      const [path, whole, again] = [freshPath(), make(kernel), make(kernel)];
      await train(whole, settings([callbacks.checkpoint({ path, resume: true })]));
      await train(again, settings([callbacks.checkpoint({ path })]));
      expect(stateOf(again)).toEqual(stateOf(whole));
    });

    test.each<[string, () => Model, Partial<FitOptions>, string]>([
      [
        "other layers",
        () => make(kernel, { layers: [dense(5), dense(1)] }),
        {},
        "it is of another model: layers: it has 4 entries, this model has 2",
      ],
      [
        "another seed",
        () => make(kernel, { seed: 6 }),
        {},
        "it is of another model: seed: it has 5, this model has 6; make the model with { seed: 5 }",
      ],
      [
        "another batch size",
        () => make(kernel),
        { batchSize: 9 },
        "made with batchSize: 8; this training has batchSize: 9",
      ],
      [
        "another order",
        () => make(kernel),
        { shuffle: false },
        "made with shuffle: true; this training has shuffle: false",
      ],
      [
        "accumulation",
        () => make(kernel),
        { accumulate: 2 },
        "made with accumulate: 1; this training has accumulate: 2",
      ],
      [
        "a split",
        () => make(kernel),
        { validationData: undefined, validationSplit: 0.1 },
        "made without validationSplit; this training has validationSplit: 0.1, with ",
      ],
      [
        "no early stopping",
        () => make(kernel),
        { callbacks: [] },
        "made with callbacks.earlyStopping; this training has none",
      ],
      [
        "no validation",
        () => make(kernel),
        {
          validationData: undefined,
          schedule: undefined,
          callbacks: [callbacks.earlyStopping({ monitor: "loss" })],
        },
        "made with validationData or validationSplit; this training has none",
      ],
    ])("refuses to resume with %s, without any change", async (_, other, changed, message) => {
      const path = freshPath();
      await train(make(kernel), { ...settings([callbacks.checkpoint({ path })]), epochs: 2 });
      const bytes = readFileSync(path);
      const model = other();
      const before = flatten(model.getWeights());
      const checkpoint = callbacks.checkpoint({ path, resume: true });
      const options = { ...settings([checkpoint]), ...changed };
      const list = "callbacks" in changed ? [checkpoint, ...(changed.callbacks as [])] : options.callbacks;
      const error = (await failureOf(() => train(model, { ...options, callbacks: list }))) as Error;
      expect(error.message).toContain(`${call}: callbacks[`);
      expect(error.message).toContain(path);
      expect(error.message).toContain(message);
      expect(error.message).toMatch(/\. Fix: use another path, or delete the file to start anew$/);
      expect(flatten(model.getWeights())).toEqual(before);
      expect(readFileSync(path)).toEqual(bytes);
    });

    test("refuses to resume from a file that is not a checkpoint", async () => {
      const path = freshPath();
      const list = [callbacks.checkpoint({ path, resume: true })];
      await save(make(kernel), path);
      expect(await failureOf(() => train(make(kernel), settings(list)))).toMatchObject({
        name: "FormatError",
        message: expect.stringContaining("this is a model, but not a checkpoint of a training"),
      });
      writeFileSync(path, "nothing");
      expect(await failureOf(() => train(make(kernel), settings(list)))).toMatchObject({
        name: "FormatError",
      });
    });

    test("refuses to resume from a checkpoint of a newer version", async () => {
      const path = freshPath();
      const list = [callbacks.checkpoint({ path, resume: true })];
      await train(make(kernel), { ...settings(list), epochs: 2 });
      const text = readFileSync(path, "latin1");
      const newer = text.replace(
        'myelin-checkpoint":"{\\"formatVersion\\":1',
        'myelin-checkpoint":"{\\"formatVersion\\":2',
      );
      expect(newer).not.toBe(text);
      writeFileSync(path, newer, "latin1");
      expect(await failureOf(() => train(make(kernel), settings(list)))).toMatchObject({
        name: "FormatError",
        message: expect.stringContaining(
          "checkpoint: expected formatVersion 1, received 2; it was written by a newer version of myelin",
        ),
      });
    });

    test("refuses to resume from a checkpoint whose history has another length", async () => {
      const path = freshPath();
      const list = [callbacks.checkpoint({ path, resume: true })];
      await train(make(kernel), { ...settings(list), epochs: 2 });
      const text = readFileSync(path, "latin1");
      const shorter = text.replace('\\"done\\":2', '\\"done\\":1');
      expect(shorter).not.toBe(text);
      writeFileSync(path, shorter, "latin1");
      expect(await failureOf(() => train(make(kernel), settings(list)))).toMatchObject({
        name: "FormatError",
        message: expect.stringContaining("checkpoint: expected a history of 1 epochs, received 2"),
      });
    });

    test("is refused if the checkpoint cannot be written", async () => {
      const path = freshPath();
      const wrong = [join(path, "..", "missing", "file"), join(path, "..")];
      if (process.getuid?.() !== 0) {
        chmodSync(join(path, ".."), 0o500);
        wrong.push(path);
      }
      for (const given of wrong) {
        const model = make(kernel);
        const before = flatten(model.getWeights());
        const list = [callbacks.checkpoint({ path: given })];
        const error = (await failureOf(() => train(model, settings(list)))) as Error;
        expect(error).toBeInstanceOf(FileError);
        expect(error.message).toContain(
          `${call}: callbacks[1]: checkpoint: ${JSON.stringify(given)} cannot be written`,
        );
        expect(flatten(model.getWeights())).toEqual(before);
      }
      chmodSync(join(path, ".."), 0o700);
    });
  });

  test.runIf(process.platform !== "win32")(
    "with a full disk ends, and keeps the previous checkpoint (skipped on Windows)",
    async () => {
      for (const call of ["fit", "fitSync"]) {
        const path = freshPath();
        // The history grows until the file exceeds the shell's limit, 8 blocks of 512 or 1024 bytes.
        const command = `ulimit -f 8 && exec "${process.execPath}" "${script("resume.mjs")}" "${path}" ${kernel} ${call}`;
        const child = spawn("/bin/sh", ["-c", command], { stdio: ["ignore", "pipe", "pipe"] });
        const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr)]);
        expect(output).toBe("begun\n");
        expect(errors).toContain(
          `${JSON.stringify(path)} cannot be written: the file would be too large (EFBIG)`,
        );
        const [last, before] = [await load(path), await load(`${path}.1`)].map(
          (model) => model.toJSON().training.epochs,
        );
        expect(last).toBeGreaterThan(1);
        expect(before).toBe(last - 1);
        expect(readdirSync(join(path, "..")).filter((name) => name.endsWith(".tmp"))).toEqual([]);
      }
    },
  );

  test.each(["fit", "fitSync"])("by %s can share its checkpoints with other processes", async (call) => {
    const path = freshPath();
    const run = () => runNode([script("share.mjs"), path, kernel, call]);
    const ended = await Promise.all([run(), run(), run()]);
    for (const { status, errors } of ended) expect([status, errors]).toEqual([0, ""]);
    const names = readdirSync(join(path, "..")).sort();
    expect(names[0]).toBe("training.safetensors");
    for (const name of names) {
      expect(name).toMatch(/^training\.safetensors(\.[12])?$/);
      expect((await load(join(path, "..", name))).parameters).toBe(41);
    }
  });

  const kills = Number(process.env.MYELIN_KILLS ?? 12) / 4;
  test.each(["fit", "fitSync"])(
    "by %s that is killed at random moments ends with the same bits",
    async (call) => {
      const run = async (path: string, until?: number) => {
        const child = spawn(process.execPath, [script("resume.mjs"), path, kernel, call], {
          stdio: ["ignore", "pipe", "inherit"],
        });
        const output = text(child.stdout);
        if (until !== undefined) {
          await once(child.stdout, "data");
          await wait(until);
          child.kill("SIGKILL");
        }
        return /ended .*/.exec(await output)?.[0];
      };
      const start = performance.now();
      const whole = await run("none");
      expect(whole).toMatch(/^ended \d+ [0-9a-f]{64}$/);
      const time = performance.now() - start;
      let [killed, path] = [0, freshPath()];
      while (killed < kills) {
        const ended = await run(path, ((killed * 37) % 100) * (time / 250));
        if (ended === undefined) {
          killed++;
          if (existsSync(path)) expect((await load(path)).parameters).toBe(65);
          continue;
        }
        expect(ended).toBe(whole);
        path = freshPath();
      }
      expect(await run(path)).toBe(whole);
    },
    1_800_000,
  );
});

/** The trainings of the fixtures: with all settings given, and with the defaults of the version. */
const trainings = [
  ["training.safetensors", "expected.json", training.settings],
  ["defaults.safetensors", "defaults.json", training.defaults],
] as const;

describe.each(kernelNames)("checkpoints of every version resume on the %s kernel", (kernel) => {
  const folder = fileURLToPath(new URL("fixtures/checkpoints/", import.meta.url));
  const versions = readdirSync(folder).filter((name) => name.startsWith("version-"));

  test("and there is one version", () => expect(versions).toEqual(["version-1"]));

  const cases = versions.flatMap((version) => trainings.map((files) => [version, ...files] as const));
  test.each(cases)("%s: %s", async (version, checkpoint, expectation, settings) => {
    for (const way of ["fit", "fitSync"] as const) {
      const path = freshPath();
      copyFileSync(join(folder, version, checkpoint), path);
      const model = training.make(myelin, kernel);
      const trained: number[] = [];
      const watch: Callback = { onEpochEnd: ({ epoch }) => void trained.push(epoch) };
      await model[way as "fit"](...settings(myelin, [callbacks.checkpoint({ path, resume: true }), watch]));
      const expected = JSON.parse(readFileSync(join(folder, version, expectation), "utf8"));
      expect(trained).toEqual([5, 6, 7, 8]);
      expectNear(model.history?.loss ?? [], expected.loss);
      expectNear(model.history?.validationLoss ?? [], expected.validationLoss);
      expectNear(flatten(model.getWeights()), flatten(expected.weights), 1e-4);
    }
  });
});

describe.each(kernelNames)("two checkpoints in a training on the %s kernel", (kernel) => {
  test("resume once, from the first that has a file", async () => {
    const [first, second] = [freshPath(), freshPath()];
    const options = (epochs: number): FitOptions => ({
      epochs,
      callbacks: [
        callbacks.checkpoint({ path: first, resume: true }),
        callbacks.checkpoint({ path: second, every: 2, resume: true }),
      ],
    });
    for (const [epochs, way] of [
      [3, "fit"],
      [6, "fitSync"],
      [8, "fit"],
    ] as const) {
      const model = makeModel({ kernel });
      await model[way as "fit"](data, options(epochs));
      expect(model.history!.epoch).toEqual(Array.from({ length: epochs }, (_, epoch) => epoch));
    }
    rmSync(first);
    const model = makeModel({ kernel });
    await model.fit(data, options(9));
    expect(model.history!.epoch).toHaveLength(9);
  });
});

describe.each(kernelNames)("a checkpoint of a validationSplit on the %s kernel", (kernel) => {
  const options = (path: string, shuffled: boolean, list: Callback[] = []): FitOptions => ({
    epochs: 6,
    validationSplit: 0.3,
    validationShuffle: shuffled,
    callbacks: [callbacks.checkpoint({ path, resume: true }), callbacks.earlyStopping(), ...list],
  });
  const failing: Callback = {
    onEpochEnd: ({ epoch }) => (epoch === 2 ? Promise.reject(new Error("killed")) : undefined),
  };

  test.each([true, false])("resumes with the same rows, shuffled: %s", async (shuffled) => {
    const path = freshPath();
    const [model, twin] = [makeModel({ kernel }), makeModel({ kernel })];
    await failureOf(() => makeModel({ kernel }).fit(data, options(path, shuffled, [failing])));
    const resumed = await model.fit(data, options(path, shuffled));
    const whole = await twin.fit(data, options(freshPath(), shuffled));
    expect(resumed.validationRows).toEqual(whole.validationRows);
    expect(resumed.validationLoss).toEqual(whole.validationLoss);
    expect(model.getWeights()).toEqual(twin.getWeights());
  });

  test.each([
    [
      { validationSplit: undefined, validationShuffle: undefined },
      "with validationSplit; this training has none",
    ],
    [
      { validationSplit: 0.4 },
      "rows to learn from; this training has validationSplit: 0.4, with 30 rows to learn",
    ],
  ])("is refused with %j", async (changed, message) => {
    const path = freshPath();
    const whole = { ...options(path, true), schedule: undefined };
    await makeModel({ kernel }).fit(data, whole);
    const error = await failureOf(() =>
      makeModel({ kernel }).fit(data, { ...whole, ...changed } as FitOptions),
    );
    expect(String(error)).toContain(message);
    expect(String(error)).toContain("Fix: use another path, or delete the file");
  });

  test("is refused if the rows were chosen in another way", async () => {
    const path = freshPath();
    await makeModel({ kernel }).fit(data, options(path, true));
    const error = await failureOf(() => makeModel({ kernel }).fit(data, options(path, false)));
    expect(String(error)).toContain(
      "it was made with validationShuffle: true; this training has validationShuffle: false",
    );
  });
});

test.each([
  [{ path: "" }, "callbacks.checkpoint: path: expected the path of a file"],
  [{}, "callbacks.checkpoint: path is missing"],
  [{ path: "a", every: 0 }, "callbacks.checkpoint: every: expected a whole number"],
  [{ path: "a", keep: 0 }, "callbacks.checkpoint: keep: expected a whole number"],
  [{ path: "a", evry: 2 }, 'unknown option "evry". Did you mean "every"?'],
])("checkpoint refuses the options %o", (given, message) => {
  expect(() => callbacks.checkpoint(given as { path: string })).toThrow(message);
});
