// Compares results with the targets of the works. All targets are about best figures.

const best = (entry) => entry?.microseconds?.smallest;

/** Returns the result of a participant in a work. */
const find = (work, name, cores = "one") =>
  work?.participants.find((of) => of.name === name && of.cores === cores && !of.trouble);

/** Returns Myelin's own result, on the kernel that the work's targets are for. */
export const own = (work, cores) => find(work, `Myelin ${work.judged ?? "native"}`, cores);

const isPeer = ({ cores, kernel, trouble }) => kernel === undefined && cores === "one" && !trouble;

function fastestPeer(work) {
  const peers = work.participants.filter(isPeer);
  return peers.toSorted((a, b) => best(a) - best(b))[0];
}

/** Computes each kind of measure from the results of a work, the target and the results of all works. */
const measures = {
  microseconds: (work) => best(own(work, "one")),
  share: (work) => own(work, "one")?.share,
  times: (work, { peer }) => best(find(work, peer)) / best(own(work, "one")),
  timesBestPeer: (work) => best(fastestPeer(work)) / best(own(work, "one")),
  slowdown: (work, { work: name }, all) => {
    const other = all.find((of) => of.name === name);
    return best(own(work, "one")) / best(other && own(other, "one"));
  },
  speedup: (work) => best(own(work, "one")) / best(own(work, "all")),
  lastOverFirst: (work) => own(work, "one")?.lastOverFirst,
};

const percent = (value) => `${Math.round(value * 100)} %`;

/** Describes each kind of target. */
const words = {
  microseconds: ({ atMost }) => `≤ ${atMost} µs (set on a Zen 3)`,
  share: ({ atLeast }) => `${percent(atLeast)} of the peak`,
  times: ({ atLeast, peer }) => `${atLeast} × ${peer}`,
  timesBestPeer: ({ atLeast }) => `${atLeast} × the fastest peer`,
  slowdown: ({ atMost, work }) => `≤ ${atMost} times ${work}`,
  speedup: ({ atLeast }) => `${atLeast} × one core`,
  lastOverFirst: ({ atMost }) => `last tenth ≤ ${atMost} × the first, and × all alive`,
};

const shown = {
  microseconds: (value) => `${value.toPrecision(3)} µs`,
  share: percent,
};

const showTimes = (value) => (value >= 100 ? value.toFixed(0) : value.toPrecision(3));

/** The cores count as physical if their joint peak is at least this share of one core's peak times `cores`. */
export const REAL_CORES = 0.9;

function verdict(target, measured, { peak, cores }) {
  if (!Number.isFinite(measured)) return "not measured";
  if (target.atLeast === undefined ? measured <= target.atMost : measured >= target.atLeast) return "met";
  const areReal = peak.all / peak.one >= REAL_CORES * cores;
  return target.cores === "all" && target.atLeast > 1 && !areReal ? "cores not real" : "not met";
}

/**
 * Returns a work's targets with the measurements and a verdict. `cores` is the number of cores of the
 * machine.
 */
export function judge(work, targets, all, cores) {
  return targets.map((target) => {
    const measured = measures[target.measure](work, target, all);
    return {
      ...target,
      words: target.words ?? words[target.measure](target),
      ...(Number.isFinite(measured) && {
        measured,
        shown: (shown[target.measure] ?? showTimes)(measured),
      }),
      verdict: verdict(target, measured, { peak: work.peak, cores }),
    };
  });
}
