/** Shows a training's progress on standard error: as a bar on a terminal, as lines elsewhere. */
import { now } from "../host.ts";
import type { Ended, Epoch, History } from "./history.ts";

/** Shows the progress of one training. */
export interface ProgressDisplay {
  /** The number of epochs until the next call of `show`. */
  readonly epochs: number;
  /** Shows the epochs that have ended since the last call, and the time left. */
  show(epochs: readonly Epoch[], secondsLeft: number): void;
  /** Shows how and why the training ended. */
  end(history: History): void;
}

/** The part of Node's standard error that is used. */
interface Stream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string, done: (error?: Error | null) => void): unknown;
  listenerCount?(event: "error"): number;
  once?(event: "error", listener: () => void): unknown;
}

/**
 * Writes progress. If the disk is full, or the pipe or terminal is closed, the text is lost and the training
 * continues.
 */
function write(stream: Stream, text: string): void {
  try {
    stream.write(text, (error) => {
      // The stream emits an error event next, which ends a process that has no listener.
      if (error && stream.listenerCount?.("error") === 0) stream.once?.("error", () => undefined);
    });
  } catch {
    // Some streams throw instead of emitting an event.
  }
}

/** The time between two updates. */
const UPDATE_MILLISECONDS = 100;

/** The least time between two lines without a terminal. */
const LINE_MILLISECONDS = 1000;

/** The width of the bar on a wide terminal and on a narrow one. */
const BAR_WIDTHS = [24, 10];

/** A terminal with fewer columns is narrow. */
const WIDE = 100;

/** The width of a terminal that does not report its own. */
const DEFAULT_COLUMNS = 80;

/** Erases from the cursor to the end of the line. */
const CLEAR = "\u001b[K";

/** Formats a number in few digits. */
function formatNumber(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 1e6) return String(value);
  const size = Math.abs(value);
  return size >= 1e-3 && size < 1e6 ? value.toPrecision(4) : value.toExponential(2);
}

