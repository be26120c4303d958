/** The kinds of networks that a table model is made of: how each is built and trained. */
import type { Architecture } from "../../formats/configuration.ts";
import type { LayerChoice } from "../../nn/layers.ts";
import type { Lookup } from "../preparation.ts";
import type { Task } from "../target.ts";

/** What a network must fit: the encoded rows and the answers. */
export interface Shape {
  readonly inputs: number;
  readonly lookups: readonly Lookup[];
  readonly outputs: number;
  readonly task: Task;
}

/** How a network is trained. */
export interface MemberFit {
  readonly epochs: number;
  readonly batchSize: number;
  /**
   * Epochs without a better validation loss, before the training ends with the weights of the best one.
   * Without it the weights are those of the last epoch.
   */
  readonly patience?: number;
  /** The learning rate at a share of the training, from 0 to 1; without it the optimizer's. */
  readonly rate?: (share: number) => number;
}

/** A kind of network. */
export interface Member {
  readonly name: string;
  architecture(shape: Shape): Architecture;
  fit(shape: Shape, rows: number): MemberFit;
  /** Whether weights start from the training rows. */
  readonly startFromData: boolean;
  /** How inputs are scaled before the network sees them. */
  readonly inputs?: InputScaling;
}

/** Networks of one kind, each on a fold: network i is validated on fold i modulo their number. */
export interface Bag {
  readonly member: Member;
  readonly networks: number;
}

/** Factors of inputs, which set how strongly weight decay and the learning rate act on them. */
export interface InputScaling {
  /** The factor of piecewise-linear inputs. */
  readonly piecewiseLinear?: number;
  /**
   * The power of the columns' sensitivity in networks of the first stage; the network is then of the second.
   */
  readonly sensitivity?: number;
  /** The factor of all. */
  readonly gain?: number;
}

/** Embeddings take the place of their inputs, the last one first, so that the others do not move. */
export function embeddings(lookups: readonly Lookup[]): LayerChoice[] {
  return lookups
    .toReversed()
    .map(({ column, categories, units }) => ({ type: "embedding", column, categories, units }));
}

function answer({ outputs, task }: Shape): LayerChoice[] {
  const last: LayerChoice = { type: "dense", units: outputs };
  return task === "classification" ? [last, "softmax"] : [last];
}

const lossOf = (task: Task, labelSmoothing: number): Architecture["loss"] =>
  task === "classification" ? { type: "sparseCategoricalCrossentropy", labelSmoothing } : "meanSquaredError";

/** The gradients of a training are limited, so that a large table is gone through less often. */
const epochsFor = (rows: number, most: number) =>
  Math.max(4, Math.min(most, Math.round(1.25e6 / Math.max(1, rows))));

/** A large table is learned in larger batches. */
const batchSizeFor = (rows: number) => (rows > 140_000 ? 256 : rows > 70_000 ? 128 : 64);
/** The rate grows as the root of the batch, by which the noise of the gradients falls. */
const rateFactor = (rows: number) => Math.sqrt(batchSizeFor(rows) / 64);

/** How networks with early stopping differ. */
export interface StoppedNetwork {
  readonly activation: "relu" | "silu" | "mish";
  /** Units of the hidden layers. */
  readonly units: readonly number[];
  readonly learningRate: number;
  readonly patience: number;
  /** 0.1 by default. */
  readonly weightDecay?: number;
  /** The rate of dropout after each hidden layer; 0 by default. */
  readonly dropout?: number;
  readonly inputs?: InputScaling;
  /** The factor of the learning rate of a scale for each input; without it there are no such scales. */
  readonly scaleRate?: number;
}

/** Networks with weight decay, label smoothing and early stopping. */
export const stopped = (
  name: string,
  { scaleRate, inputs, weightDecay = 0.1, dropout = 0, ...given }: StoppedNetwork,
): Member => ({
  name,
  architecture: (shape) => ({
    inputs: shape.inputs,
    layers: [
      ...embeddings(shape.lookups),
      ...(scaleRate === undefined
        ? []
        : [{ type: "scale", learningRateFactor: scaleRate } satisfies LayerChoice]),
      ...given.units.flatMap((units): LayerChoice[] => [
        { type: "dense", units },
        given.activation,
        ...(dropout > 0 ? [{ type: "dropout", rate: dropout } satisfies LayerChoice] : []),
      ]),
      ...answer(shape),
    ],
    loss: lossOf(shape.task, 0.1),
    optimizer: { type: "adamW", learningRate: given.learningRate, weightDecay },
  }),
  fit: (_shape, rows) => ({
    epochs: epochsFor(rows, 200),
    batchSize: batchSizeFor(rows),
    patience: given.patience,
    rate: () => given.learningRate * rateFactor(rows),
  }),
  startFromData: false,
  ...(inputs && { inputs }),
});

const DEEP = { units: [128, 128], learningRate: 1e-3, patience: 10 };
/** Columns that matter count more. */
const SELECTED = { sensitivity: 1, gain: 2 };
/** The scales of inputs learn six times as fast as weights (RealMLP). */
export const SCALE_RATE = 6;

/**
 * The ReLU bends sharply, for rules. The sensitivity of these networks to each column scales the inputs of
 * others.
 */
