/** What every command has in common: help, pipes, bad files, exit codes. */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, test } from "vitest";
import { root, runNode } from "../child.ts";
import { commandIn, main, makeFolder, shell, toCsv } from "./command.ts";

const folder = makeFolder();
const myelin = commandIn(folder);
const path = (name: string) => join(folder, name);

const commands = ["train", "search", "predict", "evaluate", "inspect", "explain", "plot", "xor"];

describe("help", () => {
  test("of the command alone lists the commands", async () => {
    const [alone, asked] = await Promise.all([myelin(), myelin("--help")]);
    expect(alone).toEqual(asked);
    expect(alone.status).toBe(0);
    for (const command of commands) expect(alone.output).toMatch(new RegExp(`^ {2}${command} `, "m"));
  });

  test.each(commands)("of %s has an example", async (command) => {
    const { status, output } = await myelin(command, "--help");
    expect(status).toBe(0);
    expect(output).toMatch(new RegExp(`^ {2}\\$ (.* \\| )?myelin ${command} `, "m"));
    expect(output.split("\n").filter((line) => line.length > 130 && !line.includes("$"))).toEqual([]);
  });

  test("loads neither the package nor any command", async () => {
    writeFileSync(
      path("hooks.mjs"),
      `import { appendFileSync } from "node:fs";
      export function load(url, context, next) {
        appendFileSync(${JSON.stringify(path("loaded"))}, url + "\\n");
        return next(url, context);
      }`,
    );
    const hooks = JSON.stringify(pathToFileURL(path("hooks.mjs")).href);
    writeFileSync(path("register.mjs"), `import { register } from "node:module"; register(${hooks});`);
    const { status } = await runNode(["--import", pathToFileURL(path("register.mjs")).href, main, "--help"], {
      folder,
    });
    expect(status).toBe(0);
    const files = readFileSync(path("loaded"), "utf8").split("\n");
    expect(files.filter((file) => /dist\/(index|table|plot|insight|kernel)/.test(file))).toEqual([]);
    expect(files.some((file) => file.endsWith("/cli/main.js"))).toBe(true);
  });
});

describe("a pipe", () => {
  test("that closes early ends the command quietly", async () => {
    writeFileSync(
      path("long.csv"),
      toCsv(Array.from({ length: 30_000 }, (_, at) => ({ x: at % 97, y: 2 * (at % 97) + (at % 3) }))),
    );
    await myelin(
      "train",
      "long.csv",
      "--target",
      "y",
      "--quality",
      "fast",
      "--networks",
      "1",
      "--seed",
      "1",
      "--quiet",
      "-o",
      "l.myelin",
    );
    const line = "set -o pipefail; myelin predict l.myelin long.csv --keep | head -2";
    const { status, output, errors } = await shell(folder, line);
    expect(output.split("\n")).toHaveLength(3);
    expect(errors).toBe("");
    expect(status).toBe(0);
  });

  test.skipIf(!existsSync("/dev/full"))("to a full disk is one line and a failure", async () => {
    for (const line of ["inspect penguins.csv", "--help", "inspect penguins.csv --json"]) {
      const { status, errors } = await shell(folder, `myelin ${line} > /dev/full`);
      expect(errors).toMatch(/^myelin: standard output cannot be written: .*ENOSPC.*\n$/);
      expect(status).toBe(1);
    }
  });

  test.skipIf(!existsSync("/dev/full"))("is no file: a device as output is refused", async () => {
    const { status, errors } = await myelin(
      "train",
      "penguins.csv",
      "--target",
      "Species",
      "-o",
      "/dev/full",
    );
    expect(errors).toMatch(/^myelin: "\/dev\/full" cannot be written: .*\n$/);
    expect(status).toBe(1);
  });
});

