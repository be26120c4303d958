/** `myelin xor`: the training of the article, from its data to its plot. */
import { accessSync, constants, mkdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Dataset, dense, initializers, type KernelChoice, Model, relu, sgd, xor } from "myelin";
import { environmentVariable } from "../host.ts";
import { showEpochs } from "./progress.ts";

/** The options of the command line. */
export interface XorOptions {
  readonly examples: number;
  readonly epochs: number;
  readonly batchSize: number;
  readonly learningRate: number;
  readonly seed: number;
  readonly folder: string;
  readonly kernel: KernelChoice;
}

/** The prediction for one example, and its label. */
interface Outcome {
  readonly x1: number;
  readonly x2: number;
  readonly prediction: number;
  readonly label: number;
  /** Whether prediction and label are on different sides of 0.5. */
  readonly isWrong: boolean;
}

/** The number of rows of the printed table. */
const TABLE_ROWS = 8;

const print = (text: string) => process.stdout.write(`${text}\n`);

function build({ learningRate, seed, kernel }: XorOptions): Model {
  // The initial weights of the article.
  const start = { weightInitializer: initializers.uniform(), biasInitializer: initializers.uniform() };
  return new Model({
    inputs: 2,
    layers: [dense(64, start), relu(), dense(1, start)],
    loss: "meanSquaredError",
    optimizer: sgd({ learningRate }),
    seed,
    kernel,
  });
}

/** A finished training. */
interface Trained {
  readonly seconds: number;
  /** The mean squared error of each epoch. */
  readonly losses: readonly number[];
}

/** Trains and shows the progress. */
async function train(model: Model, data: Dataset, { epochs, batchSize }: XorOptions): Promise<Trained> {
  const losses: number[] = [];
  const started = performance.now();
  const progress = showEpochs(epochs);
  try {
    for await (const { loss } of model.epochs(data, { epochs, batchSize, shuffle: false })) {
      progress.update(losses.push(loss), loss);
    }
  } finally {
    progress.end();
  }
  return { seconds: (performance.now() - started) / 1000, losses };
}

function outcomes(model: Model, data: Dataset): Outcome[] {
  const predictions = model.predict(data);
  return Array.from(predictions, (prediction, row) => ({
    x1: data.x[2 * row],
    x2: data.x[2 * row + 1],
    prediction,
    label: data.y[row],
    isWrong: prediction >= 0.5 !== (data.y[row] === 1),
  }));
}

function printEvaluation(results: readonly Outcome[]): void {
  const absolute = results.reduce((sum, { prediction, label }) => sum + Math.abs(prediction - label), 0);
  const right = results.filter(({ isWrong }) => !isWrong).length;
  print(`sum of absolute errors: ${absolute.toFixed(2)}`);
  print(`accuracy at 0.5: ${((100 * right) / results.length).toFixed(1)} %`);
  print("");
  print("    x1      x2  prediction  label");
  for (const { x1, x2, prediction, label } of results.slice(0, TABLE_ROWS)) {
    const cells = [x1.toFixed(3).padStart(6), x2.toFixed(3).padStart(6), prediction.toFixed(3).padStart(10)];
    print(`${cells.join("  ")}  ${String(label).padStart(5)}`);
  }
  if (results.length > TABLE_ROWS) print(`   … and ${results.length - TABLE_ROWS} more`);
  print("");
}

async function plot(results: readonly Outcome[], losses: readonly number[], folder: string): Promise<void> {
  const { scatter } = await import("myelin/plot");
  const points = results.map(({ x1, x2, prediction, label, isWrong }) => ({
    x: x1,
    y: x2,
    value: prediction,
    details: { x1, x2, prediction, label },
    marked: isWrong,
  }));
  const options = {
    title: "What the network learned of XOR",
    xLabel: "x1",
    yLabel: "x2",
    valueLabel: "prediction",
    valueRange: [0, 1] as const,
    markLabel: "misclassified",
    losses: { name: "mean squared error", values: losses },
  };
  const color =
    process.stdout.isTTY && process.stdout.hasColors() && environmentVariable("NO_COLOR") === undefined;
  const width = Math.min(process.stdout.columns ?? 80, 120);
  const picture = scatter(points, options);
  print(picture.terminal({ width, height: 20, color }));
  const svg = join(folder, "xor.svg");
  const html = join(folder, "xor.html");
  writeFileSync(svg, picture.svg());
  writeFileSync(html, picture.html());
  print(`wrote ${svg} and ${html}`);
}

/** Makes a missing folder. Not recursively, because Node 20 hangs on a folder that cannot be made. */
function makeFolder(folder: string): void {
  try {
    mkdirSync(folder);
  } catch (error) {
    if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) throw error;
  }
  accessSync(folder, constants.W_OK);
}

/** Trains the network of the article, prints its evaluation and draws its predictions. */
export async function xorCommand(options: XorOptions): Promise<void> {
  // Fails before the training rather than after it.
  makeFolder(options.folder);
  const data = xor({ examples: options.examples, seed: options.seed });
  const model = build(options);
  print(
    `training 2-64-1 on ${data.rows} examples, batch ${options.batchSize}, learning rate ${options.learningRate}`,
  );
  const { seconds, losses } = await train(model, data, options);
  const steps = options.epochs * Math.ceil(data.rows / options.batchSize);
  const rate = Math.round(steps / seconds).toLocaleString("en-US");
  const results = outcomes(model, data);
  print("");
  printEvaluation(results);
  const { name, reason } = model.kernel;
  print(name === "native" ? "kernel: native" : `kernel: ${name} (${reason})`);
  print(`time: ${seconds.toFixed(3)} s, ${rate} steps a second`);
  print("");
  await plot(results, losses, options.folder);
}
