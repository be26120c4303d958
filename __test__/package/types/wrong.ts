// Statements that must not compile. The comment before a statement gives its error.
import {
  adam,
  type Callback,
  callbacks,
  crossValidate,
  dense,
  ensemble,
  findLearningRate,
  initializers,
  leakyRelu,
  losses,
  Model,
  metrics,
  range,
  relu,
  residual,
  save,
  schedules,
  search,
  sgd,
  softmax,
  strategies,
  trainMany,
  xor,
} from "myelin";
import { attributions, checkGradients, importance, partialDependence } from "myelin/insight";

const data = xor({ examples: 100 });
const base = { inputs: 2, loss: "meanSquaredError", optimizer: "adam", layers: [dense(1)] } as const;
const model = new Model({ ...base, metrics: ["accuracy"] });
const train = { epochs: 2 };

// A builder that was not called.
// expect error: 2322
new Model({ ...base, layers: [relu] });
// expect error: 2322
new Model({ ...base, layers: [dense(2), leakyRelu] });
// expect error: 2322
new Model({ ...base, layers: [dense(2), softmax] });
// expect error: 2322
new Model({ ...base, layers: [dense] });
// expect error: 2322
new Model({ ...base, layers: [residual] });
// expect error: 2322
residual([relu]);
// expect error: 2322
dense(2, { activation: relu });
// expect error: 2322
dense(2, { weightInitializer: initializers.heNormal });
// expect error: 2322
new Model({ ...base, optimizer: sgd });
// expect error: 2322
new Model({ ...base, loss: losses.huber });
// expect error: 2322
new Model({ ...base, metrics: [metrics.topK] });
// expect error: 2322
new Model({ ...base, metrics: [metrics.accuracy] });
// expect error: 2345
metrics.measure(metrics.accuracy, [1], [1]);
// expect error: 2769
importance(model, data, { metric: metrics.r2 });
// expect error: 2769
model.fit(data, { schedule: schedules.cosine });
// expect error: 2769
model.fit(data, { schedule: schedules.reduceOnPlateau });
// expect error: 2769
model.fit(data, { callbacks: [callbacks.earlyStopping] });
// expect error: 2769
model.fit(data, { callbacks: callbacks.log });
// expect error: 2322
search({ units: [1] }, data, { build: () => ({ model: base }), strategy: strategies.grid });

// An unknown name of an entry.
// expect error: 2820 Did you mean '"sigmoid"'?
new Model({ ...base, layers: ["sigmiod"] });
// expect error: 2820 Did you mean '"adam"'?
new Model({ ...base, optimizer: "adm" });
// expect error: 2820 Did you mean '"huber"'?
new Model({ ...base, loss: "hubber" });
// expect error: 2820 Did you mean '"accuracy"'?
new Model({ ...base, metrics: ["acuracy"] });
// expect error: 2322
new Model({ ...base, layers: [{ type: "rely" }] });
// expect error: 2820 Did you mean '"sigmoid"'?
dense(2, { activation: "sigmiod" });
// expect error: 2820
dense(2, { weightInitializer: "glorotUniforn" });
// expect error: 2820 Did you mean '"validationLoss"'?
callbacks.earlyStopping({ monitor: "validationLos" });
// expect error: 2820 Did you mean '"validationRocAuc"'?
schedules.reduceOnPlateau({ monitor: "validationRocAux" });
// expect error: 2322
new Model({ ...base, kernel: "webgpu" });
// expect error: 2322
new Model({ ...base, metrics: ["topK"] });

