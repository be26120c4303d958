// Compares the peak resident memory of `fit` with a bound: node bench/memory.js
// Each net is trained for two epochs in a process of its own. The memory of a process that only imports the
// package and creates a small model is subtracted.
import { spawnSync } from "node:child_process";
import { argv } from "node:process";
import { fileURLToPath } from "node:url";
import { modelOf, randomRows } from "./model.js";
import { figure, table } from "./table.js";

const sgd = { type: "sgd", learningRate: 0.0001 };
const adam = { type: "adam", learningRate: 0.0001 };

const NETS = [
  { widths: [2, 64, 1], rows: 1000, batchSize: 5, optimizer: sgd },
  { widths: [2, 64, 1], rows: 5_000_000, batchSize: 512, optimizer: sgd },
  { widths: [4, 32, 16, 4], rows: 1_000_000, batchSize: 10_000, optimizer: adam },
  { widths: [784, 128, 10], rows: 30_000, batchSize: 32, optimizer: adam },
  { widths: [784, 512, 256, 10], rows: 30_000, batchSize: 512, optimizer: adam },
  { widths: [2048, 2048, 2048, 10], rows: 4096, batchSize: 256, optimizer: adam },
];
const MEGABYTE = 1e6;
const CHUNK_ROWS = 512; // the maximum number of rows in the net at a time

const floats = (count) => 4 * count;

/** Returns the bound: data and its copy, the row order, parameters with state twice, activations, 30 MB. */
function bound({ widths, rows, batchSize, optimizer }) {
  const data = floats(rows * (widths[0] + widths.at(-1)));
  const parameters = widths.slice(1).reduce((sum, units, layer) => sum + units * (widths[layer] + 1), 0);
  const copies = 2 * (1 + (optimizer.type === "adam" ? 2 : 0));
  const activations =
    2 * floats(Math.min(batchSize, CHUNK_ROWS) * widths.reduce((sum, width) => sum + width));
  return 2 * data + 4 * rows + floats(parameters * copies) + activations + 30 * MEGABYTE;
}

async function child(at) {
  if (at >= 0) {
    const { rows, batchSize, ...net } = NETS[at];
    await modelOf(net, { kernel: "native" }).fit(randomRows(net.widths, rows), { epochs: 2, batchSize });
  } else modelOf({ widths: [2, 1], optimizer: sgd }, { kernel: "native" });
  console.log(process.resourceUsage().maxRSS * 1024);
}

function peakOf(at) {
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    [fileURLToPath(import.meta.url), String(at)],
    {
      encoding: "utf8",
    },
  );
  if (status !== 0) throw new Error(stderr);
  return Number(stdout);
}

function main() {
  const bare = peakOf(-1);
  const megabytes = (bytes) => figure(bytes / MEGABYTE);
  const lines = NETS.map((net, at) => {
    const taken = peakOf(at) - bare;
    const may = bound(net);
    if (taken > may) process.exitCode = 1;
    const name = `${net.widths.join("-")} ${net.optimizer.type}, batch ${net.batchSize}`;
    const cells = [String(net.rows), megabytes(taken), megabytes(may), taken <= may ? "within" : "above"];
    return [name, ...cells];
  });
  console.log(`A process that only imports the package: ${megabytes(bare)} MB\n`);
  console.log(table([["net", "rows", "fit takes, MB", "may take, MB", ""], ...lines]));
}

if (argv[2] === undefined) main();
else await child(Number(argv[2]));
