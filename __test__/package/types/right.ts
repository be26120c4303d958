// Programs that must compile, with their exact types. They are never run.
import {
  adam,
  batchNorm,
  type Callback,
  type CrossValidation,
  callbacks,
  crossValidate,
  type Dataset,
  dense,
  dropout,
  type Epoch,
  ensemble,
  type FitOptions,
  findLearningRate,
  type History,
  initializers,
  type KernelChoice,
  type Layer,
  load,
  losses,
  type Matrix,
  type Metric,
  type MetricName,
  Model,
  type ModelOptions,
  metrics,
  type Optimizer,
  range,
  ready,
  relu,
  residual,
  save,
  schedules,
  search,
  sgd,
  strategies,
  trainMany,
  xor,
} from "myelin";
import { attributions, importance } from "myelin/insight";
import wasm from "myelin/myelin.wasm";
import {
  decisionBoundary,
  importanceBars,
  networkDiagram,
  type Picture,
  trainingCurves,
  weightHistograms,
} from "myelin/plot";
import { type ModelServer, requestHandler, type ServeOptions, serve } from "myelin/serve";

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
/** Takes a value of exactly this type. */
declare function exactly<Expected>(): <Actual>(
  value: Actual & (Same<Actual, Expected> extends true ? unknown : never),
) => void;

const data = xor({ examples: 100, seed: 1 });
exactly<Float32Array<ArrayBuffer>>()(data.x);
const base = { inputs: 2, loss: "meanSquaredError", optimizer: "adam", layers: [dense(1)] } as const;

// Layers, losses, optimizers and metrics as calls, objects and names.
const layers: Layer[] = [
  dense(8, { activation: "relu", weightInitializer: initializers.heNormal() }),
  "relu",
];
layers.push(relu(), dropout({ rate: 0.5 }), batchNorm(), residual([dense(8), relu()]), { type: "tanh" });
const optimizer: Optimizer = sgd({ learningRate: 0.1, momentum: 0.9, nesterov: true });
const options: ModelOptions = { inputs: 2, layers, loss: losses.huber({ delta: 2 }), optimizer, l2: 1e-4 };
const kernel: KernelChoice = "typescript";
const whole: Model = new Model({ ...options, kernel, clipGradients: { norm: 1 }, seed: 1 });

// Metrics of the model have values; others are undefined.
const model = new Model({ ...base, metrics: ["accuracy", metrics.topK({ k: 1 })] });
exactly<number>()(model.evaluate(data).accuracy);
exactly<number>()(model.evaluate([[0, 1]], [[1]]).topK);
exactly<undefined>()(model.evaluate(data).r2);
exactly<number>()(model.trainOnBatch(data, { learningRate: 0.1 }).accuracy);
exactly<number[] | undefined>()(model.history?.accuracy);

const plain = await model.fit(data, { epochs: 3, batchSize: 5, shuffle: false });
exactly<number[]>()(plain.loss);
exactly<number[]>()(plain.accuracy);
exactly<undefined>()(plain.validationAccuracy);
const split = await model.fit(data, { epochs: 3, validationSplit: 0.2, verbose: true });
exactly<number[]>()(split.validationLoss);
exactly<number[]>()(split.validationTopK);
exactly<undefined>()(split.validationR2);
exactly<number[]>()(model.fitSync(data.x, data.y, { validationData: data }).validationAccuracy);
exactly<number[]>()(model.fitSync(data, { validationData: [[[0, 1]], [1]] }).validationLoss);
for await (const epoch of model.epochs(data, { epochs: 3, validationSplit: 0.2 })) {
  exactly<number>()(epoch.accuracy);
  exactly<number>()(epoch.validationLoss);
}
await model.fit(data, {
  validationSplit: 0.2,
  callbacks: {
    onEpochEnd({ accuracy, validationAccuracy }, control) {
      exactly<number>()(accuracy);
      exactly<number>()(validationAccuracy);
      control.stop();
    },
  },
});

// If the types do not say which metrics the model has, a value may be undefined.
declare const held: Dataset | undefined;
declare const share: number | undefined;
declare const given: FitOptions;
declare const list: Metric[];
declare const classifies: boolean;
exactly<number[] | undefined>()(model.fitSync(data, { validationData: held }).validationLoss);
exactly<number[] | undefined>()(model.fitSync(data, { validationSplit: share }).validationLoss);
exactly<number[] | undefined>()(model.fitSync(data, given).validationLoss);
exactly<number[]>()(model.fitSync(data, given).accuracy);
exactly<number | undefined>()(new Model({ ...base, metrics: list }).evaluate(data).accuracy);
const either = new Model({ ...base, metrics: classifies ? ["accuracy"] : ["r2"] });
exactly<number | undefined>()(either.evaluate(data).accuracy);
exactly<number | undefined>()(whole.evaluate(data).accuracy);
exactly<number | undefined>()(new Model(base).evaluate(data).accuracy);
const fixed = ["accuracy", "r2"] as const;
exactly<number>()(new Model({ ...base, metrics: fixed }).evaluate(data).r2);

