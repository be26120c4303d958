/**
 * Every kind of bad input gets an error with the place, the expected value and the received value, and
 * changes nothing. Values that the types forbid are passed as `any`.
 */
import { afterEach, describe, expect, test, vi } from "vitest";
import {
  crossValidate,
  DataError,
  dense,
  FormatError,
  findLearningRate,
  KernelError,
  Model,
  MyelinError,
  OptionError,
  relu,
  ShapeError,
  search,
  sgd,
  trainMany,
  xor,
} from "../src/index.ts";
import { importance } from "../src/insight/index.ts";
import { kernelNames } from "./kernels.ts";
import { data, failureOf, makeModel } from "./samples.ts";

// biome-ignore lint/suspicious/noExplicitAny: what the types forbid is what these tests pass
type Anything = any;

type ErrorClass = abstract new (...given: never[]) => Error;

/**
 * The fault, the input, the class of the error, and its message or the part of the message that is constant.
 */
type Case<Input> = readonly [what: string, input: Input, kind: ErrorClass, message: string];

const x = [
  [0, 1],
  [1, 1],
  [1, 0],
];
const y = [1, 0, 1];

const detached = Float32Array.of(1, 2, 3, 4);
structuredClone(detached, { transfer: [detached.buffer] });
const shared = new Float32Array(new SharedArrayBuffer(16));
const resizable = new Float32Array(new (ArrayBuffer as Anything)(16, { maxByteLength: 32 }));
/** Returns the list with a length that does not fit in memory. */
const longer = (list: unknown[]) => Object.assign(list, { length: 2 ** 32 - 1 });
const copyIt = "which may change; pass a copy, like array.slice()";
const anyMatrix = "expected a list of numbers, a list of rows or a typed array, received";

