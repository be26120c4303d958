/** A name from Keras, PyTorch or scikit-learn is refused with its name in Myelin, in every call. */
import { describe, expect, test } from "vitest";
import { ARCHITECTURE } from "../src/formats/configuration.ts";
import {
  callbacks,
  dense,
  dropout,
  gaussianNoise,
  initializers,
  losses,
  Model,
  metrics,
  OptionError,
  schedules,
  sgd,
} from "../src/index.ts";
import * as metricTable from "../src/metrics/table.ts";
import * as activations from "../src/nn/activations.ts";
import { layers } from "../src/nn/layers.ts";
import * as optimizers from "../src/nn/optimizers.ts";
import { complete, type Table } from "../src/options.ts";
import { meantBy } from "../src/synonyms.ts";
import { FIT_OPTIONS } from "../src/training/options.ts";
import { data, failureOf, makeModel } from "./samples.ts";

const tables: Record<string, [Table<unknown>, Record<string, string>]> = {
  loss: [
    losses as Table<unknown>,
    {
      mse: "meanSquaredError",
      MSELoss: "meanSquaredError",
      mean_squared_error: "meanSquaredError",
      mae: "meanAbsoluteError",
      L1Loss: "meanAbsoluteError",
      SmoothL1Loss: "huber",
      huber_loss: "huber",
      log_cosh: "logCosh",
      pinball_loss: "quantile",
      PoissonNLLLoss: "poisson",
      bce: "binaryCrossentropy",
      BCEWithLogitsLoss: "binaryCrossentropy",
      log_loss: "binaryCrossentropy",
      binary_crossentropy: "binaryCrossentropy",
      categorical_crossentropy: "categoricalCrossentropy",
      cce: "categoricalCrossentropy",
      sparse_categorical_crossentropy: "sparseCategoricalCrossentropy",
      NLLLoss: "sparseCategoricalCrossentropy",
    },
  ],
  metric: [
    metricTable as Table<unknown>,
    {
      mse: "meanSquaredError",
      mae: "meanAbsoluteError",
      rmse: "rootMeanSquaredError",
      neg_mean_absolute_error: "meanAbsoluteError",
      acc: "accuracy",
      accuracy_score: "accuracy",
      sparse_categorical_accuracy: "accuracy",
      top_k_categorical_accuracy: "topK",
      f1_score: "f1",
      sensitivity: "recall",
      auc: "rocAuc",
      roc_auc_score: "rocAuc",
      average_precision: "averagePrecision",
      log_loss: "logLoss",
      r2_score: "r2",
      R2: "r2",
    },
  ],
  optimizer: [
    optimizers as Table<unknown>,
    { Adam: "adam", adam_w: "adamW", RMSProp: "rmsprop", gradient_descent: "sgd" },
  ],
  activation: [
    activations as Table<unknown>,
    {
      leaky_relu: "leakyRelu",
      LeakyReLU: "leakyRelu",
      swish: "silu",
      identity: "linear",
      logistic: "sigmoid",
      hard_sigmoid: "hardSigmoid",
      ReLU6: "relu6",
    },
  ],
  layer: [
    layers,
    {
      Linear: "dense",
      Dense: "dense",
      batch_normalization: "batchNorm",
      BatchNorm1d: "batchNorm",
      LayerNormalization: "layerNorm",
      gaussian_noise: "gaussianNoise",
      Embedding: "embedding",
    },
  ],
  initializer: [
    initializers as Table<unknown>,
    {
      xavier_uniform: "glorotUniform",
      glorot_normal: "glorotNormal",
      kaiming_normal: "heNormal",
      he_uniform: "heUniform",
      random_normal: "normal",
      RandomUniform: "uniform",
      TruncatedNormal: "truncatedNormal",
    },
  ],
  schedule: [
    schedules as unknown as Table<unknown>,
    {
      StepLR: "step",
      ExponentialDecay: "exponential",
      CosineAnnealingLR: "cosine",
      OneCycleLR: "oneCycle",
      ReduceLROnPlateau: "reduceOnPlateau",
    },
  ],
};