// `Model` without arguments accepts every model, and the types of results without arguments every result.
const any: Model = model;
declare function takes(model: Model, callback?: Callback): void;
takes(model);
takes(new Model(base));
const models: Model[] = [model, any, either, new Model(base)];
const history: History = split;
const epochs: Epoch[] = [];
const own: Callback = { onEpochEnd: (epoch) => void epochs.push(epoch) };
await model.fit(data, { callbacks: [own, callbacks.earlyStopping({ monitor: "validationAccuracy" })] });
const copies: Model[] = [Model.fromJSON(JSON.stringify(model)), Model.fromBytes(model.toBytes())];
copies.push(await load("model.safetensors"));
await save(model, new URL("file:///model.safetensors"), { optimizerState: true });
class Named extends Model {
  readonly name = "mine";
}
takes(new Named(options));
function lossOf<List extends readonly Metric[]>(model: Model<List>): number {
  return model.evaluate(data).loss;
}
lossOf(model);

// Predictions have the form of x.
exactly<number[]>()(model.predict([0.2, 0.9]));
exactly<number[][]>()(model.predict([[0.2, 0.9]]));
exactly<number[][]>()(model.predict([new Float32Array(2)], { threads: 2 }));
exactly<Float32Array<ArrayBuffer>>()(model.predict(new Float64Array(4)));
exactly<Float32Array<ArrayBuffer>>()(model.predict(data));
exactly<Float32Array<ArrayBuffer>>()(model.predict({ x: [[0.2, 0.9]] }));
declare const rowOrRows: number[] | number[][];
declare const pair: readonly [number, number];
declare const matrix: Matrix;
exactly<number[] | number[][]>()(model.predict(rowOrRows));
exactly<number[]>()(model.predict(pair));
exactly<number[] | number[][] | Float32Array<ArrayBuffer>>()(model.predict(matrix));
exactly<number[][]>()([[0.2, 0.9]].map((row) => model.predict(row)));
exactly<number[] | number[][]>()(attributions(model, rowOrRows, { steps: 20 }));
exactly<Float32Array<ArrayBuffer>>()(ensemble(models).predict(data).mean);
exactly<number[] | number[][]>()(ensemble(models).predict(rowOrRows).spread);
exactly<Uint8Array<ArrayBuffer>>()(model.toBytes());

// Functions that take models or options of models also know the metrics.
exactly<number[]>()((await trainMany([model, model], data, { epochs: 2 }))[0].accuracy);
exactly<number[] | undefined>()((await trainMany(models, data))[0].accuracy);
const crossed = await crossValidate({ model: { ...base, metrics: ["accuracy"] }, fit: { epochs: 2 } }, data);
exactly<number>()(crossed.mean.accuracy);
exactly<number[]>()(crossed.folds[0].history.accuracy);
exactly<Uint32Array<ArrayBuffer>>()(crossed.folds[0].rows);
const crossing: CrossValidation = crossed;
const found = await search({ rate: range(1e-4, 1e-1, { log: true }), units: [4, 8] }, data, {
  build: ({ rate, units }) => ({
    model: { ...base, layers: [dense(units), relu(), dense(1)], optimizer: adam({ learningRate: rate }) },
    fit: { epochs: 5 },
  }),
  strategy: strategies.random({ configurations: 5 }),
  metric: "r2",
  refit: true,
});
exactly<{ rate: number; units: 4 | 8 }>()(found.best.point);

const name: MetricName = "rocAuc";
const schedule = schedules.chain({
  schedules: [schedules.warmup({ epochs: 5 }), schedules.reduceOnPlateau({ monitor: "validationRocAuc" })],
  milestones: [5],
});
model.fitSync(data, { schedule, classWeight: "balanced", signal: new AbortController().signal });
model.fitSync(data, { schedule: (epoch, rate) => rate / (epoch + 1), budget: { seconds: 3 } });
model.fitSync(data, { callbacks: callbacks.checkpoint({ path: "run.safetensors", every: 10, keep: 2 }) });
model.fitSync(data, {
  callbacks: [callbacks.log({ path: "log" }), callbacks.tensorBoard({ directory: "t" })],
});
const { suggestion } = await findLearningRate(whole, data, { steps: 50 });
// Pictures take models and results as they are.
const pictures: Picture[] = [
  trainingCurves(history),
  trainingCurves(whole),
  decisionBoundary(whole, [{ x: 0, y: 1, value: "yes" }]),
  decisionBoundary(({ x, y }) => x.map((value, row) => (value > y[row]! ? 1 : 0))),
  importanceBars(importance(whole, data)),
  weightHistograms(whole),
  networkDiagram(whole),
  networkDiagram({ inputs: 2, layers: [dense(8), relu()] }),
];
exactly<string>()(pictures[0]!.svg({ width: 320, theme: "dark" }));
exactly<Uint8Array<ArrayBuffer>>()(await pictures[0]!.png());
export const used = [history, crossing, name, suggestion, metrics.measure("accuracy", [1], [0.9])];

// A server, and a handler with the host's own types of requests.
export const serveOptions: ServeOptions = { port: 0, cors: ["https://example.com"], rate: 5 };
export async function served(model: Model): Promise<ModelServer> {
  const handle: (request: Request) => Promise<Response> = requestHandler(model, {
    client: (request) => request.headers.get("x-client") ?? "",
  });
  await handle(new Request("https://example.com/health"));
  return serve(model, serveOptions);
}

// The kernel off Node: from the package, from a bundler's import, from an address, from bytes.
export const best: Promise<{ name: "native" | "wasm" | "typescript"; reason: string }> = ready();
ready({ module: wasm });
ready({ module: "https://example.com/myelin.wasm" });
ready({ module: new Uint8Array(8) });
