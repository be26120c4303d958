/** Lets the event loop turn between two pieces of work. */
import { nextTurn } from "../../host.ts";

/** Resolves in the next turn of the event loop, after what else waits for it. */
export const pause = (): Promise<void> => new Promise((resolve) => nextTurn(resolve));