describe.each(Object.entries(tables))("the %s", (kind, [table, words]) => {
  test.each(Object.entries(words))("%s is refused with %s", (theirs, ours) => {
    expect(() => complete(kind, table, theirs, kind)).toThrow(
      `unknown ${kind} "${theirs}". Did you mean "${ours}"? Expected one of: `,
    );
  });

  test.each(Object.keys(table))("%s is found by its spellings in other notations", (ours) => {
    const snake = ours.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    const spellings = [snake, snake.toUpperCase(), snake.replaceAll("_", "-")];
    for (const name of spellings) {
      if (name !== ours) expect(meantBy(name, Object.keys(table))).toContain(ours);
    }
  });
});

test("crossentropy, which means several losses, is refused with all of them", () => {
  expect(() => makeModel({ loss: "crossentropy" as "huber" })).toThrow(
    'Did you mean "binaryCrossentropy" or "categoricalCrossentropy" or "sparseCategoricalCrossentropy"?',
  );
});

describe("an option", () => {
  const fitting = (options: object) => () => makeModel().fitSync(data, options);
  test.each<[string, string, () => unknown]>([
    ["lr", "learningRate", () => sgd({ lr: 0.1 } as object)],
    ["learning_rate", "learningRate", () => sgd({ learning_rate: 0.1 } as object)],
    ["weight_decay", "weightDecay", () => sgd({ weight_decay: 0.1 } as object)],
    ["eps", "epsilon", () => optimizers.adam({ eps: 1 } as object)],
    ["beta_1", "beta1", () => optimizers.adam({ beta_1: 1 } as object)],
    ["use_bias", "useBias", () => dense(1, { use_bias: false } as object)],
    ["kernel_initializer", "weightInitializer", () => dense(1, { kernel_initializer: "zeros" } as object)],
    ["p", "rate", () => dropout({ p: 0.5 } as never)],
    ["deviation", "stddev", () => gaussianNoise({ deviation: 0.5 } as never)],
    ["negative_slope", "alpha", () => activations.leakyRelu({ negative_slope: 0.5 } as object)],
    ["min_delta", "minDelta", () => callbacks.earlyStopping({ min_delta: 1 } as object)],
    ["n_iter_no_change", "patience", () => callbacks.earlyStopping({ n_iter_no_change: 1 } as object)],
    ["gamma", "factor", () => schedules.exponential({ gamma: 1 } as never)],
    ["T_max", "epochs", () => schedules.cosine({ T_max: 1 } as never)],
    ["batch_size", "batchSize", fitting({ batch_size: 1 })],
    ["nb_epoch", "epochs", fitting({ nb_epoch: 1 })],
    ["validation_split", "validationSplit", fitting({ validation_split: 0.1 })],
    ["val_data", "validationData", fitting({ val_data: data })],
    ["class_weight", "classWeight", fitting({ class_weight: [1, 1] })],
    ["n_jobs", "threads", fitting({ n_jobs: 1 })],
    ["random_state", "seed", () => makeModel({ random_state: 1 } as object)],
    ["criterion", "loss", () => makeModel({ criterion: "huber" } as object)],
    ["clipnorm", "clipGradients", () => makeModel({ clipnorm: 1 } as object)],
    ["max_norm", "norm", () => makeModel({ clipGradients: { max_norm: 1 } as never })],
    ["on_epoch_end", "onEpochEnd", fitting({ callbacks: { on_epoch_end() {} } })],
  ])("%s is refused with %s", (theirs, ours, call) => {
    expect(call).toThrow(OptionError);
    expect(call).toThrow(`"${theirs}". Did you mean "${ours}"?`);
  });

  test.each<[string, string, () => unknown]>([
    [
      "restoreBestWeights",
      "always restores the best",
      () => callbacks.earlyStopping({ restoreBestWeights: true } as object),
    ],
    ["mode", "the direction follows from monitor", () => callbacks.earlyStopping({ mode: "min" } as object)],
    [
      "save_best_only",
      "Early stopping keeps the best",
      () => callbacks.checkpoint({ path: "a", save_best_only: true } as never),
    ],
    [
      "saveWeightsOnly",
      "save(model, path)",
      () => callbacks.checkpoint({ path: "a", saveWeightsOnly: true } as never),
    ],
    ["steps_per_epoch", "An epoch takes all rows", fitting({ steps_per_epoch: 3 })],
    ["initialEpoch", "over the model's life", fitting({ initialEpoch: 3 })],
    ["early_stopping", "callbacks.earlyStopping()", fitting({ early_stopping: true })],
    ["device", "on the CPU", () => makeModel({ device: "cuda" } as object)],
    ["name", "numbered from 0", () => dense(1, { name: "first" } as object)],
  ])("%s, which has no counterpart, is refused with an alternative: %s", (theirs, reason, call) => {
    expect(call).toThrow(OptionError);
    expect(call).toThrow(new RegExp(`unknown option "${theirs}"\\. [A-Z][^?]*\\. Expected one of: `));
    expect(call).toThrow(reason);
  });

  test("with a counterpart is refused with this name only", () => {
    const call = () => schedules.reduceOnPlateau({ mode: "max" } as object);
    expect(call).toThrow('"mode". Did you mean "largerIsBetter"?');
  });

  test("of Myelin is not a synonym of another", () => {
    for (const name of [...FIT_OPTIONS, ...ARCHITECTURE]) {
      expect(meantBy(name, [...FIT_OPTIONS, ...ARCHITECTURE])).toEqual([name]);
    }
  });
});

