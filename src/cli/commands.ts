/** The commands, in the order of the help. Each file of `commands/` declares one; what runs is loaded later. */
import { completion } from "./commands/completion.ts";
import { doctor } from "./commands/doctor.ts";
import { generate } from "./commands/generate.ts";
import { evaluate, explain, inspect } from "./commands/look.ts";
import { plot } from "./commands/plot.ts";
import { predict } from "./commands/predict.ts";
import { search } from "./commands/search.ts";
import { serve } from "./commands/serve.ts";
import { train } from "./commands/train.ts";
import { xor } from "./commands/xor.ts";
import type { Declare } from "./options.ts";

export const commands: readonly Declare[] = [
  ...[train, search, predict, evaluate, inspect, explain, plot, serve],
  ...[xor, generate, doctor, completion],
];