// An unknown name of an option.
// expect error: 2353
new Model({ ...base, learningRate: 0.1 });
// expect error: 2561 Did you mean to write 'metrics'?
new Model({ ...base, metric: ["accuracy"] });
// expect error: 2561 Did you mean to write 'learningRate'?
sgd({ learningrate: 0.1 });
// expect error: 2353
adam({ momentum: 0.9 });
// expect error: 2322
relu({ alpha: 0.1 });
// expect error: 2345
relu(0.1);
// expect error: 2353
dense(2, { bias: false });
// expect error: 2353
losses.huber({ beta: 1 });
// expect error: 2353
metrics.topK({ k: 1, average: "macro" });
// expect error: 2353
metrics.accuracy({ k: 1 });
// expect error: 2353
schedules.cosine({ epochs: 3, min: 1 });
// expect error: 2353
callbacks.earlyStopping({ monitor: "loss", patients: 3 });
// expect error: 2353
callbacks.checkpoint({ path: "run", restore: true });
// expect error: 2353
callbacks.log({ path: "run", every: 3 });
// expect error: 2353
callbacks.tensorBoard({ directory: "run", path: "run" });
// expect error: 2353
xor({ rows: 3 });
// expect error: 2353
range(1, 2, { logarithmic: true });
// expect error: 2353
strategies.random({ count: 3 });
// expect error: 2353
new Model({ ...base, layers: [{ type: "dense", units: 2, bias: true }] });
// expect error: 2353
new Model({ ...base, layers: [{ type: "relu", alpha: 2 }] });
// expect error: 2353
new Model({ ...base, optimizer: { type: "sgd", beta1: 0.9 } });
// expect error: 2353
new Model({ ...base, loss: { type: "huber", beta: 0.9 } });
// expect error: 2353
new Model({ ...base, metrics: ["accuracy", { type: "topK", k: 1, average: "macro" }] });
// expect error: 2561 Did you mean to write 'norm'?
new Model({ ...base, clipGradients: { norms: 1 } });
// expect error: 2769 Did you mean to write 'epochs'?
model.fit(data, { epoch: 3 });
// expect error: 2769 Did you mean to write 'validationSplit'?
model.fit(data, { epochs: 3, validationsplit: 0.2 });
// expect error: 2561 Did you mean to write 'batchSize'?
model.fitSync(data.x, data.y, { validationSplit: 0.2, batchsize: 3 });
// expect error: 2769
model.epochs(data, { callback: [] });
// expect error: 2769
model.fit(data, { budget: { second: 3 } });
// expect error: 2769
model.fit(data, { callbacks: { onEpochEnds() {} } });
// expect error: 2769
model.trainOnBatch(data, { epochs: 3 });
// expect error: 2353
model.predict(data, { batchSize: 3 });
// expect error: 2561
attributions(model, data, { step: 3 });
// expect error: 2769
importance(model, data, { repeat: 3 });
// expect error: 2769
checkGradients(model, data, { epochs: 3 });
// expect error: 2353
partialDependence(model, data, 0, { rows: 3 });
// expect error: 2353
model.toBytes({ weights: true });
// expect error: 2353
save(model, "model", { format: "json" });
// expect error: 2353
Model.fromBytes(model.toBytes(), { seed: 1 });
// expect error: 2353
trainMany([model], data, { workers: 2 });
// expect error: 2769
findLearningRate(model, data, { epochs: 3 });
// expect error: 2561
crossValidate({ model: base, fit: train }, data, { fold: 3 });
// expect error: 2561
crossValidate({ model: base, fits: train }, data);
// expect error: 2353
metrics.confusionMatrix([1], [1], { labels: 3 });

// A value of another type.
// expect error: 2322
new Model({ ...base, inputs: "2" });
// expect error: 2322
new Model({ ...base, metrics: "accuracy" });
// expect error: 2322
sgd({ learningRate: "0.1" });
// expect error: 2322
sgd({ nesterov: 1 });
// expect error: 2345
dense("2");
// expect error: 2322
new Model({ ...base, clipGradients: { norm: 1, value: 1 } });
// expect error: 2322
new Model({ ...base, metrics: [{ type: "topK", k: "1" }] });
// expect error: 2769
model.fit(data, { epochs: "3" });
// expect error: 2769
model.fit(data, { validationSplit: "0.2" });
// expect error: 2769
model.fit(data, { validationData: [1, 2, 3] });
// expect error: 2345
model.fit({ x: data.x });
// expect error: 2345
model.fit(data.x);
// expect error: 2345
model.predict("0.2");
// expect error: 2322
model.predict([["0.2"]]);
// expect error: 2353
model.predict({ y: [1] });
// expect error: 2345
model.predict(new BigInt64Array(2));
// expect error: 2345
ensemble([model]).predict("0.2");
// expect error: 2345
callbacks.checkpoint({ every: 3 });
// expect error: 2345
callbacks.checkpoint("run.safetensors");
// expect error: 2554
schedules.cosine();
// expect error: 2322
schedules.chain({ schedules: ["cosines"], milestones: [] });

// A value that is not measured.
const history = await model.fit(data, train);
const split = await model.fit(data, { validationSplit: 0.2 });
// expect error: 2551 Did you mean 'accuracy'?
history.acuracy;
// expect error: 18048
history.r2.at(-1);
// expect error: 18048
history.validationAccuracy.at(-1);
// expect error: 18048
history.validationLoss.at(-1);
// expect error: 18048
split.validationR2.at(-1);
// expect error: 2322
export const figure: number = model.evaluate(data).precision;
// expect error: 18048
const callback: Callback = { onEpochEnd: ({ accuracy }) => void accuracy.toFixed() };
// expect error: 2554
model.fit(data, data, { callbacks: [callback] }, train);
