/** The table of metrics: (options) → (problem) → metric. */
export { accuracy, topK } from "./accuracy.ts";
export { meanAbsoluteError, meanSquaredError, r2, rootMeanSquaredError } from "./distances.ts";
export { f1, precision, recall } from "./precision.ts";
export { logLoss } from "./probabilities.ts";
export { averagePrecision, rocAuc } from "./ranking.ts";
