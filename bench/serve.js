// The participant's side of the line protocol: it reads a line with an action and writes a line of JSON.
import { createInterface } from "node:readline";

/** @param {Record<string, (argument: string) => unknown>} actions the actions by name */
export async function serve(actions) {
  for await (const line of createInterface({ input: process.stdin })) {
    const [action, argument] = line.split(" ");
    console.log(JSON.stringify(await actions[action](argument)));
  }
}

/**
 * Runs a turn: pieces of trainings, until the given number of seconds has been measured. Only the pieces are timed.
 * @param {() => { pieces: number, piece: () => unknown, steps: number }} prepare creates a net and returns the number
 *   of pieces in its training, and a function that runs a piece of `steps` steps
 */
export const turn = (prepare) => async (argument) => {
  const enough = Number(argument);
  const measured = { steps: 0, seconds: 0 };
  while (measured.seconds < enough) {
    const { pieces, piece, steps } = await prepare();
    for (let done = 0; done < pieces && measured.seconds < enough; done++) {
      const start = performance.now();
      await piece();
      measured.seconds += (performance.now() - start) / 1000;
      measured.steps += steps;
    }
  }
  return measured;
};
