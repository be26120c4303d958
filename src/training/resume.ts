/** Whether a training can go on from a checkpoint with the bits that it would have had. */
import { FormatError, OptionError, show } from "../errors.ts";
import type { Snapshot, TrainingState } from "../formats/checkpoint.ts";
import type { Configuration } from "../formats/configuration.ts";
import type { SavedModel } from "../formats/saved.ts";

/** What a checkpoint has to agree with. */
export interface Resumed {
  readonly configuration: Configuration;
  readonly seed: number;
  /** What each epoch has, by name. */
  readonly names: readonly string[];
  readonly settings: Settings;
  readonly hasEarlyStopping: boolean;
}

/** What the steps of a training follow from. `validationShuffle` is undefined without `validationSplit`. */
export type Settings = Pick<
  TrainingState,
  "rows" | "batchSize" | "accumulate" | "shuffle" | "validationShuffle"
>;

/** Where two pieces of plain data differ first, and how: the other's, and mine. */
function difference(its: unknown, mine: unknown, place: string): string | undefined {
  if (Object.is(its, mine)) return undefined;
  const isList = (value: unknown): value is unknown[] => Array.isArray(value);
  if (isList(its) && isList(mine) && its.length !== mine.length) {
    return `${place}: it has ${its.length} of them, this model ${mine.length}`;
  }
  const areObjects = [its, mine].every((value) => typeof value === "object" && value !== null);
  if (!areObjects) return `${place}: it has ${JSON.stringify(its)}, this model ${JSON.stringify(mine)}`;
  const [theirs, ours] = [its, mine] as Record<string, unknown>[];
  for (const name of new Set([...Object.keys(ours), ...Object.keys(theirs)])) {
    const found = difference(theirs[name], ours[name], place === "" ? name : `${place}: ${name}`);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The first part in which two models differ. */
function modelDifference(configuration: Configuration, seed: number, saved: SavedModel): string | undefined {
  const differs = difference(saved.configuration, configuration, "");
  if (differs !== undefined || seed === saved.seed) return differs;
  return `seed: it has ${saved.seed}, this model ${seed}; make the model with { seed: ${saved.seed} }`;
}

/**
 * Refuses a checkpoint of another model or of another training.
 *
 * @throws FormatError, OptionError
 */
export function checkResumed(expected: Resumed, { model, state }: Snapshot, place: string): void {
  const differs = modelDifference(expected.configuration, expected.seed, model);
  if (differs !== undefined) throw new FormatError(`${place}: it is of another model: ${differs}`);
  for (const [name, value] of Object.entries(expected.settings)) {
    const its = state[name as keyof Settings];
    if (its === value) continue;
    const what = name === "rows" ? `examples with ${its} rows` : `${name} ${show(its)}`;
    throw new OptionError(`${place}: it was made with ${what}, received ${show(value)}`);
  }
  if ((state.earlyStopping !== undefined) !== expected.hasEarlyStopping) {
    const [its, mine] = expected.hasEarlyStopping ? ["without", "with"] : ["with", "without"];
    throw new OptionError(`${place}: it was made ${its} earlyStopping; this training is ${mine}`);
  }
  const { history } = model;
  const names = Object.keys(history ?? {});
  if (String(names) !== String(expected.names)) {
    throw new OptionError(
      `${place}: it measured ${names.join(", ")}; this training ${expected.names.join(", ")}`,
    );
  }
  if (history?.epoch.length !== state.done) {
    throw new FormatError(
      `${place}: expected a history of ${state.done} epochs, received ${history?.epoch.length}`,
    );
  }
}
