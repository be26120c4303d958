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

/**
 * Whether this has not been said before about any of these; notes that it is now. A search over models then warns
 * once, not a thousand times.
 */
export function isNew(key: string, subjects: readonly object[]): boolean {
  const known = subjects.map((subject) => {
    const keys = said.get(subject) ?? new Set();
    said.set(subject, keys);
    return keys;
  });
  const isKnown = known.some((keys) => keys.has(key));
  for (const keys of known) keys.add(key);
  return !isKnown;
}

/** Warns unless the same, by its key, was said before about one of these. */
export function warnOnce(code: string, text: string, subjects: readonly object[], key = text): void {
  if (isNew(`${code} ${key}`, subjects)) warn(code, text);
}
