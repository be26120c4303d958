/** Seeds: whole numbers that name a stream of draws. */
import { OptionError, show } from "./errors.ts";
import { randomNumber } from "./host.ts";

/** Checks a seed: a whole number from 0 to 2^53 - 1. */
export function readSeed(value: unknown, place: string): number {
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number;
  throw new OptionError(`${place}: expected a whole number from 0 to 2^53 - 1, received ${show(value)}`);
}

/** A seed that nobody chose. It is kept with the model, so that the run can be repeated. */
export function freshSeed(): number {
  return randomNumber();
}
