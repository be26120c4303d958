// Links of a document that is packed without the files that it links to.

/**
 * Returns the text with links that lead somewhere: those to packed files and to the web as they are, others to
 * the repository, or as plain words where the manifest names none. A picture that is not packed is left out.
 */
export function withLiveLinks(text, isPacked, { version, repository }) {
  const address = (repository?.url ?? repository)?.replace(/^git\+/, "").replace(/\.git$/, "");
  return text.replaceAll(/(!?)\[([^\]]*)\]\(([^)\s]+)\)/g, (link, picture, words, target) => {
    if (/^(https?:|#)/.test(target) || isPacked(target)) return link;
    if (address) return `${picture}[${words}](${address}/${picture ? "raw" : "blob"}/v${version}/${target})`;
    return picture ? "" : words;
  });
}
