/** Seeds: whole numbers that name a stream of draws. */
import { OptionError, show } from "./errors.ts";
import { randomNumber } from "./host.ts";

/** Returns a seed, a whole number from 0 to 2^53 - 1, or throws an {@link OptionError}. */
export function readSeed(value: unknown, place: string): number {
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number;
  throw new OptionError(`${place}: expected a whole number from 0 to 2^53 - 1, received ${show(value)}`);
}

/** Returns an unpredictable seed. The model keeps it, so that the run can be repeated. */
export function freshSeed(): number {
  return randomNumber();
}
