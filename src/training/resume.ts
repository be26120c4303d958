/** Whether a training can go on from a checkpoint with the bits that it would have had. */
import { FormatError, OptionError, show } from "../errors.ts";
import { type Snapshot, START_ANEW, type TrainingState } from "../formats/checkpoint.ts";
import type { Configuration } from "../formats/configuration.ts";
import type { SavedModel } from "../formats/saved.ts";

/** What a checkpoint has to agree with. */
export interface Resumed {
  readonly configuration: Configuration;
  readonly seed: number;
  /** What each epoch has, by name. */
  readonly names: readonly string[];
  readonly settings: Settings;
  /** The share that is held out, for errors. */
  readonly validationSplit: number | undefined;
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

const made = (what: string, mine: string) => `it was made ${what}; this training ${mine}`;

/** That one of both has an option, in words. */
function presence(name: string, its: boolean, mine: string | undefined): string | undefined {
  if (its === (mine !== undefined)) return undefined;
  return made(`${its ? "with" : "without"} ${name}`, mine ?? "has none");
}

/** The first option in which two trainings differ. */
function trainingDifference(expected: Resumed, { model, state }: Snapshot): string | undefined {
  const { settings, validationSplit, hasEarlyStopping, names } = expected;
  const { rows, validationShuffle } = settings;
  const split = validationSplit && `has validationSplit: ${validationSplit}, with ${rows} rows to learn from`;
  // An old checkpoint does not say whether it had a split.
  const isSilent = state.monitor === undefined;
  const differs = isSilent
    ? undefined
    : presence("validationSplit", state.validationShuffle !== undefined, split || undefined);
  if (differs !== undefined) return differs;
  if (state.rows !== rows) return made(`with ${state.rows} rows to learn from`, split || `has ${rows}`);
  for (const name of ["batchSize", "accumulate", "shuffle", "validationShuffle"] as const) {
    if (name === "validationShuffle" && (isSilent || validationShuffle === undefined)) continue;
    const [its, mine] = [state[name], settings[name]];
    if (its !== mine) return made(`with ${name}: ${show(its)}`, `has ${name}: ${show(mine)}`);
  }
  const measured = Object.keys(model.history ?? {});
  const validates = (list: readonly string[]) => list.some((name) => name.startsWith("validation"));
  return (
    presence(
      "callbacks.earlyStopping",
      state.earlyStopping !== undefined,
      hasEarlyStopping ? "has it" : undefined,
    ) ??
    presence(
      "validationData or validationSplit",
      validates(measured),
      validates(names) ? "has one of them" : undefined,
    ) ??
    (String(measured) === String(names)
      ? undefined
      : made(`with the figures ${measured.join(", ")}`, `has ${names.join(", ")}`))
  );
}

/**
 * Refuses a checkpoint of another model or of another training.
 *
 * @throws FormatError, OptionError
 */
export function checkResumed(expected: Resumed, snapshot: Snapshot, place: string): void {
  const { model } = snapshot;
  const ofModel = modelDifference(expected.configuration, expected.seed, model);
  if (ofModel !== undefined)
    throw new FormatError(`${place}: it is of another model: ${ofModel}. ${START_ANEW}`);
  const ofTraining = trainingDifference(expected, snapshot);
  if (ofTraining !== undefined) throw new OptionError(`${place}: ${ofTraining}. ${START_ANEW}`);
}
