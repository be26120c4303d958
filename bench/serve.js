// The participant's side of the line protocol: an action's name comes in, a line of JSON goes out.
import { createInterface } from "node:readline";
import { steps } from "./article.js";

/** Shorter measurements would tell more of the machine's moods than of the work. */
const SECONDS_A_REPETITION = 1;

/** @param {Record<string, () => unknown>} actions what can be asked for, by name */
export async function serve(actions) {
  for await (const action of createInterface({ input: process.stdin })) {
    console.log(JSON.stringify(await actions[action]()));
  }
}

/**
 * A repetition: whole trainings, each of a fresh net, until a second has been measured.
 * @param {number} epochs
 * @param {() => (() => number | Promise<number>)} prepare makes a net and gives its training, which alone
 *   is measured and answers with the last epoch's loss
 */
export const repetition = (epochs, prepare) => async () => {
  const measured = { steps: 0, seconds: 0, loss: Number.NaN };
  while (measured.seconds < SECONDS_A_REPETITION) {
    const train = prepare();
    const start = performance.now();
    measured.loss = await train();
    measured.seconds += (performance.now() - start) / 1000;
    measured.steps += steps(epochs);
  }
  return measured;
};
