"""Trains scikit-learn's multilayer perceptrons on the tables of ../datasets.js: python3 accuracy.py <file>

../accuracy.js writes the file. It is JSON: for each table, its settings and the held-out rows of each seed.
Prints a line of JSON: the versions, and for each table a score per seed.

Penalties: scikit-learn adds alpha / (rows of the batch) times a weight to its gradient, and omits biases.
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

# scikit-learn warns if the last epoch comes before its stopping rule applies. The rule is off here.
warnings.simplefilter("ignore", ConvergenceWarning)


def read(table):
    with open(table["file"], newline="") as file:
        rows = list(csv.reader(file))[1:]
    x = numpy.array([[float(cell) for cell in row[:-1]] for row in rows])
    last = [row[-1] for row in rows]
    return x, numpy.array(last if table["kind"] == "classes" else [float(cell) for cell in last])


def scaled(values, training):
    """Returns values with mean 0 and standard deviation 1 over the training rows. Constant values become 0."""
    stddev = values[training].std(axis=0)
    return (values - values[training].mean(axis=0)) / numpy.where(stddev == 0, 1, stddev)


def score(table, x, y, split):
    """Returns the accuracy for classes, or R² for numbers, on the held-out rows."""
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
