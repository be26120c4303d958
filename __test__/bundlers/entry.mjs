// A server that a bundler takes in: it says which kernel it computes on, and why.
import { dense, Model, sgd, xor } from "myelin";

const layers = [dense(1)];
const model = new Model({ inputs: 2, layers, loss: "meanSquaredError", optimizer: sgd(), seed: 1 });
model.fitSync(xor({ examples: 20, seed: 1 }), { epochs: 2 });
new Model({ inputs: 2, layers, loss: "meanSquaredError", optimizer: sgd() });
console.log(JSON.stringify(model.kernel));