const badExamples: readonly Case<Anything>[] = [
  ["no rows", { x: [], y: [] }, DataError, "x: expected at least 1 row, received none"],
  ["no targets", { x, y: [] }, DataError, "y: expected at least 1 row, received none"],
  [
    "an empty typed array",
    { x: new Float32Array(0), y },
    DataError,
    "x: expected at least 1 row, received an empty typed array",
  ],
  ["a shorter row", { x: [[0, 1], [1], [1, 0]], y }, ShapeError, "x: row 1: expected 2 inputs, received 1"],
  [
    "a longer row",
    {
      x: [
        [0, 1],
        [1, 1],
        [1, 0, 1],
      ],
      y,
    },
    ShapeError,
    "x: row 2: expected 2 inputs, received 3",
  ],
  ["an empty row", { x: [[]], y: [1] }, ShapeError, "x: row 0: expected 2 inputs, received 0"],
  ["a longer row of y", { x, y: [[1], [0], [1, 0]] }, ShapeError, "y: row 2: expected 1 output, received 2"],
  [
    "one row of the wrong length",
    { x: [0, 1, 2], y: [1] },
    ShapeError,
    "x: expected 2 inputs in a row, received 3",
  ],
  [
    "a flat array with an incomplete last row",
    { x: new Float32Array(5), y },
    ShapeError,
    "x: expected [rows × 2 inputs], received a typed array of 5 values",
  ],
  [
    "a dataset with another number of inputs",
    { ...data, inputs: 4 },
    ShapeError,
    "data: expected 2 inputs, received 4",
  ],
  [
    "a dataset with another number of outputs",
    { ...data, outputs: 2 },
    ShapeError,
    "data: expected 1 output, received 2",
  ],
  [
    "fewer targets than inputs",
    { x, y: [1, 0] },
    ShapeError,
    "expected x and y with the same number of rows, received 3 of x and 2 of y",
  ],
  [
    "NaN in a row",
    {
      x: [
        [0, 1],
        [1, Number.NaN],
        [1, 0],
      ],
      y,
    },
    DataError,
    "x: row 1, column 1: expected a finite number, received NaN",
  ],
  [
    "Infinity in a flat array",
    { x: Float64Array.of(0, 1, 0, 0, Number.NEGATIVE_INFINITY, 0), y },
    DataError,
    "x: row 2, column 0: expected a finite number, received -Infinity",
  ],
  [
    "NaN in a list of targets",
    { x, y: [1, Number.NaN, 1] },
    DataError,
    "y: row 1, column 0: expected a finite number, received NaN",
  ],
  [
    "Infinity in rows of y",
    { x, y: [[1], [0], Float32Array.of(Number.POSITIVE_INFINITY)] },
    DataError,
    "y: row 2, column 0: expected a finite number, received Infinity",
  ],
  [
    "a value too large for 32 bits",
    {
      x: [
        [0, 1],
        [1, 1e300],
        [1, 0],
      ],
      y,
    },
    DataError,
    "x: row 1, column 1: expected a finite number, received 1e+300, too large for 32 bits",
  ],
  [
    "a string in a row",
    { x: [[0, "1"]], y: [1] },
    DataError,
    'x: row 0, column 1: expected a finite number, received "1"',
  ],
  [
    "null in a row",
    { x: [[0, null]], y: [1] },
    DataError,
    "x: row 0, column 1: expected a finite number, received null",
  ],
  [
    "a hole in a row",
    { x: [new Array(2)], y: [1] },
    DataError,
    "x: row 0, column 0: expected a finite number, received undefined",
  ],
  [
    "a missing row",
    { x: [[0, 1], undefined, [1, 0]], y },
    DataError,
    "x: row 1: expected an array of numbers, received undefined",
  ],
  [
    "an object as a row",
    { x: [[0, 1], { 0: 1, 1: 0 }, [1, 0]], y },
    DataError,
    "x: row 1: expected an array of numbers, received an object (Object)",
  ],
  [
    "true in a list of targets",
    { x, y: [1, true, 0] },
    DataError,
    "y: row 1, column 0: expected a finite number, received true",
  ],
  [
    "a BigInt in a list",
    { x: [0n, 1n], y: [1] },
    DataError,
    "x: row 0, column 0: expected a finite number, received 0n",
  ],
  ["an array of BigInt", { x: new BigInt64Array(6), y }, DataError, `x: ${anyMatrix} a BigInt64Array of 6`],
  [
    "a row of BigInt",
    { x: [new BigInt64Array(2)], y: [1] },
    DataError,
    "x: row 0: expected an array of numbers, received a BigInt64Array of 2",
  ],
  [
    "a DataView",
    { x: new DataView(new ArrayBuffer(8)), y },
    DataError,
    `x: ${anyMatrix} an object (DataView)`,
  ],
  ["a string for x", { x: "0,1", y }, DataError, `x: ${anyMatrix} "0,1"`],
  ["null for x", { x: null, y }, DataError, `x: ${anyMatrix} null`],
  ["undefined for y", { x, y: undefined }, DataError, `y: ${anyMatrix} undefined`],
  ["a number for y", { x, y: 1 }, DataError, `y: ${anyMatrix} 1`],
  ["a function as y", { x, y: () => y }, DataError, `y: ${anyMatrix} a function`],
  [
    "a detached array",
    { x: detached, y },
    DataError,
    "x: the typed array is detached: its values were transferred away",
  ],
  [
    "a detached row",
    { x: [detached], y: [1] },
    DataError,
    "x: row 0: the typed array is detached: its values were transferred away",
  ],
  [
    "shared memory",
    { x: shared, y: [1, 0] },
    DataError,
    `x: the typed array is a view of a SharedArrayBuffer, ${copyIt}`,
  ],
  [
    "objects as rows",
    { x: [{ age: 3, "shoe size": 40 }], y: [1] },
    DataError,
    'x: row 0: expected an array of numbers, received an object (Object); choose the columns, like rows.map((row) => [row.age, row["shoe size"]])',
  ],
  [
    "windows of several steps",
    { x: [[[0], [1]]], y: [1] },
    ShapeError,
    "x: row 0: expected 2 inputs, received 2 rows; flatten each row, like rows.map((row) => row.flatMap((step) => [...step]))",
  ],
  [
    "windows with another number of steps",
    { x: [[Float32Array.of(0, 1)]], y: [1] },
    ShapeError,
    "x: row 0: expected 2 inputs, received 1 row; flatten each row, like rows.map(",
  ],
  [
    "text as labels",
    { x, y: ["no", "yes", "no"] },
    DataError,
    'y: row 0, column 0: expected a finite number, received "no"; replace text by numbers, like labels.indexOf("no")',
  ],
  [
    "text in a row",
    { x: [[0, "red"]], y: [1] },
    DataError,
    'x: row 0, column 1: expected a finite number, received "red"; replace text by numbers',
  ],
  ["a number as text", { x: [[0, "1.5"]], y: [1] }, DataError, 'received "1.5"; convert it with Number(…)'],
  [
    "a list of rows longer than memory allows",
    { x: longer([[0, 1]]), y },
    DataError,
    "x: row 1: expected an array of numbers, received undefined",
  ],
  [
    "a list of targets longer than memory allows",
    { x, y: longer([0]) },
    DataError,
    "y: row 1, column 0: expected a finite number, received undefined",
  ],
  [
    "a row whose length differs from the number of its values",
    { x: [Object.defineProperty(Float32Array.of(1), "length", { value: 2 })], y: [1] },
    ShapeError,
    "x: row 0: expected 2 inputs, received 1",
  ],
  [
    "an object that only looks like a typed array",
    { x: Object.create(Float32Array.prototype), y },
    DataError,
    `x: ${anyMatrix} an object (Float32Array)`,
  ],
  [
    "a row that only looks like a typed array",
    { x: [Object.create(Float32Array.prototype)], y: [1] },
    DataError,
    "x: row 0: expected an array of numbers, received an object (Float32Array)",
  ],
  [
    "a resizable buffer",
    { x: resizable, y: [1, 0] },
    DataError,
    `x: the typed array is a view of a resizable ArrayBuffer, ${copyIt}`,
  ],
  ["a dataset without y", { x }, DataError, "data: expected x and y, missing: y"],
  ["an object that is not a dataset", { rows: 3 }, DataError, "data: expected x and y, missing: x, y"],
];

