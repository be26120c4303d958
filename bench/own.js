// What Myelin holds itself to beside speed, for the article's run: node bench/own.js [rounds, 5]
// `fit` over `fitSync`, the longest hold of the event loop while `fit` runs, and the time of an import.
import { argv } from "node:process";
import { setTimeout } from "node:timers/promises";
import { xor } from "../dist/index.js";
import { modelOf } from "./model.js";
import { importTime } from "./startup.js";
import { median } from "./statistics.js";
import { figure, table } from "./table.js";
import { works } from "./works.js";

const rounds = Number(argv[2] ?? 5);
const article = works.find(({ name }) => name === "article");
const data = xor({ examples: article.rows, seed: 1 });
const options = { epochs: article.epochs, batchSize: article.batchSize, shuffle: false };

async function milliseconds(work) {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/** The longest time, in milliseconds, that the event loop is kept from its next turn while `work` goes on. */
async function longestHold(work) {
  let longest = 0;
  let last = performance.now();
  const turn = () => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
  };
  let next = setImmediate(function again() {
    turn();
    next = setImmediate(again);
  });
  await work();
  turn();
  clearImmediate(next);
  return longest;
}

/** Trainings in turn: their times, the hold of `fit`, and that of as much idle waiting. */
async function measure(kernel) {
  const all = { fit: [], fitSync: [], holds: [], idle: [] };
  const fresh = () => modelOf(article, { kernel });
  fresh().fitSync(data, options);
  for (let round = 0; round < rounds; round++) {
    const [first, second, third] = [fresh(), fresh(), fresh()];
    all.fitSync.push(await milliseconds(() => first.fitSync(data, options)));
    all.fit.push(await milliseconds(() => second.fit(data, options)));
    all.holds.push(await longestHold(() => third.fit(data, options)));
    all.idle.push(await longestHold(() => setTimeout(all.fit.at(-1))));
  }
  return all;
}

function line(what, measured, unit, { atMost, below, note = "" }) {
  const isMet = atMost === undefined ? measured < below : measured <= atMost;
  const target = atMost === undefined ? `below ${below}` : `at most ${atMost}`;
  return [what, `${figure(measured)} ${unit}${note}`, target, isMet ? "met" : "not met"];
}

const lines = [];
for (const kernel of ["native", "typescript"]) {
  const { fit, fitSync, holds, idle } = await measure(kernel);
  const note = ` (median ${figure(median(holds))}, idle up to ${figure(Math.max(...idle))})`;
  const ratio = median(fit) / median(fitSync);
  lines.push(line(`${kernel}: fit over fitSync`, ratio, "times", { atMost: 1.5 }));
  const hold = Math.max(...holds);
  lines.push(line(`${kernel}: longest hold of the event loop in fit`, hold, "ms", { below: 15, note }));
}
lines.push(line("import of the package over a bare start", importTime().difference, "ms", { below: 50 }));
console.log(table([["Myelin's own targets", "measured", "target", ""], ...lines]));
