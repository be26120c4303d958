/** The progress of a training: a bar on a terminal, plain lines elsewhere. */
/** Shows each epoch when it ends. */
export interface EpochProgress {
  /** The number of epochs after which `update` shows something again, if `done` have ended. */
  next(done: number): number;
  /** Shows that `done` epochs have ended, and the mean squared error of the last one. */
  update(done: number, error: number): void;
  /** Ends the display. */
  end(): void;
}

function seconds(value: number): string {
  return Number.isFinite(value) ? `${value.toFixed(1)} s` : "…";
}

/** The characters of the bar, and the time between two updates. */
const WIDTH = 28;
const UPDATE_MILLISECONDS = 50;
/** Erases from the cursor to the end of the line. */
const CLEAR = "\u001b[K";

function bar(total: number, stream: NodeJS.WriteStream): EpochProgress {
  const started = performance.now();
  let shown = Number.NEGATIVE_INFINITY;
  return {
    next: (done) =>
      done + Math.max(1, Math.floor((done * UPDATE_MILLISECONDS) / (performance.now() - started))),
    update(done, error) {
      const time = performance.now();
      if (done < total && time - shown < UPDATE_MILLISECONDS) return;
      shown = time;
      const full = Math.round((WIDTH * done) / total);
      const left = seconds((((time - started) / done) * (total - done)) / 1000);
      const line = `${"█".repeat(full)}${"░".repeat(WIDTH - full)} epoch ${done}/${total}  mean squared error ${error.toFixed(4)}  ${left} left`;
      // A line that wraps could not be overwritten.
      stream.write(`\r${line.slice(0, (stream.columns || 80) - 1)}${CLEAR}`);
    },
    end: () => void stream.write("\n"),
  };
}

/** Writes a line for the first epoch and after each tenth of the epochs. */
function lines(total: number, stream: NodeJS.WriteStream): EpochProgress {
  const every = Math.max(1, Math.round(total / 10));
  return {
    next: (done) => (done === 0 ? 1 : done + every - (done % every)),
    update(done, error) {
      if (done === 1 || done % every === 0 || done === total) {
        stream.write(`epoch ${done}/${total}  mean squared error ${error.toFixed(4)}\n`);
      }
    },
    end() {},
  };
}

/** Shows the progress of `total` epochs. */
export function showEpochs(total: number, stream: NodeJS.WriteStream): EpochProgress {
  return stream.isTTY ? bar(total, stream) : lines(total, stream);
}
