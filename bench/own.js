// Measures Myelin's own targets besides speed, on the article's run: node bench/own.js [rounds, 5]
// They are `fit` over `fitSync`, the longest block of the event loop while `fit` runs, and the time of an import.
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

/** Returns the longest time, in milliseconds, between two turns of the event loop while `work` runs. */
async function longestBlock(work) {
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

/** Trains in turn. Returns the times, the longest blocks of `fit`, and those of an equally long idle wait. */
async function measure(kernel) {
  const all = { fit: [], fitSync: [], blocks: [], idle: [] };
  const fresh = () => modelOf(article, { kernel });
  fresh().fitSync(data, options);
  for (let round = 0; round < rounds; round++) {
    const [first, second, third] = [fresh(), fresh(), fresh()];
    all.fitSync.push(await milliseconds(() => first.fitSync(data, options)));
    all.fit.push(await milliseconds(() => second.fit(data, options)));
    all.blocks.push(await longestBlock(() => third.fit(data, options)));
    all.idle.push(await longestBlock(() => setTimeout(all.fit.at(-1))));
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
  const { fit, fitSync, blocks, idle } = await measure(kernel);
  const note = ` (median ${figure(median(blocks))}, idle up to ${figure(Math.max(...idle))})`;
  const ratio = median(fit) / median(fitSync);
  lines.push(line(`${kernel}: fit over fitSync`, ratio, "times", { atMost: 1.5 }));
  const block = Math.max(...blocks);
  lines.push(line(`${kernel}: longest block of the event loop in fit`, block, "ms", { below: 15, note }));
}
lines.push(line("import of the package over a bare start", importTime().difference, "ms", { below: 50 }));
console.log(table([["Myelin's own targets", "measured", "target", ""], ...lines]));
