/** Draws SVG as PNG with the package @resvg/resvg-js, which the user installs, and writes pictures into files. */
import { FileError, OptionError } from "../errors.ts";
import { readPath, withPath } from "../files/paths.ts";
import { replace } from "../files/replace.ts";

/** What we use of the package. */
interface Resvg {
  readonly Resvg: new (svg: string, options: object) => { render(): { asPng(): Uint8Array<ArrayBuffer> } };
}

const PACKAGE = "@resvg/resvg-js";

// The name is a variable, because a bundler would look for a package that may not be installed.
async function importPackage(name: string): Promise<Resvg> {
  try {
    const found = await import(/* @vite-ignore */ /* webpackIgnore: true */ name);
    return found.Resvg === undefined ? found.default : found;
  } catch (error) {
    const { message } = error as Error;
    const isAbsent =
      /cannot find|could not resolve/i.test(message) && /(["'])([^"']+)\1/.exec(message)?.[2] === name;
    if (isAbsent)
      throw new OptionError(`png: PNG needs a package that is not installed. Fix: npm i ${PACKAGE}`);
    throw new FileError(`png: ${name} cannot be loaded: ${message}`, { cause: error });
  }
}

/** Returns the bytes of a PNG; `scale` is the number of its pixels for each pixel of the SVG. */
export async function renderPng(
  svg: string,
  scale: number,
  isDark: boolean,
): Promise<Uint8Array<ArrayBuffer>> {
  const { Resvg } = await importPackage(PACKAGE);
  const rendered = new Resvg(svg, {
    fitTo: { mode: "zoom", value: scale },
    font: { loadSystemFonts: true, defaultFontFamily: "DejaVu Sans" },
    background: isDark ? "#15171c" : "#ffffff",
  }).render();
  return new Uint8Array(rendered.asPng());
}

/** Writes a file, or replaces it, in one step. */
export async function writePicture(path: string | URL, content: string | Uint8Array): Promise<void> {
  const file = readPath(path, "save", "a picture");
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  await withPath(`save: ${JSON.stringify(file)} cannot be written`, () => replace(file, [bytes]));
}
