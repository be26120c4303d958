"""The article's own program, written anew from its description in plain Python lists.

    python3 article.py <epochs>

Answers each line "run" with a line of JSON: steps, seconds and the last epoch's loss of one training.

As in the article, backward runs once a batch: the error's gradient is averaged over the batch, but every
layer still holds the input of the batch's last row only. So a step here is five passes forward and one back,
which is less work than a pass back for each row, as all other participants do.
"""

import json
import random
import sys
import time


class FullyConnected:
    """y = W x + b, with W as [outputs][inputs]."""

    def __init__(self, inputs, outputs):
        self.weights = [[random.random() for _ in range(inputs)] for _ in range(outputs)]
        self.bias = [random.random() for _ in range(outputs)]

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
    """x where it is above 0, else 0; the derivative is 1 or 0 likewise."""

    def forward(self, x):
        self.x = x
        return [v if v > 0 else 0.0 for v in x]

    def backward(self, gradient, learning_rate):
        return [g if v > 0 else 0.0 for g, v in zip(gradient, self.x)]


class Model:
    """Layers, trained by mean squared error over mini-batches in order."""

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
        """Answers with the mean loss of the last epoch."""
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


def run(epochs):
    random.seed(1)
    inputs = [[random.random(), random.random()] for _ in range(1000)]
    targets = [[1.0 if (a >= 0.5) != (b >= 0.5) else 0.0] for a, b in inputs]
    layers = [FullyConnected(2, 64), Relu(), FullyConnected(64, 1)]
    model = Model(layers, epochs, batch_size=5, learning_rate=0.01)
    start = time.perf_counter()
    loss = model.train(inputs, targets)
    seconds = time.perf_counter() - start
    return {"steps": epochs * len(inputs) // 5, "seconds": seconds, "loss": loss}


for _ in sys.stdin:
    print(json.dumps(run(int(sys.argv[1]))), flush=True)
