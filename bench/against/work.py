"""Code that the Python peers share: it reads a work's files and speaks the line protocol of ../serve.js."""

import json
import pathlib
import sys
import time

import numpy


class Work:
    """A work written by ../data.js. `layers` holds a weight [outputs][inputs] and a bias per layer."""

    def __init__(self, folder):
        folder = pathlib.Path(folder)
        for name, value in json.loads((folder / "work.json").read_text()).items():
            setattr(self, name, value)
        floats = lambda name: numpy.fromfile(folder / f"{name}.f32", dtype=numpy.float32)
        self.x = floats("x").reshape(self.rows, -1)
        self.y = floats("y").reshape(self.rows, -1)
        self.layers = list(self._layers(floats("parameters")))
        self.has_classes = self.loss != "meanSquaredError"
        self.steps_an_epoch = -(-self.rows // self.batchSize)

    def _layers(self, values):
        at = 0
        for inputs, outputs in zip(self.widths, self.widths[1:]):
            weight = values[at : at + outputs * inputs].reshape(outputs, inputs)
            at += outputs * inputs
            yield weight, values[at : at + outputs]
            at += outputs

    def half_silent(self):
        """The same x with the later half of its columns at zero."""
        x = self.x.copy()
        x[:, self.widths[0] // 2 :] = 0
        return x


def serve(actions):
    """Answers each line with a line of JSON. A line is an action and, for some, an argument."""
    for line in sys.stdin:
        action, *arguments = line.split()
        print(json.dumps(actions[action](*arguments)), flush=True)


def turn(prepare):
    """Returns an action that runs pieces of trainings until the given seconds have been measured.

    Only the pieces are timed. `prepare` creates a net and returns the number of pieces in its training, the
    steps per piece, and a function that runs a piece to its end.
    """

    def run(seconds):
        enough = float(seconds)
        measured, steps = 0.0, 0
        while measured < enough:
            pieces, steps_a_piece, piece = prepare()
            for _ in range(pieces):
                if measured >= enough:
                    break
                start = time.perf_counter()
                piece()
                measured += time.perf_counter() - start
                steps += steps_a_piece
        return {"steps": steps, "seconds": measured}

    return run
