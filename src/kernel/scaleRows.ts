/** Rows whose inputs are scaled, for kernels that copy them in JavaScript. */
import { allocate } from "../memory.ts";

/** Returns a copy of rows with each input multiplied by its factor. */
export function scaleRows(x: Float32Array, scales: Float32Array): Float32Array<ArrayBuffer> {
  const scaled = allocate(x.length, () => "a copy of the rows");
  for (let start = 0; start < x.length; start += scales.length)
    for (let at = 0; at < scales.length; at++) scaled[start + at] = x[start + at] * scales[at];
  return scaled;
}
