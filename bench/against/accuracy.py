"""scikit-learn's multilayer perceptrons on the tables of ../datasets.js: python3 accuracy.py <file>

The file, written by ../accuracy.js, is JSON: for each table its settings and, for each seed, the rows held
out. Prints a line of JSON: versions, and the scores of each table, one a seed.

Penalties: scikit-learn adds alpha / rows of the batch times a weight to its gradient, and leaves biases out.
"""

import csv
import json
import pathlib
import platform
import sys
import warnings

import numpy
import sklearn
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor

# It says so wherever the last epoch comes before its own rule for stopping, which is off here.
warnings.simplefilter("ignore", ConvergenceWarning)


def read(table):
    with open(table["file"], newline="") as file:
        rows = list(csv.reader(file))[1:]
    x = numpy.array([[float(cell) for cell in row[:-1]] for row in rows])
    last = [row[-1] for row in rows]
    return x, numpy.array(last if table["kind"] == "classes" else [float(cell) for cell in last])


def scaled(values, training):
    """Mean 0 and deviation 1 over the training rows; values that are all alike keep their deviation of 0."""
    deviation = values[training].std(axis=0)
    return (values - values[training].mean(axis=0)) / numpy.where(deviation == 0, 1, deviation)


def score(table, x, y, split):
    """Accuracy of classes, R² of numbers, on the rows held out."""
    test = numpy.array(split["heldOut"])
    training = numpy.setdiff1d(numpy.arange(len(y)), test)
    has_classes = table["kind"] == "classes"
    y = y if has_classes else scaled(y, training)
    x = scaled(x, training)
    model = (MLPClassifier if has_classes else MLPRegressor)(
        hidden_layer_sizes=table["hidden"],
        activation="relu",
        solver="adam",
        learning_rate_init=table["learningRate"],
        alpha=table["weightDecay"] * table["batchSize"],
        batch_size=table["batchSize"],
        max_iter=table["epochs"],
        n_iter_no_change=table["epochs"],
        random_state=split["seed"],
    )
    model.fit(x[training], y[training])
    return float(model.score(x[test], y[test]))


def scores(table):
    x, y = read(table)
    return [score(table, x, y, split) for split in table["splits"]]


tables = json.loads(pathlib.Path(sys.argv[1]).read_text())
versions = {
    "scikit-learn": sklearn.__version__,
    "NumPy": numpy.__version__,
    "Python": platform.python_version(),
}
print(json.dumps({"versions": versions, "scores": {table["name"]: scores(table) for table in tables}}))
