/**
 * Checks that a training resumes from a checkpoint of the same model and options: only then its bits are the
 * same.
 */
import { FormatError, OptionError, show } from "../errors.ts";
import { type Snapshot, START_ANEW, type TrainingState } from "../formats/checkpoint.ts";
import type { Configuration } from "../formats/configuration.ts";
import type { SavedModel } from "../formats/saved.ts";

/** What a checkpoint has to match. */
export interface Resumed {
  readonly configuration: Configuration;
  readonly seed: number;
  /** The names of the values of an epoch. */
  readonly names: readonly string[];
  readonly settings: Settings;
  /** The share of the rows that is held out, for messages. */
  readonly validationSplit: number | undefined;
  readonly hasEarlyStopping: boolean;
}

/** The options that every step depends on. `validationShuffle` is undefined without `validationSplit`. */
export type Settings = Pick<
  TrainingState,
  "rows" | "batchSize" | "accumulate" | "shuffle" | "validationShuffle"
>;

/** Describes the first difference between plain data of the checkpoint and of this model, if there is one. */
function difference(saved: unknown, own: unknown, place: string): string | undefined {
  if (Object.is(saved, own)) return undefined;
  const isList = (value: unknown): value is unknown[] => Array.isArray(value);
  if (isList(saved) && isList(own) && saved.length !== own.length) {
    return `${place}: it has ${saved.length} entries, this model has ${own.length}`;
  }
  const areObjects = [saved, own].every((value) => typeof value === "object" && value !== null);
  if (!areObjects) return `${place}: it has ${JSON.stringify(saved)}, this model has ${JSON.stringify(own)}`;
  const [savedFields, ownFields] = [saved, own] as Record<string, unknown>[];
  for (const name of new Set([...Object.keys(ownFields), ...Object.keys(savedFields)])) {
    const found = difference(savedFields[name], ownFields[name], place === "" ? name : `${place}: ${name}`);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Describes the first difference between the saved model and this one. */
function modelDifference(configuration: Configuration, seed: number, saved: SavedModel): string | undefined {
  const differs = difference(saved.configuration, configuration, "");
  if (differs !== undefined || seed === saved.seed) return differs;
  return `seed: it has ${saved.seed}, this model has ${seed}; make the model with { seed: ${saved.seed} }`;
}

const made = (what: string, own: string) => `it was made ${what}; this training ${own}`;

/** Says that only one of the two trainings has an option; `own` says so of this training. */
function presenceDifference(name: string, wasPresent: boolean, own: string | undefined): string | undefined {
  if (wasPresent === (own !== undefined)) return undefined;
  return made(`${wasPresent ? "with" : "without"} ${name}`, own ?? "has none");
}

/** Describes the first option in which the two trainings differ. */
function trainingDifference(expected: Resumed, { model, state }: Snapshot): string | undefined {
  const { settings, validationSplit, hasEarlyStopping, names } = expected;
  const { rows, validationShuffle } = settings;
  const split = validationSplit && `has validationSplit: ${validationSplit}, with ${rows} rows to learn from`;
  // A checkpoint of an old version does not say whether the training had a split.
  const isOld = state.monitor === undefined;
  const differs = isOld
    ? undefined
    : presenceDifference("validationSplit", state.validationShuffle !== undefined, split || undefined);
  if (differs !== undefined) return differs;
  if (state.rows !== rows) return made(`with ${state.rows} rows to learn from`, split || `has ${rows}`);
  for (const name of ["batchSize", "accumulate", "shuffle", "validationShuffle"] as const) {
    if (name === "validationShuffle" && (isOld || validationShuffle === undefined)) continue;
    const [saved, own] = [state[name], settings[name]];
    if (saved !== own) return made(`with ${name}: ${show(saved)}`, `has ${name}: ${show(own)}`);
  }
  const measured = Object.keys(model.history ?? {});
  const validates = (list: readonly string[]) => list.some((name) => name.startsWith("validation"));
  return (
    presenceDifference(
      "callbacks.earlyStopping",
      state.earlyStopping !== undefined,
      hasEarlyStopping ? "has it" : undefined,
    ) ??
    presenceDifference(
      "validationData or validationSplit",
      validates(measured),
      validates(names) ? "has one of them" : undefined,
    ) ??
    (String(measured) === String(names)
      ? undefined
      : made(`with the metrics ${measured.join(", ")}`, `has ${names.join(", ")}`))
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