const wholeNumber = "expected a whole number of at least 1, received";
const badFitOptions: readonly Case<Anything>[] = [
  ["epochs of 0", { epochs: 0 }, OptionError, `epochs: ${wholeNumber} 0`],
  ["half an epoch", { epochs: 1.5 }, OptionError, `epochs: ${wholeNumber} 1.5`],
  ["epochs as a string", { epochs: "3" }, OptionError, `epochs: ${wholeNumber} "3"`],
  ["epochs of NaN", { epochs: Number.NaN }, OptionError, `epochs: ${wholeNumber} NaN`],
  ["infinite epochs", { epochs: Number.POSITIVE_INFINITY }, OptionError, `epochs: ${wholeNumber} Infinity`],
  ["null epochs", { epochs: null }, OptionError, `epochs: ${wholeNumber} null`],
  ["updates from no step", { accumulate: 0 }, OptionError, `accumulate: ${wholeNumber} 0`],
  ["updates from half a step", { accumulate: 2.5 }, OptionError, `accumulate: ${wholeNumber} 2.5`],
  ["a negative batch size", { batchSize: -5 }, OptionError, `batchSize: ${wholeNumber} -5`],
  ["a BigInt as the batch size", { batchSize: 5n }, OptionError, `batchSize: ${wholeNumber} 5n`],
  [
    "a batch size above 2^31 - 1",
    { batchSize: 2 ** 40 },
    OptionError,
    "batchSize: expected a whole number of at most 2147483647, received 1099511627776",
  ],
  [
    "shuffle as a word",
    { shuffle: "batch" },
    OptionError,
    'shuffle: expected true or false, received "batch"',
  ],
  [
    "a controller instead of a signal",
    { signal: new AbortController() },
    OptionError,
    "signal: expected an AbortSignal, received an object (AbortController)",
  ],
  [
    "a misspelled option",
    { batchsize: 5 },
    OptionError,
    'unknown option "batchsize". Did you mean "batchSize"?',
  ],
  [
    "an unknown option",
    { temperature: 5 },
    OptionError,
    'unknown option "temperature". Expected one of: epochs,',
  ],
  ["two weights for more than two rows", { sampleWeight: [1, 1] }, ShapeError, "sampleWeight: expected"],
  ["a number as weights", { sampleWeight: 2 }, DataError, `sampleWeight: ${anyMatrix} 2`],
  [
    "class weights without classes",
    { classWeight: [1, 2] },
    OptionError,
    "classWeight: expected a loss whose targets",
  ],
  ["a word as class weights", { classWeight: "balance" }, OptionError, "classWeight: expected a loss"],
  [
    "a validation of all rows",
    { validationSplit: 1 },
    OptionError,
    "validationSplit: expected a share above 0",
  ],
  [
    "a validation of no rows",
    { validationSplit: 0 },
    OptionError,
    "validationSplit: expected a share above 0",
  ],
  [
    "a split that leaves no rows for training",
    { validationSplit: 0.999 },
    OptionError,
    "validationSplit: 0.999 of",
  ],
  [
    "two validations",
    { validationSplit: 0.1, validationData: { x, y } },
    OptionError,
    "expected validationData or validationSplit, received both",
  ],
  [
    "a validation without y",
    { validationData: { x } },
    DataError,
    "validationData: data: expected x and y, missing: y",
  ],
  [
    "a validation with other inputs",
    { validationData: [[[1, 2, 3]], [1]] },
    ShapeError,
    "validationData: x: row 0: expected 2 inputs, received 3",
  ],
  [
    "a validation with a target that is not a number",
    { validationData: { x, y: [1, Number.NaN, 0] } },
    DataError,
    "validationData: y: row 1, column 0: expected a finite number, received NaN",
  ],
  [
    "a validation with too few targets",
    { validationData: { x, y: [1] } },
    ShapeError,
    "validationData: expected x and y with the same number of rows, received 3 of x and 1 of y",
  ],
  [
    "a validation that is not data",
    { validationData: 5 },
    OptionError,
    "validationData: expected a dataset or [x, y], received 5",
  ],
  [
    "an unknown schedule",
    { schedule: { type: "cosin", epochs: 3 } },
    OptionError,
    'schedule: unknown schedule "cosin". Did you mean "cosine"?',
  ],
  [
    "a schedule that monitors something not measured",
    { schedule: { type: "reduceOnPlateau", monitor: "validationLoss" } },
    OptionError,
    "schedule: monitor: validationLoss is measured with validationData or validationSplit, and neither is given",
  ],
  [
    "a schedule that monitors an unknown name",
    { schedule: { type: "reduceOnPlateau", monitor: "validationLos" } },
    OptionError,
    'schedule: monitor: unknown metric "validationLos". Expected one of: loss',
  ],
  ["verbose as a word", { verbose: "yes" }, OptionError, "verbose: "],
  ["a number as options", 300, OptionError, "expected an object of options, received 300"],
  ["null as options", null, OptionError, "expected an object of options, received null"],
  ["targets after a dataset", [1, 0], OptionError, "expected an object of options, received an array of 2"],
];