describe("a file that is not a table is one line with a failure", () => {
  writeFileSync(path("empty.csv"), "");
  writeFileSync(path("header.csv"), "a,b,c\n");
  writeFileSync(path("ragged.csv"), "a,b,c\n1,2,3\n1,2\n");
  writeFileSync(path("binary.csv"), Buffer.from([0, 1, 2, 3, 0, 0, 255, 0, 10, 0, 0, 9]));
  writeFileSync(path("utf8.csv"), Buffer.from("a,b\n1,\xff\xfe\n", "latin1"));
  writeFileSync(path("broken.json"), '[{"a": 1}, {"a": ');
  mkdirSync(path("folder.csv"));

  test.each<[what: string, given: string[], message: RegExp]>([
    ["no such file", ["none.csv"], /"none.csv" cannot be read: there is no such file/],
    ["a folder", ["folder.csv"], /"folder.csv" is a folder\. Fix: /],
    ["an empty file", ["empty.csv"], /"empty.csv" is empty\. Fix: /],
    ["a header only", ["header.csv"], /expected rows, received a header without any\. Fix: .*--header no/],
    ["ragged rows", ["ragged.csv"], /line 3: expected 3 cells, .* received 2.*Fix: .*--ragged pad/],
    ["binary data", ["binary.csv"], /Fix: /],
    [
      "another encoding than said",
      ["utf8.csv", "--encoding", "utf-8"],
      /not valid utf-8\. Fix: .*--encoding windows-1252/,
    ],
    [
      "an unknown encoding",
      ["penguins.csv", "--encoding", "utf-9"],
      /--encoding: expected an encoding like "utf-8"/,
    ],
    ["broken JSON", ["broken.json"], /broken\.json": /],
    ["another format", ["penguins.csv", "--format", "parquet"], /penguins\.csv": /],
    [
      "an option of another format",
      ["broken.json", "--separator", ";"],
      /--separator: it is for CSV, and this table is json/,
    ],
  ])("%s", async (_, given, message) => {
    const { status, errors, output } = await myelin("inspect", ...given);
    expect(errors).toMatch(message);
    expect(errors).toMatch(/^myelin: [^\n]+\n$/);
    // The path as it was given.
    expect(errors).not.toContain(folder);
    expect(output).toBe("");
    expect([1, 2]).toContain(status);
  });

  test("nothing on standard input", async () => {
    const { status, errors } = await shell(folder, "myelin inspect - < /dev/null");
    expect(errors).toMatch(/^myelin: standard input: [^\n]+\n$/);
    expect(status).toBe(1);
  });

  test.skipIf(process.getuid?.() === 0)("a file that may not be read", async () => {
    writeFileSync(path("secret.csv"), "a\n1\n");
    chmodSync(path("secret.csv"), 0);
    const { status, errors } = await myelin("inspect", "secret.csv");
    expect(errors).toMatch(/"secret.csv" cannot be read: permission is denied/);
    expect(status).toBe(1);
  });
});

describe("a wrong use has exit code 2, and names the nearest", () => {
  test.each<[given: string[], message: RegExp]>([
    [["trian"], /unknown command 'trian'\. Did you mean train\? Fix: see myelin --help/],
    [["predict"], /missing required argument 'model'/],
    [
      ["inspect", "penguins.csv", "--jsn"],
      /unknown option '--jsn'\. Did you mean --json\? Fix: see myelin inspect --help/,
    ],
    [["inspect", "penguins.csv", "more"], /too many arguments/],
    [["help", "trian"], /unknown command 'trian'\. Did you mean train\?/],
    [["train", "l.myelin", "--target", "y", "-o", "l.myelin"], /"l.myelin" holds a model, and train expects/],
    [["train", "penguins.csv", "--quality", "good"], /Allowed choices are fast, balanced, best/],
    [["train", "penguins.csv", "--quality", "fsat"], /'fsat' is invalid\. Did you mean fast\? Allowed/],
    [["inspect", "penguins.csv", "--text", "Ilsand"], /penguins.csv": --text: unknown column "Ilsand"/],
  ])("%j", async (given, message) => {
    const { status, errors, output } = await myelin(...given);
    expect(errors).toMatch(message);
    expect(errors).toMatch(/^myelin: [^\n]+\n$/);
    expect(output).toBe("");
    expect(status).toBe(2);
  });
});

describe("a cell that cannot be read is named by the file and its row, by", () => {
  const rows = Array.from({ length: 9000 }, (_, at) => ({ x: at === 8500 ? "large" : 1, y: at % 89 }));

  test.each([
    ["predict", []],
    ["evaluate", []],
    ["explain", ["--index", "8500"]],
  ])("%s", async (command, more) => {
    writeFileSync(path("cells.csv"), toCsv(rows));
    const { status, errors } = await myelin(command, "l.myelin", "cells.csv", ...more);
    expect(errors).toMatch(/^myelin: "cells.csv": row 8500: column "x": expected a number, received "large"/);
    expect(status).toBe(1);
  });
});

test("a model that uses no column answers each row", async () => {
  writeFileSync(path("one.csv"), "x\n1\n");
  await myelin("train", "one.csv", "--target", "x", "-o", "none.myelin");
  const { status, output } = await myelin("predict", "none.myelin", "penguins.csv");
  expect(status).toBe(0);
  expect(output).toBe(`x\n${"1\n".repeat(344)}`);
});

test("names and cells of a table do not control the terminal", async () => {
  const [red, title, reversed, c1] = ["\u001b[31mred", "\u001b]0;title\u0007", "\u202edesrever", "\u009b31m"];
  const rows = Array.from({ length: 90 }, (_, at) => ({
    ...{ [red]: at % 7, [reversed]: [title, c1, "c"][at % 3], [c1]: at },
    y: [`${red}1`, reversed][(at % 7) % 2],
  }));
  writeFileSync(path("evil.csv"), toCsv(rows));
  const train = [
    "train",
    "evil.csv",
    "-o",
    "evil.myelin",
    "--quality",
    "fast",
    "--networks",
    "1",
    "--seed",
    "1",
  ];
  for (const given of [
    ["inspect", "evil.csv", "--target", "y"],
    [...train, "--target", "x"],
    [...train, "--target", "y", "--holdout", "0.3"],
    ["inspect", "evil.myelin"],
    ["evaluate", "evil.myelin", "evil.csv"],
    ["explain", "evil.myelin", "evil.csv"],
    ["plot", "evil.myelin", "confusion", "--data", "evil.csv"],
    ["plot", "evil.csv", "distribution", "--columns", reversed],
    ["predict", "evil.myelin", "houses.csv", "-o", "evil-answers.csv"],
  ]) {
    const { output, errors } = await myelin(...given);
    expect(`${output}${errors}`).toMatch(/./);
    expect(`${output}${errors}`.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/u);
  }
});

test("a folder as output is refused before the work", async () => {
  const train = ["train", "penguins.csv", "--target", "Species", "--quality", "fast"];
  for (const [option, given] of [
    ["--report", [...train, "--report", "pages/"]],
    ["--output", [...train, "-o", "models/"]],
    ["--output", ["predict", "l.myelin", "penguins.csv", "-o", "answers/", "--to", "csv"]],
  ] as const) {
    const { status, errors, output } = await myelin(...given);
    expect(errors).toMatch(new RegExp(`^myelin: ${option} "\\w+/" is the path of a folder\\. Fix: `));
    expect([status, output]).toEqual([2, ""]);
  }
});

describe("a file that the command reads is not replaced", () => {
  const train = ["train", "penguins.csv", "--target", "Species", "--quality", "fast"];
  test.each<[option: string, given: string[]]>([
    ["--output", [...train, "-o", "./penguins.csv"]],
    ["--output", [...train, "--test", "houses.csv", "-o", "houses.csv"]],
    ["--output", ["predict", "l.myelin", "penguins.csv", "-o", "penguins.csv"]],
    ["--output", ["predict", "l.myelin", "link.csv", "-o", "penguins.csv"]],
    ["--output", ["predict", "l.myelin", "penguins.csv", "-o", "l.myelin", "--to", "csv"]],
    ["--report", [...train, "--report", "penguins.csv"]],
    ["--report", [...train, "--report", "model.myelin"]],
    ["--report", ["evaluate", "l.myelin", "penguins.csv", "--report", "l.myelin"]],
  ])("by %s of %j", async (option, given) => {
    if (!existsSync(path("link.csv"))) symlinkSync(path("penguins.csv"), path("link.csv"));
    const before = readFileSync(path("penguins.csv"));
    const { status, errors, output } = await myelin(...given);
    expect(errors).toMatch(
      /^myelin: --\w+ "[^"]+" would replace a file that the command uses\. Fix: [^\n]+\n$/,
    );
    expect(errors).toContain(option);
    expect(output).toBe("");
    expect(status).toBe(2);
    expect(readFileSync(path("penguins.csv"))).toEqual(before);
  });
});

test("no command leaves a temporary file", () => {
  expect(readdirSync(folder).filter((name) => name.endsWith(".tmp"))).toEqual([]);
});

test("docs/command-line.md names every option of every command", async () => {
  const page = readFileSync(join(root, "docs", "command-line.md"), "utf8");
  for (const command of ["train", "search", "predict", "evaluate", "inspect", "explain", "plot"]) {
    const { output } = await myelin(command, "--help");
    const flags = Array.from(output.matchAll(/^ +(?:-\w, )?(--[a-z-]+)/gm), ([, flag]) => flag);
    const section =
      page.split(`\n## ${command}\n`)[1].split("\n## ")[0] + page.split("\n## Tables\n")[1].split("\n## ")[0];
    expect(flags.filter((flag) => flag !== "--help" && !section.includes(`\`${flag}\``))).toEqual([]);
  }
});
