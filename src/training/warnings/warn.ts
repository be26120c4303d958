/** Emits warnings: as a warning of the process on Node, elsewhere on the console. */

/** Emits a warning. Programs recognize it by its code. */
export function warn(code: string, text: string): void {
  const { process, console } = globalThis as {
    process?: { emitWarning?(text: string, options: object): void };
    console?: { warn(text: string): void };
  };
  if (process?.emitWarning) process.emitWarning(text, { type: "MyelinWarning", code });
  else console?.warn(text);
}

/** The keys that were reported for each model, each array of data and each call. */
const reported = new WeakMap<object, Set<string>>();

/**
 * Records a key as reported for all subjects, and returns whether it was new for all of them. A search over a
 * thousand models then warns once.
 */
export function isNew(key: string, subjects: readonly object[]): boolean {
  const known = subjects.map((subject) => {
    const keys = reported.get(subject) ?? new Set();
    reported.set(subject, keys);
    return keys;
  });
  const isKnown = known.some((keys) => keys.has(key));
  for (const keys of known) keys.add(key);
  return !isKnown;
}

/** Warns, unless the key was reported for one of the subjects before. */
export function warnOnce(code: string, text: string, subjects: readonly object[], key = text): void {
  if (isNew(`${code} ${key}`, subjects)) warn(code, text);
}