const layer = (given: Anything) => ({ layers: [given, dense(1)] });
const badModels: readonly Case<Anything>[] = [
  [
    "a precision by another name",
    { precision: "bf16" },
    OptionError,
    'precision: unknown word "bf16". Did you mean "bfloat16"?',
  ],
  ["an unknown layer", layer("dens"), OptionError, 'layer 0: unknown layer "dens". Did you mean "dense"?'],
  [
    "an unknown metric",
    { ...layer("relu"), metrics: ["acuracy"] },
    OptionError,
    'metric 0: unknown metric "acuracy". Did you mean "accuracy"?',
  ],
  [
    "metrics that are not a list",
    { ...layer("relu"), metrics: "accuracy" },
    OptionError,
    'model: metrics: expected a list of metrics, received "accuracy"',
  ],
  [
    "the same metric twice",
    { ...layer("relu"), metrics: ["accuracy", "r2", "accuracy"] },
    OptionError,
    "model: metrics: entries 0 and 2 are both accuracy: expected one",
  ],
  [
    "a metric that does not fit the outputs",
    { ...layer("relu"), metrics: [{ type: "topK", k: 5 }] },
    OptionError,
    "metric topK: expected classes, with an output for each",
  ],
  [
    "a layer without a similar name",
    layer("television"),
    OptionError,
    'layer 0: unknown layer "television". Expected one of: dense,',
  ],
  [
    "an unknown layer with the name of an inherited property",
    layer("constructor"),
    OptionError,
    'layer 0: unknown layer "constructor". Expected one of: dense,',
  ],
  [
    "a builder that was not called",
    { layers: [dense(8), relu, dense(1)] },
    OptionError,
    'layer 1: expected a layer, as an object with a "type" or as a name, received a function; call it: relu(…)',
  ],
  ["a missing layer", { layers: [dense(8), undefined] }, OptionError, "layer 1: expected a layer, as an"],
  // biome-ignore lint/suspicious/noSparseArray: the hole is the mistake
  ["a hole in the layers", { layers: [, dense(1)] }, OptionError, "layer 0: expected a layer, as an"],
  ["a number as a layer", layer(64), OptionError, 'with a "type" or as a name, received 64'],
  [
    "no layers",
    { layers: [] },
    OptionError,
    "model: layers: expected a list of at least 1 layer, like [dense(64),",
  ],
  [
    "one layer instead of a list",
    { layers: dense(1) },
    OptionError,
    "model: layers: expected a list of at least 1 layer",
  ],
  [
    "a dropout of all values",
    layer({ type: "dropout", rate: 1 }),
    OptionError,
    "layer 0 (dropout): rate: expected a finite number of at least 0 and below 1, received 1",
  ],
  [
    "noise with a negative stddev",
    layer({ type: "gaussianNoise", stddev: -1 }),
    OptionError,
    "layer 0 (gaussianNoise): stddev: expected a finite number of at least 0, received -1",
  ],
  [
    "a residual without layers",
    layer({ type: "residual", layers: [] }),
    OptionError,
    "layer 0 (residual): layers: expected a list of at least 1 layer, received an array of 0",
  ],
  [
    "a residual whose widths differ",
    layer({ type: "residual", layers: [dense(3)] }),
    ShapeError,
    "layer 0 (residual): expected 2 outputs of the layers inside, as many as inputs, received 3",
  ],
  [
    "a residual inside another whose widths differ",
    layer({ type: "residual", layers: [dense(2), { type: "residual", layers: ["relu", dense(1)] }] }),
    ShapeError,
    "layer 0 (residual): layer 1 (residual): expected 2 outputs of the layers inside, as many as inputs, received 1",
  ],
  [
    "a misspelled layer in a residual",
    layer({ type: "residual", layers: ["relu", "dens"] }),
    OptionError,
    'layer 0 (residual): layer 1: unknown layer "dens". Did you mean "dense"?',
  ],
  [
    "an option out of range in a residual",
    layer({ type: "residual", layers: [dense(0)] }),
    OptionError,
    `layer 0 (residual): layer 0 (dense): units: ${wholeNumber} 0`,
  ],
  [
    "residuals that contain themselves",
    layer(Array.from({ length: 40 }).reduce((inside) => ({ type: "residual", layers: [inside] }), "relu")),
    OptionError,
    "expected at most 16 residuals inside each other",
  ],
  [
    "an embedding of a missing column",
    layer({ type: "embedding", column: 2, categories: 3, units: 1 }),
    ShapeError,
    "layer 0 (embedding): column: expected a column from 0 to 1, received 2",
  ],
  [
    "an embedding of another embedding's outputs",
    {
      layers: [
        { type: "embedding", column: 0, categories: 3, units: 3 },
        { type: "embedding", column: 2, categories: 3, units: 1 },
        dense(1),
      ],
    },
    ShapeError,
    "layer 1 (embedding): expected a column of x, received column 2 of 4, an output of an earlier layer",
  ],
  [
    "an embedding after another layer",
    { layers: ["relu", { type: "embedding", column: 0, categories: 3, units: 3 }, dense(1)] },
    ShapeError,
    "layer 1 (embedding): expected embeddings before all other layers",
  ],
  [
    "an embedding in a residual",
    layer({ type: "residual", layers: [{ type: "embedding", column: 0, categories: 3, units: 1 }] }),
    ShapeError,
    "layer 0 (residual): expected embeddings before all other layers",
  ],
  ["no units", layer("dense"), OptionError, "layer 0 (dense): units is missing"],
  ["0 units", layer(dense(0)), OptionError, `layer 0 (dense): units: ${wholeNumber} 0`],
  ["half a unit", layer(dense(2.5)), OptionError, `layer 0 (dense): units: ${wholeNumber} 2.5`],
  [
    "units as a string",
    layer({ type: "dense", units: "8" }),
    OptionError,
    `layer 0 (dense): units: ${wholeNumber} "8"`,
  ],
  [
    "units as an object",
    layer({ type: "dense", units: {} }),
    OptionError,
    `units: ${wholeNumber} an object (Object)`,
  ],
  [
    "a misspelled option",
    layer({ type: "dense", units: 8, usebias: false }),
    OptionError,
    'layer 0 (dense): unknown option "usebias". Did you mean "useBias"?',
  ],
  [
    "an unknown activation",
    layer({ type: "dense", units: 8, activation: "rellu" }),
    OptionError,
    'layer 0 (dense): activation: unknown activation "rellu". Did you mean "relu"?',
  ],
  [
    "an unknown initializer",
    layer({ type: "dense", units: 8, weightInitializer: { type: "heUnifrom" } }),
    OptionError,
    'layer 0 (dense): weightInitializer: unknown initializer "heUnifrom". Did you mean "heUniform"?',
  ],
  [
    "null as an initializer",
    layer({ type: "dense", units: 8, weightInitializer: null }),
    OptionError,
    "layer 0 (dense): weightInitializer: expected an initializer, as an object",
  ],
  [
    "an initializer's value that is not finite",
    layer(dense(8, { biasInitializer: { type: "constant", value: Number.NaN } })),
    OptionError,
    "layer 0 (dense): biasInitializer (constant): value: expected a finite number, received NaN",
  ],
  [
    "a negative l1",
    { l1: -0.1 },
    OptionError,
    "model: l1: expected a finite number of at least 0, received -0.1",
  ],
  ["an l2 of NaN", { l2: Number.NaN }, OptionError, "model: l2: expected a finite number of at least 0"],
  [
    "a layer's negative l2",
    layer(dense(8, { l2: -1 })),
    OptionError,
    "layer 0 (dense): l2: expected a finite number of at least 0, received -1",
  ],
  [
    "a layer that is partly trainable",
    layer({ type: "dense", units: 8, trainable: 1 }),
    OptionError,
    "layer 0 (dense): trainable: expected true or false, received 1",
  ],
  [
    "clipping at a norm of 0",
    { clipGradients: { norm: 0 } },
    OptionError,
    "model: clipGradients: norm: expected a finite number above 0, received 0",
  ],
  [
    "clipping at an infinite value",
    { clipGradients: { value: Number.POSITIVE_INFINITY } },
    OptionError,
    "model: clipGradients: value: expected a finite number above 0, received Infinity",
  ],
  [
    "two clips",
    { clipGradients: { norm: 1, value: 1 } },
    OptionError,
    "model: clipGradients: expected exactly one of norm, value, received norm and value",
  ],
  [
    "clipping at nothing",
    { clipGradients: {} },
    OptionError,
    "model: clipGradients: expected exactly one of norm, value, received none",
  ],
  [
    "a misspelled clipping",
    { clipGradients: { nrom: 1 } },
    OptionError,
    'model: clipGradients: unknown option "nrom". Did you mean "norm"?',
  ],
  ["a number as clipping", { clipGradients: 1 }, OptionError, "model: clipGradients: expected an object"],
  [
    "more weights than the limit",
    { inputs: 2 ** 31 - 1 },
    ShapeError,
    "layer 0 (dense): 2147483647 inputs and 8 outputs take more than 4294967296 parameters",
  ],
  ["no inputs", { inputs: undefined }, OptionError, `model: inputs: ${wholeNumber} undefined`],
  ["negative inputs", { inputs: -2 }, OptionError, `model: inputs: ${wholeNumber} -2`],
  [
    "an unknown loss",
    { loss: "meanSquareError" },
    OptionError,
    'loss: unknown loss "meanSquareError". Did you mean "meanSquaredError"?',
  ],
  [
    "no loss",
    { loss: undefined },
    OptionError,
    'loss: expected a loss, as an object with a "type" or as a name, received',
  ],
  [
    "an unknown optimizer",
    { optimizer: "sdg" },
    OptionError,
    'optimizer: unknown optimizer "sdg". Did you mean "sgd"?',
  ],
  [
    "an optimizer that was not called",
    { optimizer: sgd },
    OptionError,
    "expected an optimizer, as an object with",
  ],
  [
    "a negative learning rate",
    { optimizer: sgd({ learningRate: -0.1 }) },
    OptionError,
    "optimizer sgd: learningRate: expected a finite number of at least 0, received -0.1",
  ],
  [
    "an infinite learning rate",
    { optimizer: sgd({ learningRate: Number.POSITIVE_INFINITY }) },
    OptionError,
    "optimizer sgd: learningRate: expected a finite number of at least 0, received Infinity",
  ],
  [
    "a learning rate as a string",
    { optimizer: { type: "sgd", learningRate: "0.1" } },
    OptionError,
    'optimizer sgd: learningRate: expected a finite number of at least 0, received "0.1"',
  ],
  [
    "a momentum of 1",
    { optimizer: sgd({ momentum: 1 }) },
    OptionError,
    "optimizer sgd: momentum: expected a finite number of at least 0 and below 1, received 1",
  ],
  [
    "a number as a boolean",
    { optimizer: { type: "sgd", nesterov: 1 } },
    OptionError,
    "optimizer sgd: nesterov: expected true or false, received 1",
  ],
  [
    "half a seed",
    { seed: 0.5 },
    OptionError,
    "model: seed: expected a whole number from 0 to 2^53 - 1, received 0.5",
  ],
  [
    "a word as a seed",
    { seed: "one" },
    OptionError,
    "model: seed: expected a whole number from 0 to 2^53 - 1",
  ],
  [
    "an unknown kernel",
    { kernel: "webgpu" },
    OptionError,
    'model: kernel: expected one of auto, native, wasm, typescript, received "webgpu"',
  ],
  [
    "an option of another call",
    { epochs: 3 },
    OptionError,
    'model: unknown option "epochs". Expected one of: inputs,',
  ],
  ["a misspelled option of a model", { optimiser: "sgd" }, OptionError, 'Did you mean "optimizer"?'],
];