/** Formats a time: "45 s", "3 min 20 s", "2 h 5 min". */
function formatDuration(seconds: number): string {
  if (seconds < 60) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** Returns "validation roc auc" for "validationRocAuc". */
const words = (name: string) => name.replace(/[A-Z]+/g, (capitals) => ` ${capitals.toLowerCase()}`);

/** Returns "roc auc 0.9" for "rocAuc" and 0.9. */
export const nameAndValue = (name: string, value: number) => `${words(name)} ${formatNumber(value)}`;

/** Formats the values of an epoch: the losses, the metrics, the learning rate. */
function formatEpoch({ epoch: _epoch, seconds: _seconds, loss, learningRate, ...measured }: Epoch): string {
  const { validationLoss, ...metrics } = measured as { readonly [name: string]: number };
  const losses = validationLoss === undefined ? { loss } : { loss, validationLoss };
  return Object.entries({ ...losses, ...metrics, learningRate })
    .map(([name, value]) => nameAndValue(name, value))
    .join("  ");
}

function bar(share: number, columns: number): string {
  const width = BAR_WIDTHS[Number(columns < WIDE)];
  const full = Math.round(share * width);
  return "█".repeat(full) + "░".repeat(width - full);
}

/** Shows a state that is overwritten, and lines that stay. */
interface Screen {
  /** Shows the state: `share` of the work is done, and `seconds` are left. */
  show(share: number, count: string, values: string, seconds: number | undefined): void;
  line(text: string): void;
}

function onTerminal(stream: Stream): Screen {
  let isShowing = false;
  return {
    show(share, count, values, seconds) {
      const time = seconds === undefined ? "" : `  ${formatDuration(seconds)} left`;
      // Some terminals say 0, which is no width.
      const columns = stream.columns || DEFAULT_COLUMNS;
      // A line that wraps could not be overwritten, so it is cut. The most important parts come first.
      const line = `${bar(share, columns)} ${count}${time}  ${values}`.trimEnd().slice(0, columns - 1);
      write(stream, `\r${line}${CLEAR}`);
      isShowing = true;
    },
    line(text) {
      write(stream, `${isShowing ? "\n" : ""}${text}\n`);
      isShowing = false;
    },
  };
}

function inLines(print: (line: string) => void): Screen {
  let written = Number.NEGATIVE_INFINITY;
  return {
    show(share, count, values, seconds) {
      const time = now();
      if (share < 1 && time - written < LINE_MILLISECONDS) return;
      written = time;
      const left = seconds === undefined ? "" : `  ${formatDuration(seconds)} left`;
      print(`${count}  ${values}${left}`.trimEnd());
    },
    line: print,
  };
}

/** Returns standard error on Node and compatible hosts, and the console elsewhere. */
function screen(): Screen {
  const { process } = globalThis as { process?: { readonly stderr?: Stream } };
  const stream = process?.stderr;
  if (typeof stream?.write !== "function") return inLines((line) => console.log(line));
  return stream.isTTY ? onTerminal(stream) : inLines((line) => write(stream, `${line}\n`));
}

/** The beginning of the last line, by how the training ended. */
const ENDED: Readonly<Record<Ended, string>> = {
  epochs: "finished",
  patience: "stopped early",
  budget: "stopped, the budget's time is over,",
  target: "stopped, the target loss is reached,",
  signal: "aborted",
  callback: "stopped",
  divergence: "stopped, the loss is no longer finite,",
  error: "failed",
};

/** Returns the last line: "stopped early after 199 epochs, kept epoch 138, validation loss 0.103". */
function summary(history: History): string {
  const { ended = "epochs", bestEpoch, epoch } = history;
  const best = bestEpoch === undefined ? -1 : epoch.indexOf(bestEpoch);
  // After an abort or an error the model has the weights of the last step.
  const isKept = best >= 0 && ended !== "signal" && ended !== "error";
  const at = isKept ? best : epoch.length - 1;
  const name = history.validationLoss === undefined ? "loss" : "validationLoss";
  const count = epoch.length === 1 ? "1 epoch" : `${epoch.length} epochs`;
  return [
    `${ENDED[ended]} after ${count}`,
    ...(isKept ? [`kept epoch ${best + 1}`] : []),
    ...(at < 0 ? [] : [nameAndValue(name, history[name]?.[at] ?? Number.NaN)]),
  ].join(", ");
}

/** Shows a training of `total` epochs, of which `done` had ended when it was resumed. */
export function displayProgress(total: number, done = 0): ProgressDisplay {
  const target = screen();
  let lastUpdate = now();
  let ended = done;
  let epochs = 1;
  if (done > 0) target.line(`resumed at epoch ${done}/${total}`);
  return {
    get epochs() {
      return epochs;
    },
    show(last, secondsLeft) {
      const time = now();
      const each = (time - lastUpdate) / last.length;
      lastUpdate = time;
      epochs = Math.max(1, Math.min(total, Math.round(UPDATE_MILLISECONDS / each)));
      ended += last.length;
      const text = formatEpoch(last[last.length - 1]);
      target.show(ended / total, `epoch ${ended}/${total}`, text, ended < total ? secondsLeft : undefined);
    },
    end: (history) => target.line(summary(history)),
  };
}

/** Shows how many models of one call have been trained; `kind` is what they are called. */
export function displayModels(total: number, kind = "model") {
  const target = screen();
  let finished = 0;
  return {
    /** Shows how many have finished, the time that is left where it is known, and values. */
    show(count: number, secondsLeft?: number, values = "") {
      finished = count;
      target.show(
        count / total,
        `${kind} ${count}/${total}`,
        values,
        count < total ? secondsLeft : undefined,
      );
    },
    end: (text = `finished ${finished} of ${total} ${kind}s`) => target.line(text),
  };
}
