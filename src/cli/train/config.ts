/** The settings of a training: those of `--config`, and those of the command line before them. */
import { readFile } from "node:fs/promises";
import { fileError } from "../../files/paths.ts";
import { failure } from "../failures.ts";
import { checkConfiguration } from "../settings.ts";
import { TRAIN_SETTINGS, type TrainValues } from "./settings.ts";

/** Reads a configuration. */
async function readConfiguration(file: string): Promise<TrainValues> {
  const place = `--config ${JSON.stringify(file)}`;
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    throw fileError(`${place} cannot be read`, error);
  }
  let given: unknown;
  try {
    given = JSON.parse(text);
  } catch (error) {
    throw failure(`${place}: expected JSON: ${(error as Error).message}`);
  }
  return checkConfiguration(given, TRAIN_SETTINGS, place) as TrainValues;
}

/** Returns all settings: those of the command line replace those of the configuration. */
export async function settingsOf(
  options: Readonly<Record<string, unknown>>,
  config: string | undefined,
): Promise<TrainValues> {
  const known = new Set(TRAIN_SETTINGS.map(({ name }) => name));
  const given = Object.fromEntries(
    Object.entries(options).filter(([name, value]) => known.has(name) && value !== undefined),
  );
  return { ...(config !== undefined && (await readConfiguration(config))), ...given };
}

/** Returns settings as the text of a configuration, in the order of the help. */
export function configurationText(values: TrainValues): string {
  const entries = TRAIN_SETTINGS.flatMap(({ name }) => {
    const value = (values as Readonly<Record<string, unknown>>)[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  const schema = { $schema: "./node_modules/myelin/dist/cli/train.schema.json" };
  return JSON.stringify({ ...schema, ...Object.fromEntries(entries) }, undefined, 2);
}