const badBuilders: readonly Case<() => unknown>[] = [
  [
    "a learning rate instead of options",
    () => sgd(0.01 as Anything),
    OptionError,
    "sgd: expected an object of options, received 0.01",
  ],
  [
    "an abbreviation",
    () => sgd({ lr: 0.01 } as Anything),
    OptionError,
    'sgd: unknown option "lr". Did you mean "learningRate"? Expected one of: learningRate,',
  ],
  [
    "an activation instead of options",
    () => dense(8, "relu" as Anything),
    OptionError,
    'dense: expected an object of options, received "relu"',
  ],
  [
    "a number as options",
    () => relu(1 as Anything),
    OptionError,
    "relu: expected an object of options, received 1",
  ],
  ["no examples", () => xor({ examples: 0 }), OptionError, `xor: examples: ${wholeNumber} 0`],
  ["null", () => xor(null as Anything), OptionError, "xor: expected an object of options, received null"],
  [
    "a misspelled option",
    () => xor({ sed: 1 } as Anything),
    OptionError,
    'xor: unknown option "sed". Did you mean "seed"?',
  ],
  [
    "a model without options",
    () => new (Model as Anything)(),
    OptionError,
    "model: expected an object of options, received undefined",
  ],
];

const first = { weight: Array.from({ length: 8 }, () => [1, 2]), bias: new Array(8).fill(0) };
const last = { weight: [new Array(8).fill(1)], bias: [0] };
const badWeights: readonly Case<Anything>[] = [
  [
    "too few layers",
    [first, last],
    ShapeError,
    "setWeights: one entry for each layer: expected an array of 3, received an array of 2",
  ],
  [
    "no list",
    { first },
    ShapeError,
    "one entry for each layer: expected an array of 3, received an object (Object)",
  ],
  ["nothing", undefined, ShapeError, "one entry for each layer: expected an array of 3, received nothing"],
  [
    "null as a layer",
    [first, null, last],
    ShapeError,
    "setWeights: layer 1 (relu): expected an object, received null",
  ],
  [
    "a bias that is too short",
    [{ ...first, bias: [0] }, {}, last],
    ShapeError,
    "setWeights: layer 0 (dense): bias: expected an array of 8, received an array of 1",
  ],
  [
    "no bias",
    [{ weight: first.weight }, {}, last],
    ShapeError,
    "setWeights: layer 0 (dense): bias: expected an array of 8, received nothing",
  ],
  [
    "a weight as [inputs][outputs]",
    [{ ...first, weight: [new Array(8).fill(1), new Array(8).fill(1)] }, {}, last],
    ShapeError,
    "setWeights: layer 0 (dense): weight: expected an array of 8, received an array of 2",
  ],
  [
    "a row that is too long",
    [first, {}, { ...last, weight: [new Float32Array(9)] }],
    ShapeError,
    "setWeights: layer 2 (dense): weight: row 0: expected an array of 8, received a Float32Array of 9",
  ],
  [
    "an unknown name",
    [first, {}, { ...last, kernel: [] }],
    ShapeError,
    'setWeights: layer 2 (dense): expected weight, bias, received "kernel"',
  ],
  [
    "weights for a layer without any",
    [first, { weight: [[1]] }, last],
    ShapeError,
    'setWeights: layer 1 (relu): expected no parameters, received "weight"',
  ],
  [
    "NaN in a weight",
    [first, {}, { ...last, weight: [[1, 1, 1, Number.NaN, 1, 1, 1, 1]] }],
    DataError,
    "setWeights: layer 2 (dense): weight: row 0, column 3: expected a finite number, received NaN",
  ],
  [
    "a bias too large for 32 bits",
    [first, {}, { ...last, bias: [1e300] }],
    DataError,
    "setWeights: layer 2 (dense): bias: value 0: expected a finite number, received 1e+300, too large for 32 bits",
  ],
  [
    "a string in a bias",
    [first, {}, { ...last, bias: ["0"] }],
    DataError,
    'setWeights: layer 2 (dense): bias: value 0: expected a finite number, received "0"',
  ],
];

