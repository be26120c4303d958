// Prints what `train` computes on this host.
import { train } from "./training.mjs";

console.log(JSON.stringify(await train()));
