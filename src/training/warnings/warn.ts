/** Warnings of a training: on Node a warning of the process, elsewhere a line on the console. */

/** Warns. Programs recognize the warning by its code. */
export function warn(code: string, text: string): void {
  const { process, console } = globalThis as {
    process?: { emitWarning?(text: string, options: object): void };
    console?: { warn(text: string): void };
  };
  if (process?.emitWarning) process.emitWarning(text, { type: "MyelinWarning", code });
  else console?.warn(text);
}

/** What has been said about each model, each array of data and each call. */
const said = new WeakMap<object, Set<string>>();

/** Warns unless the same was said before about one of these: a search over models warns once, not a thousand times. */
export function warnOnce(code: string, text: string, subjects: readonly object[], key = code): void {
  const known = subjects.map((subject) => {
    const keys = said.get(subject) ?? new Set();
    said.set(subject, keys);
    return keys;
  });
  const isKnown = known.some((keys) => keys.has(key));
  for (const keys of known) keys.add(key);
  if (!isKnown) warn(code, text);
}