afterEach(() => {
  vi.unstubAllEnvs();
  vi.unstubAllGlobals();
});

async function expectRefused(call: () => unknown, kind: ErrorClass, message: string): Promise<void> {
  const error = await failureOf(call);
  expect(error).toBeInstanceOf(kind);
  expect(error).toBeInstanceOf(MyelinError);
  expect((error as MyelinError).message).toContain(message);
  expect((error as MyelinError).code).toMatch(/^MYELIN_[A-Z]+$/);
}

describe.each(kernelNames)("on the %s kernel a model refuses, without any change,", (kernel) => {
  /**
   * Trains first, so that a refused call could destroy a state. Afterwards the state is intact and training
   * works.
   */
  const unchanged = async (refuse: (model: Model) => Promise<void>) => {
    const [model, twin] = [makeModel({ kernel }), makeModel({ kernel })];
    for (const either of [model, twin]) either.fitSync(data);
    await refuse(model);
    expect(model.toJSON()).toEqual(twin.toJSON());
    expect(model.fitSync(data).loss).toEqual(twin.fitSync(data).loss);
  };

  test.each(badExamples)("examples: %s", async (_, examples, kind, message) => {
    await unchanged(async (model) => {
      await expectRefused(() => model.fit(examples), kind, message);
      await expectRefused(() => model.fitSync(examples), kind, message);
      await expectRefused(() => model.epochs(examples).next(), kind, message);
      await expectRefused(() => model.evaluate(examples), kind, message);
      await expectRefused(() => model.gradients(examples), kind, message);
      if (message.startsWith("x: ")) await expectRefused(() => model.predict(examples.x), kind, message);
    });
  });

  test.each(badFitOptions)("training options: %s", async (_, options, kind, message) => {
    await unchanged(async (model) => {
      await expectRefused(() => model.fit(data, options), kind, `fit: ${message}`);
      await expectRefused(() => model.fit(x, y, options), kind, `fit: ${message}`);
      await expectRefused(() => model.fitSync(data, options), kind, `fitSync: ${message}`);
      await expectRefused(() => model.epochs(data, options).next(), kind, `epochs: ${message}`);
    });
  });

  test.each(badWeights)("weights: %s", async (_, weights, kind, message) => {
    await unchanged((model) => expectRefused(() => model.setWeights(weights), kind, message));
  });

  test("arguments in the wrong order", async () => {
    await unchanged(async (model: Anything) => {
      const three = "expected (data, options) or (x, y, options)";
      await expectRefused(() => model.fit(data, undefined, { epochs: 1 }), OptionError, `fit: ${three}`);
      await expectRefused(() => model.fit(x, { epochs: 1 }), DataError, `y: ${anyMatrix} an object (Object)`);
      await expectRefused(() => model.fit(), DataError, `x: ${anyMatrix} undefined`);
      await expectRefused(() => model.evaluate(data, y), OptionError, "evaluate: expected (data) or (x, y)");
      await expectRefused(() => model.predict(), DataError, `x: ${anyMatrix} undefined`);
      await expectRefused(
        () => model.predict({ ...data, inputs: 4 }),
        ShapeError,
        "expected 2 inputs, received 4",
      );
    });
  });

  test("x as a list of numbers if the model has one input, and the error shows the fix", async () => {
    const model = makeModel({ kernel, inputs: 1 });
    const message =
      "x: expected 1 input in a row, received 3; for rows of one value pass [[…], […]] or a Float32Array";
    await expectRefused(() => model.fit([1, 2, 3], [1, 2, 3]), ShapeError, message);
  });
});

