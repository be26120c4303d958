// A program for an editor's completions at each mark, and its display of each name.
import { callbacks, dense, Model, schedules, sgd, xor } from "myelin";

const data = xor();
const model = new Model({ inputs: 2, layers: [dense(1)], loss: "huber", optimizer: "adam", metrics: ["r2"] });
const plain = new Model({ inputs: 2, layers: [dense(1)], loss: "huber", optimizer: "adam" });
const history = await model.fit(data, { epochs: 2, validationSplit: 0.2 });
const outputs = model.predict([[0, 1]]);
callbacks.earlyStopping({ monitor: "" });
schedules.reduceOnPlateau({ monitor: "" });
sgd({});
model.fit(data, {});
new Model({ inputs: 2, layers: [dense(1), ""], loss: "huber", optimizer: "adam", metrics: ["r2", ""] });
export const used = [plain, history, outputs];
