/** Checks an argument that has to be a model. */
import { OptionError, show } from "../errors.ts";
import { Model } from "../model.ts";

/** Returns the model. One of another copy of the package is refused: its private parts cannot be reached. */
export function readModel(value: unknown, place: string): Model {
  if (value instanceof Model) return value;
  const { fit, predict, toBytes } = Object(value) as Partial<Model>;
  const isOther = [fit, predict, toBytes].every((method) => typeof method === "function");
  const hint = isOther
    ? " of another copy of myelin. Fix: load one copy (npm dedupe; in a bundler, resolve.dedupe or external), or " +
      "pass Model.fromBytes(model.toBytes())"
    : typeof value === "object" && value !== null && !Array.isArray(value)
      ? ". Copies made by structuredClone, postMessage or a spread have no network. Fix: send model.toBytes(), " +
        "and make the copy with Model.fromBytes"
      : "";
  throw new OptionError(`${place}: expected a Model, received ${show(value)}${hint}`);
}