test.each(badModels)("a model refuses %s", async (_, options, kind, message) => {
  await expectRefused(() => makeModel({ kernel: "typescript", ...options }), kind, message);
});

test.each(badBuilders)("a builder refuses %s", async (_, call, kind, message) => {
  await expectRefused(call, kind, message);
});

test("MYELIN_KERNEL accepts only the names of kernels", async () => {
  vi.stubEnv("MYELIN_KERNEL", "rust");
  const message = 'MYELIN_KERNEL: expected one of auto, native, wasm, typescript, received "rust"';
  await expectRefused(() => makeModel(), OptionError, message);
  expect(makeModel({ kernel: "typescript" }).kernel.name).toBe("typescript");
});

test("a model that does not fit in memory is an error", async () => {
  // On a machine with that much memory, the test does not allocate it.
  const Float32ArrayOfTheHost = Float32Array;
  vi.stubGlobal(
    "Float32Array",
    class extends Float32ArrayOfTheHost {
      constructor(length: number) {
        if (length > 1e6) throw new RangeError("Array buffer allocation failed");
        super(length);
      }
    },
  );
  const large = { kernel: "typescript", inputs: 1000, layers: [dense(2000)] } as const;
  await expectRefused(() => makeModel(large), KernelError, "model: 2002000 parameters do not fit in memory");
  const wide = makeModel({ kernel: "typescript", layers: [dense(30_000), dense(1)] });
  await expectRefused(
    () => wide.fitSync(data, { batchSize: 50 }),
    KernelError,
    "typescript kernel: 50 rows do not fit in memory: take fewer rows",
  );
  expect(() => wide.fitSync(data, { batchSize: 5 })).not.toThrow();
});

