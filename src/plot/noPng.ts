/** Stands in for `png.ts` where there are no packages and no files: in browsers and other hosts that are not Node. */
import { FileError } from "../errors.ts";

/** Says what to use instead. */
export async function renderPng(
  _svg: string,
  _scale: number,
  _isDark: boolean,
): Promise<Uint8Array<ArrayBuffer>> {
  throw new FileError(
    "png: this host cannot load @resvg/resvg-js. Fix: draw the SVG on a canvas, or call png() in Node",
  );
}

/** Says what to use instead. */
export async function writePicture(_path: string | URL, _content: string | Uint8Array): Promise<void> {
  throw new FileError("save: this host has no files. Fix: store what svg() or html() returns");
}
