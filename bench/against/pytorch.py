"""PyTorch: python3 pytorch.py <folder of the work> <threads, 0 for PyTorch's choice> <eager|compile>

Batches in order become tensors before timing starts. Shuffled batches are gathered in each step. The
optimizers are PyTorch's fused ones, which measured faster than the others.
"""

import sys

import torch
from torch import nn
from torch.nn import functional
from work import Work, serve, turn

work = Work(sys.argv[1])
compiled = sys.argv[3] == "compile"
if int(sys.argv[2]) > 0:
    torch.set_num_threads(int(sys.argv[2]))

x = torch.from_numpy(work.x)
y = torch.from_numpy(work.y[:, 0]).long() if work.has_classes else torch.from_numpy(work.y)
batches = list(zip(x.split(work.batchSize), y.split(work.batchSize)))
loss_of = functional.cross_entropy if work.has_classes else functional.mse_loss
activation = {"relu": nn.ReLU, "tanh": nn.Tanh}[work.activation]


def network():
    layers = []
    for weight, bias in work.layers:
        linear = nn.Linear(weight.shape[1], weight.shape[0])
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(weight))
            linear.bias.copy_(torch.from_numpy(bias))
        layers += [linear, activation()]
    return nn.Sequential(*layers[:-1])


def optimizer(model):
    rate = work.optimizer["learningRate"]
    if work.optimizer["type"] == "adam":
        return torch.optim.Adam(model.parameters(), lr=rate, fused=True)
    momentum = work.optimizer.get("momentum", 0)
    return torch.optim.SGD(model.parameters(), lr=rate, momentum=momentum, fused=True)


class Training:
    """A net with its optimizer."""

    def __init__(self):
        self.start()
        self.forward = torch.compile(self.loss) if compiled else self.loss

    def start(self):
        self.model = network()
        self.optimizer = optimizer(self.model)

    def loss(self, rows, targets):
        return loss_of(self.model(rows), targets)

    def step(self, rows, targets):
        loss = self.forward(rows, targets)
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad()
        return loss.detach()

    def batches(self):
        if not work.shuffle:
            return batches
        return ((x[rows], y[rows]) for rows in torch.randperm(work.rows).split(work.batchSize))

    def epoch(self, chosen=None):
        """Trains one epoch and returns the mean loss, as a tensor: reading it would add to the time."""
        total = torch.zeros(())
        for rows, targets in chosen or self.batches():
            total += self.step(rows, targets) * len(rows)
        return total / work.rows


training = Training()


def reset():
    """Writes the start values into the same tensors and drops the state. Compiled code stays valid."""
    with torch.no_grad():
        linears = [layer for layer in training.model if isinstance(layer, nn.Linear)]
        for linear, (weight, bias) in zip(linears, work.layers):
            linear.weight.copy_(torch.from_numpy(weight))
            linear.bias.copy_(torch.from_numpy(bias))
    training.optimizer = optimizer(training.model)


def prepare():
    reset()
    return work.epochs, work.steps_an_epoch, training.epoch


def prepare_predictions():
    model = torch.compile(training.model) if compiled else training.model
    rows = x.split(work.batchSize)

    @torch.inference_mode()
    def piece():
        for row in rows:
            model(row)

    return 100, len(rows), piece


def check():
    reset()
    if work.kind == "predict":
        with torch.inference_mode():
            return {"value": training.model(x).mean().item()}
    for _ in range(work.checked):
        loss = training.epoch(batches)
    return {"value": loss.item()}


def version():
    return {"version": torch.__version__}


run = turn(prepare_predictions if work.kind == "predict" else prepare)
serve({"version": version, "check": check, "run": run})
