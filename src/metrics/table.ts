/** The table of metrics: (options) → for predictions and targets of some meaning, a figure of all rows. */
export { accuracy, topK } from "./accuracy.ts";
export { meanAbsoluteError, meanSquaredError, r2, rootMeanSquaredError } from "./distances.ts";
export { f1, precision, recall } from "./precision.ts";
export { logLoss } from "./probabilities.ts";
export { averagePrecision, rocAuc } from "./ranking.ts";
