/** The command, with its output in a pipe. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { version } from "../src/index.ts";
import { root, runNode } from "./child.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "myelin-cli-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const myelin = (...given: string[]) => runNode([join(root, "dist", "cli", "main.js"), ...given], { folder });

describe("myelin xor", () => {
  test("prints progress in plain lines, the evaluation, the kernel and the speed, and writes both plots", async () => {
    const { status, output, errors } = await myelin("xor", "--epochs", "20", "--folder", "plots");
    expect(errors).toBe("");
    expect(status).toBe(0);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: a pipe gets no colors and no cursor movements
    expect(output).not.toMatch(/\u001b|\r/);
    const lines = output.split("\n");
    expect(lines[0]).toBe("training 2-64-1 on 1000 examples, batch 5, learning rate 0.01");
    const epochs = lines.filter((line) => /^epoch \d+\/20 {2}mean squared error \d+\.\d{4}$/.test(line));
    expect(epochs.map((line) => Number(line.match(/\d+/)?.[0]))).toEqual([
      1, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20,
    ]);
    expect(output).toMatch(/^sum of absolute errors: \d+\.\d{2}$/m);
    expect(output).toMatch(/^accuracy at 0\.5: \d+\.\d %$/m);
    const head = lines.findIndex((line) => /^ +x1 +x2 +prediction +label$/.test(line));
    for (const row of lines.slice(head + 1, head + 9))
      expect(row).toMatch(/^ +0\.\d{3} +0\.\d{3} +-?\d\.\d{3} +[01]$/);
    expect(lines[head + 9]).toBe("   … and 992 more");
    expect(lines).toContain("kernel: native");
    expect(output).toMatch(/^time: \d+\.\d{3} s, [\d,]+ steps a second$/m);
    expect(lines).toContain(`wrote ${join("plots", "xor.svg")} and ${join("plots", "xor.html")}`);
    expect(readFileSync(join(folder, "plots", "xor.svg"), "utf8")).toMatch(/^<svg[\s\S]*<\/svg>\s*$/);
    expect(readFileSync(join(folder, "plots", "xor.html"), "utf8")).toMatch(/<html/);
  });

  test("marks the misclassified points, and plots the error that it prints", async () => {
    const { output } = await myelin("xor", "--epochs", "20", "--folder", "marks");
    const share = Number(output.match(/^accuracy at 0\.5: (\d+\.\d) %$/m)?.[1]);
    const wrong = Math.round(1000 - 10 * share);
    expect(wrong).toBeGreaterThan(0);
    expect(output).toMatch(new RegExp(`\n1,000 points, ${wrong} misclassified\n`));
    const last = Number(output.match(/^epoch 20\/20 {2}mean squared error (\d+\.\d+)$/m)?.[1]);
    expect(Number(output.match(/ mean squared error: (\d+\.\d+) in epoch 20\n/)?.[1])).toBeCloseTo(last, 4);
    for (const name of ["xor.svg", "xor.html"]) {
      const drawn = readFileSync(join(folder, "marks", name), "utf8");
      const [, rings] = /stroke-width="1\.5">((?:<circle[^>]*\/>)+)<\/g>/.exec(drawn)!;
      expect(rings.match(/<circle/g)).toHaveLength(wrong);
      expect(drawn).toContain("mean squared error: ");
    }
  });

  test("prints the same errors for the same seed, and others for another", async () => {
    const errors = async (seed: string) => {
      const { output } = await myelin("xor", "--epochs", "3", "--seed", seed);
      return output.split("\n").filter((line) => line.startsWith("epoch "));
    };
    const [first, again, other] = await Promise.all(["1", "1", "2"].map(errors));
    expect(first).toHaveLength(3);
    expect(again).toEqual(first);
    expect(other).not.toEqual(first);
  });

  test("prints one JSON document with --json, and progress on standard error", async () => {
    const { status, output, errors } = await myelin("xor", "--epochs", "20", "--folder", "json", "--json");
    expect(status).toBe(0);
    const { losses, accuracy, predictions, kernel, svg, ...others } = JSON.parse(output);
    expect(losses).toHaveLength(20);
    expect(others).toMatchObject({ examples: 1000, epochs: 20, batchSize: 5, learningRate: 0.01, seed: 1 });
    expect(predictions).toHaveLength(1000);
    const isRight = ({ prediction, label }: { prediction: number; label: number }) =>
      prediction >= 0.5 === (label === 1);
    expect(predictions.filter(isRight).length / 1000).toBe(accuracy);
    expect(kernel).toBe("native");
    expect(existsSync(join(folder, svg))).toBe(true);
    expect(errors).toMatch(/^epoch 20\/20 {2}mean squared error /m);
  });

  test("runs on the chosen kernel, and gives the reason", async () => {
    const { output } = await myelin("xor", "--epochs", "1", "--kernel", "typescript");
    expect(output).toContain('\nkernel: typescript (requested by the option kernel: "typescript")\n');
  });

  test("writes into the current folder by default", async () => {
    await myelin("xor", "--epochs", "1", "--examples", "3");
    expect(existsSync(join(folder, "xor.svg"))).toBe(true);
    expect(existsSync(join(folder, "xor.html"))).toBe(true);
  });
});

describe("an error is one line, and a wrong use has exit code 2", () => {
  test.each<[what: string, given: string[], message: RegExp]>([
    ["an unknown command", ["xro"], /unknown command 'xro'/],
    ["an unknown option", ["xor", "--epoch", "3"], /unknown option '--epoch'/],
    [
      "epochs as a word",
      ["xor", "--epochs", "many"],
      /'--epochs <number>' argument 'many' is invalid\. Expected a whole/,
    ],
    ["half an epoch", ["xor", "--epochs", "1.5"], /'1\.5' is invalid\. Expected a whole number/],
    [
      "no epochs",
      ["xor", "--epochs", "0"],
      /'--epochs <number>' argument '0' is invalid\. Expected a whole number of at least 1/,
    ],
    ["an empty batch", ["xor", "--batch-size", "0"], /'--batch-size <number>' argument '0' is invalid/],
    ["no examples", ["xor", "--examples", "0"], /'--examples <number>' argument '0' is invalid/],
    [
      "a negative learning rate",
      ["xor", "--learning-rate", "-1"],
      /learningRate: expected a finite number of at least 0/,
    ],
    [
      "a learning rate as a word",
      ["xor", "--learning-rate", "slow"],
      /'slow' is invalid\. Expected a number/,
    ],
    [
      "an unknown kernel",
      ["xor", "--kernel", "gpu"],
      /'gpu' is invalid\. Allowed choices are auto, native, wasm, typescript/,
    ],
    ["a missing value", ["xor", "--folder"], /'--folder <path>' argument missing/],
  ])("%s", async (_, given, message) => {
    const { status, errors } = await myelin(...given);
    expect(errors).toMatch(message);
    expect(errors.trimEnd().split("\n")).toHaveLength(1);
    expect(errors).toMatch(/^myelin: /);
    expect(status).toBe(2);
  });

  test("a loss that is no longer finite", async () => {
    const { status, errors } = await myelin("xor", "--learning-rate", "1e9");
    expect(errors).toMatch(/^myelin: .*learning rate 1000000000 may be too high.*\n$/);
    expect(status).toBe(1);
  });

  test("a folder that cannot be written", async () => {
    writeFileSync(join(folder, "file"), "");
    const { status, errors } = await myelin("xor", "--epochs", "1", "--folder", "file");
    expect(errors).toMatch(/^myelin: --folder "file" cannot be made: the name is already in use .*\n$/);
    expect(status).toBe(1);
  });
});

describe("myelin", () => {
  test("--version prints the package's version", async () => {
    expect(await myelin("--version")).toEqual({ status: 0, output: `${version}\n`, errors: "" });
  });

  test("--help lists the commands", async () => {
    const { status, output } = await myelin("--help");
    expect(status).toBe(0);
    expect(output).toMatch(/Usage: myelin /);
    expect(output).toMatch(/^ {2}xor /m);
  });

  test("xor --help lists its options with their defaults", async () => {
    const { output } = await myelin("xor", "--help");
    for (const option of [
      "--examples",
      "--epochs",
      "--batch-size",
      "--learning-rate",
      "--seed",
      "--folder",
      "--kernel",
    ]) {
      expect(output).toMatch(new RegExp(`${option} [^\\n]*\\n?[^\\n]*default: `));
    }
  });
});
