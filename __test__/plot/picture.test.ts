// The four forms of a picture, and their options.

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { FileError, OptionError } from "../../src/errors.ts";
import { importanceBars, scatter } from "../../src/plot/index.ts";
import { renderPng as renderNowhere, writePicture as writeNowhere } from "../../src/plot/noPng.ts";
import { parse, textsOf, xorPoints } from "./samples.ts";

const picture = scatter(xorPoints(50), { title: "XOR" });

describe("save", () => {
  const folder = mkdtempSync(join(tmpdir(), "myelin-picture-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const at = (name: string) => join(folder, name);

  it("writes the form that the end of the name says, with its options", async () => {
    await picture.save(at("a.svg"), { width: 400 });
    await picture.save(pathToFileURL(at("a.HTML")), { theme: "dark" });
    await picture.save(at("a.png"), { scale: 1 });
    await picture.save(at("a.svg"), { width: 480 });
    expect(readFileSync(at("a.svg"), "utf8")).toBe(picture.svg({ width: 480 }));
    expect(readFileSync(at("a.HTML"), "utf8")).toBe(picture.html({ theme: "dark" }));
    expect(new Uint8Array(readFileSync(at("a.png")))).toEqual(await picture.png({ scale: 1 }));
    expect(readdirSync(folder).sort()).toEqual(["a.HTML", "a.png", "a.svg"]);
  });

  it("refuses other endings and options, and names a file that cannot be written", async () => {
    await expect(picture.save(at("a.gif"))).rejects.toThrow(/expected a name that ends with .svg, .html or/);
    await expect(picture.save(at("b.svg"), { scale: 2 })).rejects.toThrow(/svg: unknown option "scale"/);
    await expect(picture.save(at("none/b.svg"))).rejects.toThrow(
      /none\/b.svg" cannot be written: there is no/,
    );
    await expect(writeNowhere("a.svg", "")).rejects.toThrow(/this host has no files/);
    expect(readdirSync(folder)).toHaveLength(3);
  });
});

describe("svg", () => {
  it("follows the reader's system, or has fixed colors", () => {
    const dark = "@media screen and (prefers-color-scheme:dark)";
    expect(picture.svg()).toContain(dark);
    expect(picture.svg({ theme: "light" })).not.toContain(dark);
    const fixed = picture.svg({ theme: "dark" });
    expect(fixed).not.toMatch(/<style|class=/);
    expect(fixed).toContain('fill="#15171c"');
    expect(fixed).not.toContain("#ffffff");
  });

  it("has other ids for other contents, and the given ones", () => {
    const ids = (svg: string) => [...svg.matchAll(/ id="([^"]*)"/g)].map(([, id]) => id);
    expect(ids(picture.svg())).toEqual(ids(picture.svg({ width: 320 })));
    expect(ids(picture.svg())).not.toEqual(ids(scatter([], { title: "Other" }).svg()));
    expect(ids(picture.svg({ id: "one" }))).toEqual(["one-title", "one-description"]);
  });

  it("has the details of marks as titles, unless there are many", () => {
    expect(picture.svg().match(/<title>x1: /g)).toHaveLength(50);
    expect(scatter(xorPoints(1000)).svg()).not.toContain("<title>x1: ");
  });

  it("escapes any text", () => {
    const title = `</text><script>"&'\u0000\u001b\uD800\uFFFF`;
    const texts = textsOf(scatter([], { title, xLabel: "<a", yLabel: "]]>" }).svg());
    expect(texts).toEqual(expect.arrayContaining([`</text><script>"&' \uFFFD`, "<a", "]]>"]));
  });

  it("keeps points of any size inside the picture", () => {
    const number = fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e300, max: 1e300 });
    fc.assert(
      fc.property(fc.array(fc.tuple(number, number, number), { maxLength: 5 }), (list) => {
        const file = parse(scatter(list.map(([x, y, value]) => ({ x, y, value }))).svg());
        const circles = [...file.getElementsByTagName("circle")];
        expect(circles).toHaveLength(list.length);
        for (const circle of circles) {
          expect(Number(circle.getAttribute("cx"))).toBeGreaterThanOrEqual(0);
          expect(Number(circle.getAttribute("cx"))).toBeLessThanOrEqual(720);
        }
      }),
      // Values so close that a step between them underflows.
      {
        examples: [
          [
            [
              [0, 0, -5e-324],
              [0, 0, 5e-324],
            ],
          ],
          [
            [
              [0, 0, 1],
              [0, 0, 1 + 2e-16],
            ],
          ],
          [
            [
              [0, 0, 1e300],
              [1, 1, -1e300],
            ],
          ],
        ],
      },
    );
  });
});

