/**
 * The table of metrics. An entry creates a metric from its options and the meaning of predictions and
 * targets.
 */
export { accuracy, topK } from "./accuracy.ts";
export { meanAbsoluteError, meanSquaredError, r2, rootMeanSquaredError } from "./distances.ts";
export { f1, precision, recall } from "./precision.ts";
export { logLoss } from "./probabilities.ts";
export { averagePrecision, rocAuc } from "./ranking.ts";
