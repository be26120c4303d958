/** Shows a training's progress: a bar on a terminal, lines elsewhere; all on standard error. */
import { now } from "../host.ts";
import type { Ended, Epoch, History } from "./history.ts";

/** Shows one training. */
export interface ProgressDisplay {
  /** Epochs until the next look. */
  readonly epochs: number;
  /** Shows what has ended since the last look, and the time that is left. */
  show(epochs: readonly Epoch[], secondsLeft: number): void;
  /** Shows how and why the training ended. */
  end(history: History): void;
}

/** What of Node's standard error is used. */
interface Stream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string, done: (error?: Error | null) => void): unknown;
  listenerCount?(event: "error"): number;
  once?(event: "error", listener: () => void): unknown;
}

/** Writes progress. A full disk, a closed pipe or terminal drops it, and the training continues. */
function write(stream: Stream, text: string): void {
  try {
    stream.write(text, (error) => {
      // The error's event comes next, and would end a process that does not listen.
      if (error && stream.listenerCount?.("error") === 0) stream.once?.("error", () => undefined);
    });
  } catch {
    // Some streams throw instead.
  }
}

/** Time from look to look. */
const LOOK_MILLISECONDS = 100;

/** The least time between two lines where there is no terminal. */
const LINE_MILLISECONDS = 1000;

/** Of a wide terminal and of a narrow one. */
const BAR_WIDTHS = [24, 10];

/** A terminal with fewer columns is narrow. */
const WIDE = 100;

/** Columns of a terminal that does not say. */
const STANDARD_COLUMNS = 80;

/** Clears from the cursor to the end of the line. */
const CLEAR = "\u001b[K";

/** A number as short as it can be read. */
function short(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 1e6) return String(value);
  const size = Math.abs(value);
  return size >= 1e-3 && size < 1e6 ? value.toPrecision(4) : value.toExponential(2);
}

/** "45 s", "3 min 20 s", "2 h 5 min" */
function duration(seconds: number): string {
  if (seconds < 60) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** "validationRocAuc" as "validation roc auc" */
const words = (name: string) => name.replace(/[A-Z]+/g, (capitals) => ` ${capitals.toLowerCase()}`);

/** What was measured of an epoch, as text: the losses, the metrics, the learning rate. */
function figures({ epoch: _epoch, seconds: _seconds, loss, learningRate, ...measured }: Epoch): string {
  const { validationLoss, ...metrics } = measured as { readonly [name: string]: number };
  const losses = validationLoss === undefined ? { loss } : { loss, validationLoss };
  return Object.entries({ ...losses, ...metrics, learningRate })
    .map(([name, value]) => `${words(name)} ${short(value)}`)
    .join("  ");
}

function bar(share: number, columns: number): string {
  const width = BAR_WIDTHS[Number(columns < WIDE)];
  const full = Math.round(share * width);
  return "█".repeat(full) + "░".repeat(width - full);
}

/** Shows a state, over and over, and lines that stay. */
interface Screen {
  /** `share` of the work is done. */
  show(share: number, count: string, figures: string, seconds: number | undefined): void;
  line(text: string): void;
}

function onTerminal(stream: Stream): Screen {
  let isShowing = false;
  return {
    show(share, count, figures, seconds) {
      const time = seconds === undefined ? "" : `  ${duration(seconds)} left`;
      const { columns = STANDARD_COLUMNS } = stream;
      // A line that wraps could not be written over. What matters most comes first.
      const line = `${bar(share, columns)} ${count}${time}  ${figures}`.trimEnd().slice(0, columns - 1);
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
    show(share, count, figures, seconds) {
      const time = now();
      if (share < 1 && time - written < LINE_MILLISECONDS) return;
      written = time;
      const left = seconds === undefined ? "" : `  ${duration(seconds)} left`;
      print(`${count}  ${figures}${left}`.trimEnd());
    },
    line: print,
  };
}

/** Standard error on Node and its like; elsewhere the console. */
function screen(): Screen {
  const { process } = globalThis as { process?: { readonly stderr?: Stream } };
  const stream = process?.stderr;
  if (typeof stream?.write !== "function") return inLines((line) => console.log(line));
  return stream.isTTY ? onTerminal(stream) : inLines((line) => write(stream, `${line}\n`));
}

/** How a training ended, in the words of the last line. */
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

/** "stopped early after 199 epochs, kept epoch 138, validation loss 0.103" */
function summary(history: History): string {
  const { ended = "epochs", bestEpoch, epoch } = history;
  const best = bestEpoch === undefined ? -1 : epoch.indexOf(bestEpoch);
  // An abort or an error leaves the weights of the last step.
  const isKept = best >= 0 && ended !== "signal" && ended !== "error";
  const at = isKept ? best : epoch.length - 1;
  const name = history.validationLoss === undefined ? "loss" : "validationLoss";
  const count = epoch.length === 1 ? "1 epoch" : `${epoch.length} epochs`;
  return [
    `${ENDED[ended]} after ${count}`,
    ...(isKept ? [`kept epoch ${best + 1}`] : []),
    ...(at < 0 ? [] : [`${words(name)} ${short(history[name]?.[at] ?? Number.NaN)}`]),
  ].join(", ");
}

/** Watches a training of `total` epochs, of which `done` have ended before it was resumed. */
export function displayProgress(total: number, done = 0): ProgressDisplay {
  const target = screen();
  let looked = now();
  let ended = done;
  let epochs = 1;
  if (done > 0) target.line(`resumed at epoch ${done}/${total}`);
  return {
    get epochs() {
      return epochs;
    },
    show(last, secondsLeft) {
      const time = now();
      const each = (time - looked) / last.length;
      looked = time;
      epochs = Math.max(1, Math.min(total, Math.round(LOOK_MILLISECONDS / each)));
      ended += last.length;
      const text = figures(last[last.length - 1]);
      target.show(ended / total, `epoch ${ended}/${total}`, text, ended < total ? secondsLeft : undefined);
    },
    end: (history) => target.line(summary(history)),
  };
}

/** Watches trainings of many models. */
export function displayModels(total: number) {
  const target = screen();
  let finished = 0;
  return {
    show(count: number) {
      finished = count;
      target.show(count / total, `model ${count}/${total}`, "", undefined);
    },
    end: () => target.line(`finished ${finished} of ${total} models`),
  };
}
