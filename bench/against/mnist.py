"""PyTorch on MNIST: python3 mnist.py <folder of the data> <seed> <epochs> <threads, 0 for PyTorch's choice>

The line `epoch` trains one epoch. `accuracy` returns the share of correctly classified test rows. Each step
gathers its rows by a random permutation. A DataLoader, which takes rows one by one, is much slower.
"""

import pathlib
import sys
import time

import numpy
import torch
from torch import nn
from torch.nn import functional
from work import serve

folder, seed, threads = pathlib.Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[4])
if threads > 0:
    torch.set_num_threads(threads)
torch.manual_seed(seed)
BATCH = 128


def read(name):
    """Reads images, with a header of 16 bytes, and labels, with a header of 8 bytes."""
    pixels = numpy.fromfile(folder / f"{name}-images-idx3-ubyte", dtype=numpy.uint8)[16:].reshape(-1, 784)
    labels = numpy.fromfile(folder / f"{name}-labels-idx1-ubyte", dtype=numpy.uint8)[8:]
    return torch.from_numpy(pixels.astype(numpy.float32) / 255), torch.from_numpy(labels).long()


x, y = read("train")
test_x, test_y = read("t10k")
model = nn.Sequential(
    nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 256), nn.ReLU(), nn.Linear(256, 10)
)
optimizer = torch.optim.Adam(model.parameters(), lr=0.001, fused=True)
schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, int(sys.argv[3]))


def epoch():
    start = time.perf_counter()
    total = torch.zeros(())
    for rows in torch.randperm(len(x)).split(BATCH):
        loss = functional.cross_entropy(model(x[rows]), y[rows])
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        total += loss.detach() * len(rows)
    schedule.step()
    return {"loss": (total / len(x)).item(), "seconds": time.perf_counter() - start}


@torch.inference_mode()
def accuracy():
    return {"accuracy": (model(test_x).argmax(1) == test_y).float().mean().item()}


serve({"version": lambda: {"version": torch.__version__}, "epoch": epoch, "accuracy": accuracy})
