// What of a table an option names.

/** Those of `all` that are named in a list; `namesOf` gives the names that one answers to. */
export function choose(option, list, all, namesOf) {
  if (list === undefined) return all;
  const wanted = list.split(",");
  const known = [...new Set(all.flatMap(namesOf))];
  const unknown = wanted.find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw new Error(`--${option}: expected any of ${known.join(", ")}; received ${unknown}`);
  }
  return all.filter((of) => namesOf(of).some((name) => wanted.includes(name)));
}
