// From what was measured to results, targets and the two tables.
import { summary } from "./statistics.js";
import { figure, table } from "./table.js";

const typical = (of) => of?.microsecondsAStep?.median;

/** A participant's result, without what only the measuring needed. */
function result({ name, kernel, method, version, epochs, loss, trouble, microseconds, holds, idleHolds }) {
  const about = { name, kernel, method, version, epochs };
  if (trouble) return { ...about, trouble };
  return {
    ...about,
    loss,
    microsecondsAStep: summary(microseconds),
    ...(holds.length > 0 && { longestHold: summary(holds), longestHoldIdle: summary(idleHolds) }),
  };
}

/** Results of all, each with `times`: how many times as long as each kernel's `fitSync` its step takes. */
export function results(entries) {
  const all = entries.map(result);
  const baseline = (kernel) => typical(all.find((of) => of.kernel === kernel && of.method === "fitSync"));
  const times = (of) => ({
    native: typical(of) / baseline("native"),
    typescript: typical(of) / baseline("typescript"),
  });
  return all.map((of) => ({ ...of, times: times(of) }));
}

/** What Myelin holds itself to; `importing` measures the time of an import in milliseconds. */
export function targets(all, importing) {
  const fits = all.filter(({ method, trouble }) => method === "fit" && !trouble);
  if (fits.length === 0) return [];
  const ratio = (of) => ({
    measure: `${of.kernel}: fit over fitSync`,
    measured: of.times[of.kernel],
    unit: "times",
    atMost: 1.5,
  });
  const hold = (of) => ({
    measure: `${of.kernel}: longest hold of the event loop in fit`,
    measured: of.longestHold.largest,
    unit: "ms",
    note: `median ${figure(of.longestHold.median)}, idle up to ${figure(of.longestHoldIdle.largest)}`,
    below: 15,
  });
  const start = {
    measure: "import of the package over a bare start",
    measured: importing(),
    unit: "ms",
    below: 50,
  };
  return [...fits.map(ratio), ...fits.map(hold), start].map((line) => ({ ...line, met: met(line) }));
}

const met = ({ measured, atMost, below }) => measured <= atMost || measured < below;

export function speedTable(all) {
  const orDash = (value) => (Number.isFinite(value) ? figure(value) : "-");
  const cells = ({ epochs, loss, microsecondsAStep: { median, smallest }, times }) => [
    figure(median),
    figure(smallest),
    String(epochs),
    (loss ?? Number.NaN).toFixed(4),
    orDash(times.native),
    orDash(times.typescript),
  ];
  return table([
    ["participant", "version", "µs a step", "smallest", "epochs", "loss then", "× native", "× typescript"],
    ...all.map((of) => [of.name, of.version ?? "-", ...(of.trouble ? Array(6).fill("-") : cells(of))]),
  ]);
}

export function targetTable(lines) {
  return table([
    ["Myelin's own targets", "measured", "target", ""],
    ...lines.map(({ measure, measured, unit, note, atMost, below, met }) => [
      measure,
      `${figure(measured)} ${unit}${note ? ` (${note})` : ""}`,
      atMost ? `at most ${atMost}` : `below ${below}`,
      met ? "met" : "not met",
    ]),
  ]);
}
