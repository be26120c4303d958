// How far off predictions are, and how sure that is. The error of a table is 1 - AUC with two classes, the log
// loss with more, and the root of the mean squared error for numbers.

/** Probabilities are at least this, as in scikit-learn, so that no logarithm is infinite. */
const LEAST_PROBABILITY = 1e-15;

const sum = (values) => values.reduce((total, value) => total + value, 0);
export const mean = (values) => sum(values) / values.length;

/** The standard deviation of a sample, with n - 1. */
function deviation(values) {
  const middle = mean(values);
  return Math.sqrt(sum(values.map((value) => (value - middle) ** 2)) / (values.length - 1));
}

const standardErrorOfMean = (values) => deviation(values) / Math.sqrt(values.length);

/** The word for a table's error. */
export const measureOf = ({ task, classes }) =>
  task === "regression" ? "RMSE" : classes.length === 2 ? "1 - AUC" : "log loss";

/**
 * The error of predictions with its standard error, and the accuracy for classes.
 * @param {{ task: string, classes: string[] }} table
 * @param {number[] | number[][]} predictions numbers, or probabilities by row and class
 * @param {number[]} targets numbers, or the numbers of classes
 * @returns {{ error: number, standardError: number, accuracy?: number }}
 */
export function scoresOf({ task, classes }, predictions, targets) {
  if (predictions.length !== targets.length)
    throw new Error(`expected ${targets.length} predictions, received ${predictions.length}`);
  if (!predictions.flat().every(Number.isFinite)) throw new Error("expected finite predictions");
  if (task === "regression") return rootMeanSquaredError(predictions, targets);
  const probabilities = predictions.map(normalized);
  const accuracy = mean(probabilities.map((row, at) => (argmax(row) === targets[at] ? 1 : 0)));
  if (classes.length > 2) return { ...logLoss(probabilities, targets), accuracy };
  const { auc, standardError } = rocAuc(
    predictions.map((row) => row[1]),
    targets,
  );
  return { error: 1 - auc, standardError, accuracy };
}

const argmax = (row) => row.indexOf(Math.max(...row));

function normalized(row) {
  const clipped = row.map((value) => Math.min(1, Math.max(LEAST_PROBABILITY, value)));
  const total = sum(clipped);
  return clipped.map((value) => value / total);
}

/** By the delta method the root's standard error is that of the mean of the squares over twice the root. */
function rootMeanSquaredError(predictions, targets) {
  const squares = predictions.map((value, row) => (value - targets[row]) ** 2);
  const error = Math.sqrt(mean(squares));
  return { error, standardError: error === 0 ? 0 : standardErrorOfMean(squares) / (2 * error) };
}

function logLoss(probabilities, targets) {
  const losses = probabilities.map((row, at) => -Math.log(row[targets[at]]));
  return { error: mean(losses), standardError: standardErrorOfMean(losses) };
}

/** Ranks from 1; equal values share the mean of theirs. */
function ranks(values) {
  const order = values.map((_, at) => at).sort((a, b) => values[a] - values[b]);
  const found = new Array(values.length);
  for (let start = 0; start < order.length; ) {
    let end = start + 1;
    while (end < order.length && values[order[end]] === values[order[start]]) end++;
    for (let at = start; at < end; at++) found[order[at]] = (start + 1 + end) / 2;
    start = end;
  }
  return found;
}

/**
 * The area under the ROC curve of the class numbered 1, and its standard error: DeLong, DeLong and Clarke-Pearson
 * (1988), by ranks as Sun and Xu (2014). A positive row's part is the share of the negative rows below it, and a
 * negative row's the share of the positive rows above it.
 */
function rocAuc(values, targets) {
  const all = ranks(values);
  const parts = [1, 0].map((which) => {
    const rows = targets.map((_, row) => row).filter((row) => targets[row] === which);
    const own = ranks(rows.map((row) => values[row]));
    const others = targets.length - rows.length;
    const below = rows.map((row, at) => (all[row] - own[at]) / others);
    return which === 1 ? below : below.map((share) => 1 - share);
  });
  if (parts.some(({ length }) => length === 0)) throw new Error("expected test rows of both classes");
  const variance = sum(parts.map((part) => standardErrorOfMean(part) ** 2));
  return { auc: mean(parts[0]), standardError: Math.sqrt(variance) };
}

/** The error that a table model reports of itself, by the measure of the table. */
export function honestError({ task, classes }, { rootMeanSquaredError, logLoss, rocAuc }) {
  if (task === "regression") return rootMeanSquaredError;
  return classes.length === 2 ? 1 - rocAuc : logLoss;
}
