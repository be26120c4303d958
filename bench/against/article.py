"""The article's own program, rewritten from its description in plain Python lists.

    python3 article.py <folder of the work>

It needs only Python, so it reads the work's files itself. The protocol is that of ../serve.js.

As in the article, backward runs once per batch. The error's gradient is averaged over the batch, but every
layer holds only the input of the batch's last row. A step is therefore five forward passes and one backward
pass. The other participants do a backward pass for each row.
"""

import array
import json
import pathlib
import platform
import sys
import time


class FullyConnected:
    """y = W x + b, with W as [outputs][inputs]."""

    def __init__(self, inputs, outputs, values):
        """Reads the start values from an iterator: the weights, then the biases."""
        self.weights = [[next(values) for _ in range(inputs)] for _ in range(outputs)]
        self.bias = [next(values) for _ in range(outputs)]

    def forward(self, x):
        self.x = x
        return [sum(w * v for w, v in zip(row, x)) + b for row, b in zip(self.weights, self.bias)]

    def backward(self, gradient, learning_rate):
        """dE/dx = W^T dE/dy; dE/dW is the outer product of dE/dy and x; dE/db = dE/dy."""
        passed_on = [sum(w * g for w, g in zip(column, gradient)) for column in zip(*self.weights)]
        for row, g in zip(self.weights, gradient):
            for index, v in enumerate(self.x):
                row[index] -= learning_rate * g * v
        self.bias = [b - learning_rate * g for b, g in zip(self.bias, gradient)]
        return passed_on


class Relu:
    """x where x is above 0, else 0. The derivative is 1 or 0."""

    def forward(self, x):
        self.x = x
        return [v if v > 0 else 0.0 for v in x]

    def backward(self, gradient, learning_rate):
        return [g if v > 0 else 0.0 for g, v in zip(gradient, self.x)]


class Model:
    """A model trained with the mean squared error over mini-batches in order."""

    def __init__(self, layers, epochs, batch_size, learning_rate):
        self.layers = layers
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate

    def predict(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def train(self, inputs, targets):
        """Returns the mean loss of the last epoch."""
        if len(inputs) % self.batch_size:
            raise ValueError(f"{len(inputs)} rows are not a multiple of the batch size {self.batch_size}")
        for _ in range(self.epochs):
            loss = 0.0
            for start in range(0, len(inputs), self.batch_size):
                end = start + self.batch_size
                loss += self.step(inputs[start:end], targets[start:end])
        return loss / len(inputs)

    def step(self, inputs, targets):
        loss = 0.0
        gradient = [0.0] * len(targets[0])
        for x, target in zip(inputs, targets):
            errors = [y - t for y, t in zip(self.predict(x), target)]
            loss += sum(error * error for error in errors)
            gradient = [g + 2 * error / len(inputs) for g, error in zip(gradient, errors)]
        for layer in reversed(self.layers):
            gradient = layer.backward(gradient, self.learning_rate)
        return loss


folder = pathlib.Path(sys.argv[1])
work = json.loads((folder / "work.json").read_text())


def floats(name):
    return array.array("f", (folder / f"{name}.f32").read_bytes())


x = floats("x")
inputs = [list(row) for row in zip(x[0::2], x[1::2])]
targets = [[value] for value in floats("y")]


def training(epochs):
    values = iter(floats("parameters"))
    layers = [FullyConnected(2, 64, values), Relu(), FullyConnected(64, 1, values)]
    return Model(layers, epochs, work["batchSize"], work["optimizer"]["learningRate"])


def check():
    return {"value": training(work["checked"]).train(inputs, targets)}


def run(enough):
    """Trains epochs until `enough` seconds have been measured."""
    model = training(1)
    epochs = 0
    start = time.perf_counter()
    while time.perf_counter() - start < float(enough):
        model.train(inputs, targets)
        epochs += 1
    return {"steps": epochs * len(inputs) // work["batchSize"], "seconds": time.perf_counter() - start}


def version():
    return {"version": platform.python_version()}


actions = {"version": version, "check": check, "run": run}
for line in sys.stdin:
    action, *arguments = line.split()
    print(json.dumps(actions[action](*arguments)), flush=True)
