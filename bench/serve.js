// The participant's side of the line protocol: a line with an action comes in, a line of JSON goes out.
import { createInterface } from "node:readline";

/** @param {Record<string, (argument: string) => unknown>} actions what can be asked for, by name */
export async function serve(actions) {
  for await (const line of createInterface({ input: process.stdin })) {
    const [action, argument] = line.split(" ");
    console.log(JSON.stringify(await actions[action](argument)));
  }
}

/**
 * A turn: pieces of trainings, until so many seconds have been measured. Only the pieces are on the clock.
 * @param {() => { pieces: number, piece: () => unknown, steps: number }} prepare makes a net afresh; a piece
 *   is so many steps of its training, and a training has so many pieces
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
