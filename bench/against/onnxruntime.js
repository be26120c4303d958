// onnxruntime-node, for predictions: node onnxruntime.js <folder of the work> <threads, 0 for its choice>
// make_onnx.py writes the folder's model.onnx. The tensors of the rows are created before timing starts.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { readWork } from "../data.js";
import { serve, turn } from "../serve.js";

const [, , folder, threads] = process.argv;
const { x, widths, batchSize } = readWork(folder);
const session = await InferenceSession.create(readFileSync(join(folder, "model.onnx")), {
  executionMode: "sequential",
  ...(Number(threads) > 0 && { intraOpNumThreads: Number(threads), interOpNumThreads: 1 }),
});
const tensor = (values) => new Tensor("float32", values, [values.length / widths[0], widths[0]]);
const size = batchSize * widths[0];
const feeds = Array.from({ length: Math.floor(x.length / size) }, (_, at) => ({
  x: tensor(x.slice(at * size, (at + 1) * size)),
}));

async function check() {
  const { y } = await session.run({ x: tensor(x) });
  return { value: y.data.reduce((sum, value) => sum + value, 0) / y.data.length };
}

async function piece() {
  for (const feed of feeds) await session.run(feed);
}

const { version } = createRequire(import.meta.url)("onnxruntime-node/package.json");
const run = turn(() => ({ pieces: 100, steps: feeds.length, piece }));
await serve({ version: () => ({ version }), check, run });
