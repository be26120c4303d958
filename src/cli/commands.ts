/** The commands, in the order of the help. Each file of `commands/` declares one; what runs is loaded later. */
import { xor } from "./commands/xor.ts";
import type { Declare } from "./options.ts";

export const commands: readonly Declare[] = [xor];