export const relu = stopped("relu", { ...DEEP, activation: "relu" });
/** The SiLU is smooth: for functions of few columns among many. */
export const siluSelected = stopped("silu, selected columns", {
  ...DEEP,
  activation: "silu",
  inputs: SELECTED,
});
/** The network goes on with the selection of columns itself: for classes that few columns decide. */
export const siluScaled = stopped("silu, learned scales", {
  ...DEEP,
  activation: "silu",
  inputs: SELECTED,
  scaleRate: SCALE_RATE,
});
/** Three layers, and piecewise-linear inputs count twice: for classes whose borders bend often. */
export const siluDeep = stopped("silu, three layers", {
  ...{ ...DEEP, units: [128, 128, 128] },
  activation: "silu",
  inputs: { ...SELECTED, piecewiseLinear: 2 },
  scaleRate: SCALE_RATE,
});
/** One small layer: for noisy tables with weak signals. */
export const shallow = stopped("shallow, learned scales", {
  activation: "silu",
  units: [64],
  learningRate: 2e-3,
  patience: 8,
  inputs: { sensitivity: 0.5 },
  scaleRate: SCALE_RATE,
});

/** A rate that rises for 15 % of the training and then falls along a cosine (Smith and Topin, 2017). */
const oneCycle = (share: number) =>
  share < 0.15 ? 0.1 + 0.9 * (share / 0.15) : 0.5 * (1 + Math.cos((Math.PI * (share - 0.15)) / 0.85));

/** Steps that a small table is trained for at least. */
const FEWEST_STEPS = 1500;

/** Smooth networks for numbers, trained to the end of a cycle. */
const cycle = (name: string, inputs?: InputScaling): Member => ({
  name,
  architecture: (shape) => ({
    inputs: shape.inputs,
    layers: [
      ...embeddings(shape.lookups),
      ...[1, 2].flatMap((): LayerChoice[] => [
        { type: "dense", units: 128, weightInitializer: "lecunNormal" },
        "mish",
        { type: "dropout", rate: 0.05 },
      ]),
      ...answer(shape),
    ],
    loss: lossOf(shape.task, 0.1),
    optimizer: { type: "adamW", learningRate: 0.01, beta2: 0.95, weightDecay: 0.1 },
  }),
  fit(_shape, rows) {
    const batchSize = batchSizeFor(rows);
    const steps = Math.ceil(rows / batchSize);
    const epochs = Math.max(epochsFor(rows, 60), Math.ceil(FEWEST_STEPS / steps));
    return { epochs, batchSize, rate: (share) => 0.01 * rateFactor(rows) * oneCycle(share) };
  },
  startFromData: true,
  ...(inputs && { inputs }),
});

export const mish = cycle("mish");
export const mishSelected = cycle("mish, selected columns", { sensitivity: 0.5 });

/** (1 - cos(2π log2(1 + 15 t))) / 2: four waves, each twice as long as the one before (RealMLP). */
const waves = (share: number) => 0.5 * (1 - Math.cos(2 * Math.PI * Math.log2(1 + 15 * share)));

/** Three layers of 256 units with dropout, weight decay and a rate in waves, as RealMLP. */
export const full: Member = {
  name: "full",
  architecture(shape) {
    const isClassification = shape.task === "classification";
    return {
      inputs: shape.inputs,
      layers: [
        ...embeddings(shape.lookups),
        ...[1, 2, 3].flatMap((): LayerChoice[] => [
          { type: "dense", units: 256, weightInitializer: "lecunNormal" },
          isClassification ? "selu" : "mish",
          { type: "dropout", rate: 0.15 },
        ]),
        ...answer(shape),
      ],
      loss: lossOf(shape.task, 0.1),
      optimizer: { type: "adamW", learningRate: rateOf(shape.task), beta2: 0.95, weightDecay: 0.1 },
    };
  },
  fit(shape, rows) {
    const epochs = epochsFor(rows, 128);
    return { epochs, batchSize: 256, patience: epochs, rate: (share) => rateOf(shape.task) * waves(share) };
  },
  startFromData: true,
};

const rateOf = (task: Task) => (task === "classification" ? 0.0025 : 0.01);

/** The small network, trained for a quantile of numbers: the pinball loss has its least there. */
export const quantileOf = (level: number): Member => ({
  ...relu,
  name: `quantile ${level}`,
  architecture: (shape) => ({
    ...relu.architecture(shape),
    loss: { type: "quantile", quantile: level },
  }),
});

/**
 * Two layers of `units` units that learn what other networks answer: the share of each class,
 * [rows][classes], or numbers.
 */
export const student = (units: number): Member => ({
  name: "distilled",
  architecture: (shape) => ({
    inputs: shape.inputs,
    layers: [
      ...embeddings(shape.lookups),
      ...[1, 2].flatMap((): LayerChoice[] => [{ type: "dense", units }, "silu"]),
      ...answer(shape),
    ],
    loss: shape.task === "classification" ? "categoricalCrossentropy" : "meanSquaredError",
    optimizer: { type: "adamW", learningRate: 3e-3, weightDecay: 0.01 },
  }),
  fit({ outputs }, values) {
    const epochs = Math.max(10, Math.min(100, Math.round((3e6 * outputs) / values)));
    return { epochs, batchSize: 128, patience: epochs, rate: (share) => 3e-3 * oneCycle(share) };
  },
  startFromData: false,
});
