/** The settings of a training: those of `--config`, and those of the command line before them. */
import { readFile } from "node:fs/promises";
import { fileError } from "../../files/paths.ts";
import { failure } from "../failures.ts";
import { checkConfiguration } from "../settings.ts";
import type { Training, TrainValues } from "./settings.ts";

/** Reads a configuration. */
async function readConfiguration(file: string, { settings }: Training): Promise<TrainValues> {
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
  return checkConfiguration(given, settings, place) as TrainValues;
}

/** Returns all settings: those of the command line replace those of the configuration. */
export async function settingsOf(
  options: Readonly<Record<string, unknown>>,
  config: string | undefined,
  training: Training,
): Promise<TrainValues> {
  const known = new Set(training.settings.map(({ name }) => name));
  const given = Object.fromEntries(
    Object.entries(options).filter(([name, value]) => known.has(name) && value !== undefined),
  );
  return { ...(config !== undefined && (await readConfiguration(config, training))), ...given };
}

/** Returns settings as the text of a configuration, in the order of the help. */
export function configurationText(values: TrainValues, { command, settings }: Training): string {
  const entries = settings.flatMap(({ name }) => {
    const value = (values as Readonly<Record<string, unknown>>)[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  const schema = { $schema: `./node_modules/myelin/dist/cli/${command}.schema.json` };
  return JSON.stringify({ ...schema, ...Object.fromEntries(entries) }, undefined, 2);
}
