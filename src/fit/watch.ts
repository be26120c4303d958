/** Shows a training's progress: a bar on a terminal, lines elsewhere; all on standard error. */
import type { Epoch } from "./history.ts";

/** Who looks at a training says how many epochs may pass until the next look. */
export interface Watcher {
  /** Epochs until the next look. */
  readonly epochs: number;
  /** Shows what has ended since the last look, and the time that is left. */
  show(epochs: readonly Epoch[], secondsLeft: number): void;
  /** The training is over, however it ended. */
  end(): void;
}

/** What of Node's standard error is used. */
interface Stream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

/** Time from look to look. */
const LOOK_MILLISECONDS = 100;

/** The least time between two lines where there is no terminal. */
const LINE_MILLISECONDS = 1000;

const BAR_WIDTH = 24;

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

/** What was measured of an epoch, as text. */
function figures(epoch: Epoch): string {
  return Object.entries(epoch)
    .filter(([name]) => name !== "epoch" && name !== "seconds")
    .map(([name, value]) => `${words(name)} ${short(value)}`)
    .join("  ");
}

function bar(share: number): string {
  const full = Math.round(share * BAR_WIDTH);
  return "█".repeat(full) + "░".repeat(BAR_WIDTH - full);
}

/** How an epoch is shown, and how to end that. */
interface Screen {
  show(done: number, epoch: Epoch, left: number): void;
  end(): void;
}

function onTerminal(stream: Stream, total: number): Screen {
  return {
    show(done, epoch, left) {
      const time = done < total ? `  ${duration(left)} left` : "";
      const text = `${bar(done / total)} epoch ${done}/${total}  ${figures(epoch)}${time}`;
      // A line that wraps could not be written over.
      stream.write(`\r${text.slice(0, (stream.columns ?? STANDARD_COLUMNS) - 1)}${CLEAR}`);
    },
    end: () => stream.write("\n"),
  };
}

function inLines(write: (line: string) => void, total: number): Screen {
  let written = Number.NEGATIVE_INFINITY;
  return {
    show(done, epoch, left) {
      const now = performance.now();
      if (done < total && now - written < LINE_MILLISECONDS) return;
      written = now;
      const time = done < total ? `  ${duration(left)} left` : "";
      write(`epoch ${done}/${total}  ${figures(epoch)}${time}`);
    },
    end() {},
  };
}

/** Standard error on Node and its like; elsewhere the console. */
function screen(total: number): Screen {
  const { process } = globalThis as { process?: { readonly stderr?: Stream } };
  const stream = process?.stderr;
  if (typeof stream?.write !== "function") return inLines((line) => console.log(line), total);
  return stream.isTTY ? onTerminal(stream, total) : inLines((line) => stream.write(`${line}\n`), total);
}

/** Watches a training of so many epochs, of which some have ended elsewhere. */
export function watch(total: number, ended = 0): Watcher {
  const target = screen(total);
  let looked = performance.now();
  let done = ended;
  let epochs = 1;
  return {
    get epochs() {
      return epochs;
    },
    show(last, secondsLeft) {
      const now = performance.now();
      const each = (now - looked) / last.length;
      looked = now;
      epochs = Math.max(1, Math.min(total, Math.round(LOOK_MILLISECONDS / each)));
      done += last.length;
      target.show(done, last[last.length - 1], secondsLeft);
    },
    end: () => target.end(),
  };
}