test("all errors extend one class and have a code and a name", () => {
  const error = new FormatError("why");
  expect(error).toBeInstanceOf(MyelinError);
  expect(error).toBeInstanceOf(Error);
  expect(error).toMatchObject({ name: "FormatError", code: "MYELIN_FORMAT", message: "why" });
});

describe("x and y", () => {
  const candidate = {
    model: { inputs: 2, layers: [dense(1)], loss: "meanSquaredError", optimizer: "sgd" },
  } as const;
  const models = [1, 2, 3].map((seed) => makeModel({ seed }));
  const ways: [string, (...given: unknown[]) => unknown][] = [
    ["trainMany", (...given: Anything) => (trainMany as Anything)(models, ...given)],
    ["crossValidate", (...given: Anything) => (crossValidate as Anything)(candidate, ...given)],
    ["search", (...given: Anything) => (search as Anything)({ a: [1] }, ...given)],
  ];
  const forms: [string, unknown[]][] = [
    ["one after the other", [x, y, { epochs: 2 }]],
    ["as flat arrays", [Float32Array.from(x.flat()), Float32Array.from(y), {}]],
    ["in a list", [[x, y], {}]],
  ];

  describe.each(ways)("x and y passed to %s", (name, call) => {
    test.each(forms)("%s are refused, and the error shows the accepted form", async (_, given) => {
      const error = await failureOf(() => call(...given));
      expect(error).toBeInstanceOf(DataError);
      expect((error as Error).message).toMatch(
        new RegExp(`^${name}: .*data: expected x and y, received .*\\. Fix: pass x and y in one object, `),
      );
    });
  });

  const model = makeModel();
  const ofOne: [string, (...given: Anything) => unknown][] = [
    ["fit", model.fit.bind(model)],
    ["fitSync", model.fitSync.bind(model)],
    ["trainOnBatch", model.trainOnBatch.bind(model)],
    ["importance", (...given) => (importance as Anything)(model, ...given)],
    ["findLearningRate", (...given) => (findLearningRate as Anything)(model, ...given)],
  ];
  const wrong = [[[x, y]], [[x, y], { steps: 20 }], [x], [x, {}]];

  test.each(ofOne)(
    "passed to %s without y, or with options as y, are refused, and the error shows both forms",
    async (_, call) => {
      for (const given of wrong) {
        const error = await failureOf(() => call(...given));
        expect(error).toBeInstanceOf(DataError);
        expect((error as Error).message).toMatch(/pass both x and y, as \(x, y\) or \{ x, y \}$/);
      }
    },
  );
});
