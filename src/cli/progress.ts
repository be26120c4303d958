/** The progress of a training: a bar on a terminal, plain lines elsewhere. */
import { SingleBar } from "cli-progress";

/** Shows each epoch when it ends. */
export interface EpochProgress {
  /** Shows that `done` epochs have ended, and the mean squared error of the last one. */
  update(done: number, error: number): void;
  /** Ends the display. */
  end(): void;
}

function seconds(value: number): string {
  return Number.isFinite(value) ? `${value.toFixed(1)} s` : "…";
}

function bar(total: number, stream: NodeJS.WriteStream): EpochProgress {
  const started = performance.now();
  const line = new SingleBar({
    format: "{bar} epoch {value}/{total}  mean squared error {error}  {left} left",
    barCompleteChar: "█",
    barIncompleteChar: "░",
    barsize: 28,
    hideCursor: true,
    stream,
  });
  line.start(total, 0, { error: "…", left: "…" });
  return {
    update(done, error) {
      const left = (((performance.now() - started) / done) * (total - done)) / 1000;
      line.update(done, { error: error.toFixed(4), left: seconds(left) });
    },
    end: () => line.stop(),
  };
}

/** Writes a line for the first epoch and after each tenth of the epochs. */
function lines(total: number, stream: NodeJS.WriteStream): EpochProgress {
  const every = Math.max(1, Math.round(total / 10));
  return {
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
