import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { configure } from "../src/formats/configuration.ts";
import {
  type ClipGradients,
  type Layer,
  type LayerWeights,
  type Loss,
  Model,
  type Optimizer,
  type Schedule,
} from "../src/index.ts";
import { shapes, toProgram } from "../src/nn/program.ts";
import { fromLayers, toLayers } from "../src/nn/weights.ts";
import { expectNear, flatten, kernelNames, kernels } from "./kernels.ts";

interface Case {
  readonly name: string;
  readonly inputs: number;
  readonly layers: readonly Layer[];
  readonly loss: Loss;
  readonly optimizer: Optimizer;
  readonly clipGradients: ClipGradients | null;
  readonly l1: number;
  readonly l2: number;
  readonly schedule: Schedule | null;
  readonly sampleWeight: number[] | null;
  readonly classWeight: number[] | null;
  readonly batchSize: number;
  readonly epochs: number;
  readonly x: number[][];
  readonly y: number[][];
  readonly initial: LayerWeights[];
  readonly final: LayerWeights[];
  readonly firstGradients: LayerWeights[];
  readonly stepLosses: number[];
  readonly learningRates: number[];
  readonly predictions: number[][];
}

const folder = new URL("fixtures/oracle/", import.meta.url);
const read = (file: string) => JSON.parse(readFileSync(new URL(file, folder), "utf8"));
const cases: Case[] = readdirSync(folder)
  .filter((file) => file.endsWith(".json") && file !== "article-xor.json")
  .map(read);

/** Returns the mean loss of each epoch over its rows, from the losses of its steps. */
function epochLosses({ stepLosses, x, batchSize, epochs }: Case): number[] {
  const steps = stepLosses.length / epochs;
  return Array.from({ length: epochs }, (_, epoch) => {
    const losses = stepLosses.slice(epoch * steps, (epoch + 1) * steps);
    const sum = losses.reduce((total, loss, step) => {
      return total + loss * Math.min(batchSize, x.length - step * batchSize);
    }, 0);
    return sum / x.length;
  });
}

/** Returns the weight of each row. */
function weightsOf({ sampleWeight, classWeight, y }: Case): number[] {
  return y.map(([label], row) => (sampleWeight?.[row] ?? 1) * (classWeight?.[label] ?? 1));
}

/** Returns the loss and the gradients of the first batch. `Model.gradients` takes no weights. */
function firstGradients(name: (typeof kernelNames)[number], reference: Case) {
  const { batchSize, inputs } = reference;
  const kernel = kernels.find((entry) => entry.name === name)!;
  const configuration = configure(reference);
  const network = kernel.network(toProgram(configuration));
  network.write("parameters", fromLayers(shapes(configuration), reference.initial, "initial"));
  const flat = (list: number[][]) => Float32Array.from(list.slice(0, batchSize).flat());
  const [x, y] = [flat(reference.x), flat(reference.y)];
  const weights = Float32Array.from(weightsOf(reference).slice(0, batchSize));
  const { loss, values } = network.gradients(kernel.dataset(x, y, inputs, reference.y[0].length, weights));
  return { loss, layers: toLayers(shapes(configuration), values, { measured: false }) };
}

describe.each(kernelNames)("the %s kernel reproduces PyTorch's runs", (kernel) => {
  test.each(cases.map((entry) => [entry.name, entry] as const))("%s", (_, reference) => {
    const { inputs, layers, loss, optimizer, clipGradients, l1, l2 } = reference;
    const { x, y, batchSize, epochs } = reference;
    const given = {
      schedule: reference.schedule ?? undefined,
      sampleWeight: reference.sampleWeight ?? undefined,
      classWeight: reference.classWeight ?? undefined,
    };
    const model = new Model({ inputs, layers, loss, optimizer, clipGradients, l1, l2, kernel, seed: 0 });
    model.setWeights(reference.initial);
    const first = firstGradients(kernel, reference);
    expectNear(flatten(first.layers), flatten(reference.firstGradients), 1e-5);
    expectNear([first.loss], [reference.stepLosses[0]], 1e-5);
    const history = model.fitSync(x, y, { epochs, batchSize, shuffle: false, ...given });
    expectNear(history.loss, epochLosses(reference), 1e-4);
    expectNear(history.learningRate, reference.learningRates, 1e-12);
    expectNear(flatten(model.getWeights()), flatten(reference.final), 1e-4);
    expectNear(flatten(model.predict(x)), flatten(reference.predictions), 1e-4);
  });

  describe("the article's run", () => {
    const article = read("article-xor.json");
    const x: number[][] = article.x;
    const y = (article.y as number[][]).flat();
    const train = (batchSize: number, epochs: number) => {
      const model = new Model({
        inputs: 2,
        layers: ["dense", "relu", "dense"].map((type, index) =>
          type === "relu" ? "relu" : { type: "dense", units: index === 0 ? 64 : 1 },
        ) as Layer[],
        loss: "meanSquaredError",
        optimizer: { type: "sgd", learningRate: article.learningRate },
        kernel,
        seed: 0,
      });
      const [first, second] = article.initial as LayerWeights[];
      model.setWeights([first, {}, second]);
      const history = model.fitSync(x, y, { epochs, batchSize, shuffle: false });
      const errors = history.loss.map((loss) => (loss * x.length) / batchSize);
      const predictions = model.predict(x).flat();
      const absoluteErrors = predictions.reduce((sum, value, row) => sum + Math.abs(value - y[row]), 0);
      return { errors, absoluteErrors };
    };
    const relative = (actual: number, expected: number) => Math.abs(actual - expected) / expected;

    test("batch 5, 300 epochs", () => {
      const { errors, absoluteErrors } = train(article.batchSize, article.epochs);
      for (let epoch = 0; epoch < 5; epoch++) {
        expect(relative(errors[epoch], article.epochErrors[epoch])).toBeLessThan(1e-4);
      }
      expect(relative(errors[299], article.epochErrors[299])).toBeLessThan(0.02);
      expect(relative(absoluteErrors, article.absoluteErrorSum)).toBeLessThan(0.02);
    });

    test("one row per step, as the article's code computes it", () => {
      const { epochs, epochErrors, absoluteErrorSum } = article.batchOne;
      const { errors, absoluteErrors } = train(1, epochs);
      for (let epoch = 0; epoch < 5; epoch++) {
        expect(relative(errors[epoch], epochErrors[epoch])).toBeLessThan(1e-4);
      }
      expect(relative(errors[epochs - 1], epochErrors[epochs - 1])).toBeLessThan(0.02);
      expect(relative(absoluteErrors, absoluteErrorSum)).toBeLessThan(0.02);
    });
  });
});
