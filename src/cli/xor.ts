/** `myelin xor`: the training of the article, from its data to its plot. */
import { accessSync, constants, mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { type Dataset, dense, initializers, type KernelChoice, Model, relu, sgd, xor } from "myelin";
import { fileError } from "../files/paths.ts";
import { hasColors, note, print, printJson, width } from "./output.ts";
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
  readonly json?: boolean;
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
async function train(model: Model, data: Dataset, { epochs, batchSize, json }: XorOptions): Promise<Trained> {
  const losses: number[] = [];
  const started = performance.now();
  const progress = showEpochs(epochs, json ? process.stderr : process.stdout);
  try {
    // A call for each epoch would take longer than the epoch.
    while (losses.length < epochs) {
      const next = Math.min(epochs, progress.next(losses.length)) - losses.length;
      const { loss } = await model.fit(data, { epochs: next, batchSize, shuffle: false });
      progress.update(losses.push(...loss), loss[loss.length - 1]);
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

/** How good the predictions are. */
function scoresOf(results: readonly Outcome[]) {
  const right = results.filter(({ isWrong }) => !isWrong).length;
  return {
    sumOfAbsoluteErrors: results.reduce(
      (sum, { prediction, label }) => sum + Math.abs(prediction - label),
      0,
    ),
    accuracy: right / results.length,
  };
}

function printEvaluation(results: readonly Outcome[]): void {
  const { sumOfAbsoluteErrors, accuracy } = scoresOf(results);
  print(`sum of absolute errors: ${sumOfAbsoluteErrors.toFixed(2)}`);
  print(`accuracy at 0.5: ${(100 * accuracy).toFixed(1)} %`);
  print("");
  print("    x1      x2  prediction  label");
  for (const { x1, x2, prediction, label } of results.slice(0, TABLE_ROWS)) {
    const cells = [x1.toFixed(3).padStart(6), x2.toFixed(3).padStart(6), prediction.toFixed(3).padStart(10)];
    print(`${cells.join("  ")}  ${String(label).padStart(5)}`);
  }
  if (results.length > TABLE_ROWS) print(`   … and ${results.length - TABLE_ROWS} more`);
  print("");
}

/** Draws the predictions: into two files, whose paths it returns, and as text. */
async function plot(results: readonly Outcome[], losses: readonly number[], folder: string) {
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
  const picture = scatter(points, options);
  const svg = join(folder, "xor.svg");
  const html = join(folder, "xor.html");
  await picture.save(svg);
  await picture.save(html);
  return {
    svg,
    html,
    text: () =>
      picture.terminal({ width: Math.min(width(), 120), height: 20, color: hasColors(process.stdout) }),
  };
}

/** Makes a missing folder. Not recursively, because Node 20 hangs on a folder that cannot be made. */
function makeFolder(folder: string): void {
  try {
    mkdirSync(folder);
  } catch (error) {
    if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory())
      throw fileError(`--folder ${JSON.stringify(folder)} cannot be made`, error);
  }
  try {
    accessSync(folder, constants.W_OK);
  } catch (error) {
    throw fileError(`--folder ${JSON.stringify(folder)} cannot be written`, error);
  }
}

/** Trains the network of the article, prints its evaluation and draws its predictions. */
export async function xorCommand(options: XorOptions): Promise<void> {
  // Fails before the training rather than after it.
  makeFolder(options.folder);
  const data = xor({ examples: options.examples, seed: options.seed });
  const model = build(options);
  (options.json ? note : print)(
    `training 2-64-1 on ${data.rows} examples, batch ${options.batchSize}, learning rate ${options.learningRate}`,
  );
  const { seconds, losses } = await train(model, data, options);
  const stepsPerSecond = (options.epochs * Math.ceil(data.rows / options.batchSize)) / seconds;
  const results = outcomes(model, data);
  const { name, reason } = model.kernel;
  const { svg, html, text } = await plot(results, losses, options.folder);
  if (options.json) {
    const { epochs, batchSize, learningRate, seed } = options;
    printJson({
      ...{ examples: data.rows, epochs, batchSize, learningRate, seed, losses, ...scoresOf(results) },
      ...{ kernel: name, seconds, stepsPerSecond, svg, html },
      predictions: results.map(({ isWrong: _, ...result }) => result),
    });
    return;
  }
  print("");
  printEvaluation(results);
  print(name === "native" ? "kernel: native" : `kernel: ${name} (${reason})`);
  print(
    `time: ${seconds.toFixed(3)} s, ${Math.round(stepsPerSecond).toLocaleString("en-US")} steps a second`,
  );
  print("");
  print(text());
  print(`wrote ${svg} and ${html}`);
}
