/** Returns words as a shell takes them. */
export const quoted = (...words: readonly string[]): string =>
  words
    .map((word) => (/^[\w@%+=:,./\\-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`))
    .join(" ");