describe("png", () => {
  it("has the size of the SVG times the scale", async () => {
    const bytes = await picture.png({ width: 400, scale: 1.5 });
    const view = new DataView(bytes.buffer);
    expect([...bytes.subarray(1, 4)]).toEqual([..."PNG"].map((letter) => letter.charCodeAt(0)));
    expect(view.getUint32(16)).toBe(600);
    const height = Number(/height="(\d+)"/.exec(picture.svg({ width: 400 }))?.[1]);
    expect(view.getUint32(20)).toBe(Math.round(height * 1.5));
  });

  it("is different on a dark page", async () => {
    expect(await picture.png({ theme: "dark" })).not.toEqual(await picture.png());
  });

  it("names the package where it is not installed, and what to do where there is no Node", async () => {
    // A copy of the file in a folder that has no packages.
    const folder = mkdtempSync(join(tmpdir(), "myelin-png-"));
    try {
      const { build } = await import("vite");
      await build({
        configFile: false,
        logLevel: "silent",
        build: {
          lib: {
            entry: new URL("../../src/plot/png.ts", import.meta.url).pathname,
            formats: ["es"],
            fileName: "png",
          },
          outDir: folder,
        },
      });
      const script = `import { renderPng } from ${JSON.stringify(join(folder, "png.js"))}; await renderPng("<svg/>", 1, false).catch(({ message }) => console.log(message));`;
      writeFileSync(join(folder, "run.mjs"), script);
      const { execFileSync } = await import("node:child_process");
      const printed = execFileSync(process.execPath, [join(folder, "run.mjs")], { encoding: "utf8" });
      expect(printed.trim()).toBe(
        "png: PNG needs a package that is not installed. Fix: npm i @resvg/resvg-js",
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
    await expect(renderNowhere("", 1, false)).rejects.toThrow(FileError);
  });
});

describe("terminal", () => {
  it("draws bars to both sides of zero, with names and values", () => {
    const text = importanceBars({ up: 0.5, down: -0.5 }).terminal({ width: 40 });
    expect(text).toMatch(/\n +up +█+ {2}0.5\n *down █+ +-0.5\n/);
  });

  it("draws bars of the least numbers that a double has", () => {
    const text = importanceBars({ up: 1e-323, down: -1e-323 }).terminal({ width: 40 });
    expect(text).toMatch(/\n +up +█+ {2}\S+\n *down █+ +-\S+\n/);
  });

  it("shows the quadrants of XOR in colors", () => {
    const lines = scatter(xorPoints(2000))
      .terminal({ color: true })
      .split("\n")
      .filter((line) => /[┤│]/.test(line));
    const colors = (line: string) => line.match(/38;5;\d+/g) ?? [];
    expect([colors(lines[1]).at(0), colors(lines[1]).at(-1)]).toEqual(["38;5;208", "38;5;26"]);
    const bottom = colors(lines[lines.length - 2]);
    expect([bottom.at(0), bottom.at(-1)]).toEqual(["38;5;26", "38;5;208"]);
  });

  it("removes control characters from names", () => {
    expect(scatter([], { title: "\u001b[31mred\u0007\n" }).terminal()).toMatch(/^ \[31mred\n/);
  });

  it("is what String returns", () => {
    expect(String(picture)).toBe(picture.terminal());
  });
});

describe("options", () => {
  it.each([
    ["an unknown one", () => picture.svg({ wide: 3 } as never), /wide/],
    [
      "a width",
      () => picture.svg({ width: 100 }),
      "svg: width: expected a number from 320 to 1600, received 100",
    ],
    [
      "a theme",
      () => picture.html({ theme: "blue" as never }),
      /html: theme: expected one of "auto", "light", "dark", received "blue"/,
    ],
    ["an id", () => picture.svg({ id: "1 2" }), /svg: id/],
    ["a color", () => picture.terminal({ color: 1 as never }), /terminal: color/],
    ["an unknown one of a picture", () => scatter([], { titel: "T" } as never), /scatter.*titel/],
    [
      "a title that is not text",
      () => scatter([], { title: 3 as never }),
      "scatter: title: expected a text, received 3",
    ],
    ["a range", () => scatter([{ x: 0, y: 0, value: 1 }], { valueRange: [1, 0] }), /valueRange/],
  ] as const)("refuse %s", (_, call, message) => {
    expect(call).toThrow(OptionError);
    expect(call).toThrow(message);
  });

  it("of png are refused too", async () => {
    await expect(picture.png({ scale: 9 })).rejects.toThrow(
      "png: scale: expected a number from 0.5 to 4, received 9",
    );
  });
});
