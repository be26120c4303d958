/** Stands in for `png.ts` where packages cannot be loaded: in browsers and other hosts that are not Node. */
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
