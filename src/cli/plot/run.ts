/** `myelin plot`: a picture of a model or a table. */
import { extname } from "node:path";
import type { Picture } from "myelin/plot";
import { unknownName } from "../../options/names.ts";
import { wrongUse } from "../failures.ts";
import { holdsModel, isTableModel, loadAny, nameOf, readRows, refuseReading } from "../input.ts";
import { hasColors, note, print, printJson, width } from "../output.ts";
import { checkOutput, openSink } from "../outputFile.ts";
import type { ReadingValues } from "../reading.ts";
import { KINDS, type Kind, type KindName } from "./names.ts";
import { ofNetwork, ofTable, ofTableModel, type PlotOptions } from "./pictures.ts";

interface Options extends ReadingValues, PlotOptions {
  readonly output?: string;
  readonly data?: string;
  readonly width?: number;
  readonly theme?: "auto" | "light" | "dark";
  readonly json?: boolean;
}

const ENDINGS = [".svg", ".html", ".png"];
/** Pictures of the probability of a class. */
const WITH_CLASS: readonly string[] = ["roc", "precision-recall", "calibration", "dependence", "boundary"];
/** Lines of a plot in the terminal. */
const HEIGHT = 20;

/** Draws a picture. */
export async function plotCommand(source: string, name: string, options: Options): Promise<void> {
  if (!Object.hasOwn(KINDS, name))
    throw wrongUse(unknownName("plot", "picture", name, Object.keys(KINDS)).message);
  const { output, json } = options;
  if (output !== undefined && !ENDINGS.includes(extname(output).toLowerCase())) {
    throw wrongUse(
      `--output ${JSON.stringify(output)}: expected a name that ends with ${ENDINGS.join(", ")}`,
    );
  }
  if (output !== undefined) checkOutput("--output", output, [source, options.data]);
  const picture = await draw(source, name as KindName, options);
  const { title, description } = picture;
  if (output === undefined) {
    if (json) printJson({ title, description });
    else
      print(
        picture.terminal({ width: Math.min(width(), 120), height: HEIGHT, color: hasColors(process.stdout) }),
      );
    return;
  }
  await write(picture, output, options);
  if (json) printJson({ title, description, output });
  else note(`wrote ${output}: ${title}`);
}

async function draw(source: string, name: KindName, options: Options): Promise<Picture> {
  const kind: Kind = KINDS[name];
  checkOptions(name, kind, options);
  const isModel = await holdsModel(source);
  if (kind.of === "table") {
    if (isModel)
      throw wrongUse(
        `${nameOf(source)} holds a model, and ${name} is a picture of a table. ${picturesOf("model")}`,
      );
    return ofTable(name, await readRows(source, options, "plot"), options);
  }
  if (!isModel)
    throw wrongUse(
      `${nameOf(source)} holds a table, and ${name} is a picture of a model. ${picturesOf("table")}`,
    );
  const model = await loadAny(source, "plot");
  try {
    if (kind.of === "network") {
      if (isTableModel(model))
        throw wrongUse(
          `${nameOf(source)} holds the model of a table, and ${name} is a picture of a single network`,
        );
      return ofNetwork(name, model, options);
    }
    if (!isTableModel(model))
      throw wrongUse(
        `${nameOf(source)} holds a single network, and ${name} is a picture of the model of a table`,
      );
    return await ofTableModel(name, model, await readRows(options.data as string, options, "plot"), options);
  } finally {
    model.dispose();
  }
}

function picturesOf(what: "table" | "model"): string {
  const found = Object.entries(KINDS).filter(([, { of }]) => (of === "table") === (what === "table"));
  return `Fix: a ${what} has the pictures ${found.map(([name]) => name).join(", ")}`;
}

function checkOptions(name: string, { columns = 0, needsData = false }: Kind, options: Options): void {
  const given = options.columns?.length ?? 0;
  if (given !== columns) {
    const expected = columns === 0 ? "no --columns" : columns === 1 ? "one column" : `${columns} columns`;
    const names = columns === 1 ? "NAME" : "NAME,NAME";
    const fix = columns === 0 ? "leave it out" : `--columns ${names}; myelin inspect shows the names`;
    throw wrongUse(`plot ${name}: expected ${expected}, received ${given}. Fix: ${fix}`);
  }
  if (needsData && options.data === undefined)
    throw wrongUse(`plot ${name}: expected a table with answers. Fix: --data FILE`);
  if (!needsData && options.data !== undefined)
    throw wrongUse(`plot ${name}: --data is for pictures of predictions. Fix: leave it out`);
  const { of } = KINDS[name as KindName];
  const idle: readonly (readonly [option: keyof Options, isFor: boolean, what: string])[] = [
    ["color", name === "scatter", "scatter"],
    ["class", WITH_CLASS.includes(name), WITH_CLASS.join(", ")],
    ["target", of === "table model", "a model of several targets"],
    ["width", options.output !== undefined, "a file. Fix: give -o, or"],
    ["theme", options.output !== undefined, "a file. Fix: give -o, or"],
  ];
  for (const [option, isFor, what] of idle) {
    if (options[option] === undefined || isFor) continue;
    const fix = what.includes("Fix:") ? "" : ". Fix:";
    throw wrongUse(`plot ${name}: --${option} is for ${what}${fix} leave it out`);
  }
  if (of === "network") refuseReading(options, `${name} is a picture of a network`);
}

async function write(picture: Picture, output: string, { width: pixels, theme }: Options): Promise<void> {
  const given = { ...(pixels !== undefined && { width: pixels }), ...(theme !== undefined && { theme }) };
  const ending = extname(output).toLowerCase();
  if (ending === ".png" && theme === "auto")
    throw wrongUse("--theme auto is for SVG and HTML. Fix: light or dark");
  const content =
    ending === ".svg"
      ? picture.svg(given)
      : ending === ".html"
        ? picture.html(given)
        : await picture.png(given as { width?: number; theme?: "light" | "dark" });
  const sink = await openSink(output);
  try {
    await sink.write(content);
    await sink.end();
  } catch (error) {
    await sink.discard();
    throw error;
  }
}
