/** The completion scripts, in the shells themselves. A shell that is not installed is skipped. */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { root, runNode } from "../child.ts";

const main = join(root, "dist", "cli", "main.js");
const fixture = (name: string) => join(root, "__test__", "fixtures", "completion", name);

let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "myelin-completion-"));
  writeFileSync(join(folder, "a model.myelin"), "");
  writeFileSync(join(folder, "table.csv"), "");
  for (const shell of ["bash", "zsh", "fish"]) {
    const { status, output, errors } = await runNode([main, "completion", shell]);
    expect([status, errors]).toEqual([0, ""]);
    writeFileSync(join(folder, `script.${shell}`), output);
  }
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const run = (program: string, given: readonly string[], environment: NodeJS.ProcessEnv = {}) =>
  execFileSync(program, given, {
    cwd: folder,
    encoding: "utf8",
    env: { PATH: process.env.PATH, HOME: folder, ...environment },
    timeout: 300_000,
  })
    .split("\n")
    .filter((line) => line !== "")
    .sort();

/** What bash offers for a line that ends with the word to complete. */
function bash(line: string): string[] {
  // As readline splits the line: an equals sign is a word of its own.
  const words = line.split(/ |(?<==)|(?==)/).map((word) => `'${word}'`);
  const code = `source script.bash; COMP_WORDS=(${words.join(" ")}); COMP_CWORD=${words.length - 1}; _myelin; printf '%s\\n' "\${COMPREPLY[@]}"`;
  return run("bash", ["--norc", "-c", code]);
}

function zsh(line: string): string[] {
  const environment = { MYELIN_COMPLETION: join(folder, "script.zsh"), TERM: "dumb" };
  return run("zsh", ["-f", fixture("capture.zsh"), fixture("prepare.zsh"), line], environment);
}

function fish(line: string): string[] {
  const code = `source script.fish; complete -C '${line}'`;
  return run("fish", ["--no-config", "-c", code]).map((offer) => offer.split("\t")[0]);
}

const COMMANDS = ["completion", "doctor", "generate", "help", "serve", "xor"];

for (const [name, complete] of Object.entries({ bash, zsh, fish })) {
  const isInstalled = spawnSync(name, ["-c", "true"]).status === 0;
  const title = isInstalled ? name : `${name} is not installed`;
  describe.skipIf(!isInstalled)(title, () => {
    test("offers the commands", () => {
      expect(complete("myelin ")).toEqual(expect.arrayContaining(COMMANDS));
      expect(complete("myelin gen")).toEqual(["generate"]);
      expect(complete("myelin help compl")).toEqual(["completion"]);
    });

    test("offers the options of a command", () => {
      expect(complete("myelin serve --maximum-")).toEqual(["--maximum-bytes", "--maximum-rows"]);
      expect(complete("myelin generate moons --out")).toEqual(["--output"]);
    });

    test("offers the words that an option or an argument may be", () => {
      expect(complete("myelin xor --kernel ")).toEqual(
        expect.arrayContaining(["auto", "native", "wasm", "typescript"]),
      );
      expect(complete("myelin xor --seed 5 --kernel n")).toEqual(["native"]);
      expect(complete("myelin generate m")).toEqual(["moons"]);
      expect(complete("myelin generate --seed 5 c")).toEqual(["circles"]);
    });

    test("offers files where a file is expected, and nowhere else", () => {
      const files = complete("myelin serve ").map((file) => file.replaceAll("\\", ""));
      expect(files).toEqual(expect.arrayContaining(["a model.myelin", "table.csv"]));
      expect(complete("myelin generate moons -o tab")).toEqual(["table.csv"]);
      expect(complete("myelin serve --port tab")).toEqual([]);
      expect(complete("myelin generate tab")).toEqual([]);
    });

    if (name !== "zsh") {
      test("offers the values of an option with an equals sign", () => {
        expect(complete("myelin xor --kernel=n").map((word) => word.replace("--kernel=", ""))).toEqual([
          "native",
        ]);
      });
    }
  });
}

test("bash needs no newer version than 3.2", async () => {
  const { output } = await runNode([main, "completion", "bash"]);
  expect(output).not.toMatch(/\bmapfile\b|\breadarray\b|declare -A|\$\{\w+,,\}/);
});

test("--json has the script", async () => {
  const { output } = await runNode([main, "completion", "fish", "--json"]);
  expect(JSON.parse(output)).toEqual({ shell: "fish", script: expect.stringMatching(/^# Completion of/) });
});
