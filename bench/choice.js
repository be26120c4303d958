// Selects entries of a table by an option of the command line.

/** Returns the entries of `all` that the list names. `namesOf` returns the names that select an entry. */
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
