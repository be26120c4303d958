/** Options that earlier versions wrote into files under another name. */
import * as initializers from "../nn/initializers.ts";
import { layers } from "../nn/layers.ts";
import { isPlain, type Table } from "../options.ts";

/** The tables whose entries occur in `layers`. Activations are layers, too. */
const tables: readonly Table<unknown>[] = [layers, initializers];

/** The current names of an entry's renamed options, by their old names. */
function renamedOptions(type: unknown): Map<string, string> {
  if (typeof type !== "string") return new Map();
  const options = tables.flatMap((table) => (Object.hasOwn(table, type) ? [table[type].options] : []));
  return new Map(
    options.flatMap(Object.entries).flatMap(([name, { oldName }]) => (oldName ? [[oldName, name]] : [])),
  );
}

/** Returns `layers` as read from a file with the current names of all options; nothing is checked here. */
export function withCurrentNames(given: unknown): unknown {
  if (Array.isArray(given)) return given.map(withCurrentNames);
  if (!isPlain(given)) return given;
  const renamed = renamedOptions((given as { type?: unknown }).type);
  const currentName = (name: string) => {
    const current = renamed.get(name);
    // Where both names occur, the old one stays, and is refused as unknown.
    return current === undefined || Object.hasOwn(given, current) ? name : current;
  };
  const entries = Object.entries(given);
  return Object.fromEntries(entries.map(([name, value]) => [currentName(name), withCurrentNames(value)]));
}