describe("a monitor", () => {
  const refusal = (monitor: string, metrics: object[] = [], options = {}) =>
    failureOf(() =>
      makeModel({ metrics: metrics as never }).fit(data, {
        callbacks: callbacks.earlyStopping({ monitor: monitor as "loss" }),
        ...options,
      }),
    );
  const accuracy = [metrics.accuracy()];
  const validationSplit = { validationSplit: 0.2 };

  test.each([
    ["val_loss", [], validationSplit, 'unknown metric "val_loss". Did you mean "validationLoss"?'],
    ["val_acc", accuracy, validationSplit, 'unknown metric "val_acc". Did you mean "validationAccuracy"?'],
    ["acc", accuracy, {}, 'unknown metric "acc". Did you mean "accuracy"?'],
    ["val_loss", [], {}, "validationLoss is measured with validationData or validationSplit"],
    ["val_accuracy", accuracy, {}, "validationAccuracy is measured with validationData"],
    [
      "validationAccuracy",
      [],
      validationSplit,
      "validationAccuracy is not measured; add accuracy to the model's metrics",
    ],
    ["validationAccuracy", [], {}, "validationAccuracy is not measured; add accuracy to the model's metrics"],
    ["val_mse", [], validationSplit, "validationMeanSquaredError is not measured; add meanSquaredError to"],
    ["rmse", [], {}, "rootMeanSquaredError is not measured; add rootMeanSquaredError to the model's metrics"],
    ["lr".repeat(50_000), [], {}, 'unknown metric "lrlrlr'],
    ["warmth", [], {}, 'unknown metric "warmth". Expected one of: loss'],
  ])("%s, with the metrics %j and %j, is refused", async (monitor, given, options, message) => {
    expect(String(await refusal(monitor, given, options))).toContain(message);
    const schedule = schedules.reduceOnPlateau({ monitor: monitor as "loss" });
    const failure = await failureOf(() => makeModel({ metrics: given }).fit(data, { schedule, ...options }));
    expect(String(failure)).toContain(message);
  });
});

test("a model with bare names from Keras trains after the names are replaced", () => {
  const layers = [dense(3, { activation: "linear" }), "linear" as const, dense(1)];
  expect(() => new Model({ inputs: 2, layers, loss: "meanSquaredError", optimizer: "adam" })).not.toThrow();
});
