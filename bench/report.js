// Turns measurements into results, and results into tables.
import { median, summary } from "./statistics.js";
import { figure, table } from "./table.js";
import { judge, own } from "./targets.js";
import { operations } from "./works.js";

/** Returns the decay of silent units: the time of a step in each part, the least of the rounds. */
function decay(parts) {
  if (parts.length === 0) return {};
  const least = (of) => Math.min(...parts.map(of));
  const tenths = parts[0].parts.map((_, tenth) => least(({ parts }) => parts[tenth]));
  const lively = least((of) => of.lively);
  return { lively, tenths, lastOverFirst: tenths.at(-1) / Math.min(tenths[0], lively) };
}

function participantResult(entry, work, peak) {
  const { participant, cores, version, check, microseconds, parts, trouble } = entry;
  const about = { name: participant.name, kernel: participant.kernel, cores, version };
  if (trouble || microseconds.length === 0) return { ...about, trouble: trouble ?? "not measured" };
  const figures = summary(microseconds);
  const rate = (operations(work) / figures.smallest) * 1e6;
  return { ...about, check, microseconds: figures, share: rate / peak[cores], ...decay(parts) };
}

/** Returns the results of a work, without its targets. */
export function workResult(work, { entries, peak }) {
  const { name, title, kind, judged, widths, batchSize, checked } = work;
  const participants = entries.map((entry) => participantResult(entry, work, peak));
  return { name, title, kind, judged, widths, batchSize, checked, peak, participants };
}

export function withTargets(results, works, cores) {
  const targetsOf = (result) => works.find(({ name }) => name === result.name).targets;
  return results.map((result) => ({ ...result, targets: judge(result, targetsOf(result), results, cores) }));
}

const both = ({ microseconds: { median, smallest } }) => `${figure(median)} (${figure(smallest)})`;
const percent = (value) => `${Math.round(value * 100)} %`;
const timesOf = (value) => `${value >= 100 ? value.toFixed(0) : value.toPrecision(2)}×`;

function targetCells(targets, cores) {
  const own = targets.filter((of) => of.cores === cores);
  if (own.length === 0) return "–";
  const tell = ({ words, shown, verdict }) => `${words}: ${shown ? `${shown}, ` : ""}${verdict}`;
  return own.map(tell).join("; ");
}

/** Returns Myelin's figures beside the targets, a line per work. */
export function targetTable(results) {
  const lines = results.map((work) => {
    const one = own(work, "one");
    const all = own(work, "all");
    const gain = one && all ? one.microseconds.smallest / all.microseconds.smallest : undefined;
    return [
      work.title,
      one ? both(one) : "–",
      one && work.kind !== "decay" ? percent(one.share) : "–",
      targetCells(work.targets, "one"),
      all ? both(all) : "–",
      gain ? `${timesOf(gain)} (peak ${timesOf(work.peak.all / work.peak.one)})` : "–",
      targetCells(work.targets, "all"),
    ];
  });
  const head = ["work", "one core, µs", "of the peak", "targets", "all cores, µs", "gain", "targets "];
  return table([head, ...lines]);
}

/**
 * Returns each peer's time and its ratio to Myelin's, a line per work. Columns without entries are left out.
 */
export function peerTable(results, cores) {
  const measured = results.filter((work) => own(work, cores));
  const taking = ({ name, cores: of, trouble }) => of === cores && !trouble && name;
  const names = new Set(measured.flatMap((work) => work.participants.filter(taking).map(({ name }) => name)));
  const cell = (work, name) => {
    const ours = own(work, cores);
    const peer = work.participants.find((of) => of.name === name && taking(of));
    if (!peer) return "–";
    if (peer === ours) return figure(ours.microseconds.median);
    const theirs = peer.microseconds.median;
    return `${figure(theirs)} (${timesOf(theirs / ours.microseconds.median)})`;
  };
  const lines = measured.map((work) => [work.title, ...[...names].map((name) => cell(work, name))]);
  return table([["work, µs", ...names], ...lines]);
}

/**
 * Returns the check value of each participant. Those that do the same arithmetic agree in the first digits.
 */
export function checkTable(results) {
  const lines = results.flatMap((work) => {
    const told = work.participants.filter(({ cores, check }) => cores === "one" && check !== undefined);
    if (told.length === 0) return [];
    const what = work.kind === "predict" ? "mean output" : `loss of epoch ${work.checked}`;
    const values = told.map(({ name, check }) => `${name} ${check.toPrecision(5)}`);
    return [[work.title, what, values.join(", ")]];
  });
  return table([["work", "what", "value"], ...lines]);
}

/** Returns how silent units change the time of a step. */
export function decayTable(results) {
  const lines = results
    .filter(({ kind }) => kind === "decay")
    .flatMap((work) => work.participants.filter(({ tenths }) => tenths).map((of) => [work, of]))
    .map(([work, { name, cores, lively, tenths }]) => [
      `${work.title}: ${name}, ${cores === "one" ? "one core" : "all cores"}`,
      figure(lively),
      figure(tenths[0]),
      figure(median(tenths)),
      figure(tenths.at(-1)),
    ]);
  return table([["µs a step", "all alive", "first tenth", "median tenth", "last tenth"], ...lines]);
}

/** The maximum cost of an entry, as a ratio to its simplest sibling. Layers have no limit. */
const ENTRY_AT_MOST = 1.5;

/** Returns the cost of each entry of the tables, and marks those above the limit. */
export function entryTable(entries) {
  const lines = entries.map(({ kind, name, sibling, microseconds, ratio }) => [
    `${kind}: ${name}`,
    figure(microseconds),
    `${ratio.toFixed(2)} × ${sibling}`,
    kind !== "layers" && ratio > ENTRY_AT_MOST ? `above ${ENTRY_AT_MOST}` : "",
  ]);
  return table([["entry", "µs a step", "times its sibling", ""], ...lines]);
}
