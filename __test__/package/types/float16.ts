// Compiled where the library has Float16Array.
import type { History, Model, NumberArray } from "myelin";

declare const model: Model;
const values = new Float16Array(4);
const array: NumberArray = values;
const row: number[][] = model.predict([values]);
const flat: Float32Array<ArrayBuffer> = model.predict(values);
const history: History = model.fitSync(values, array, { sampleWeight: values });
export const used = [row, flat, history];
