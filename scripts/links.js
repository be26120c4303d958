// Rewrites the links of a document that is packed without the files that it links to.

/**
 * Returns the text with working links. Links to packed files and to the web stay as they are. Other links
 * lead to the repository, or become plain text if the manifest names no repository. Pictures that are not
 * packed are then removed.
 */
export function withLiveLinks(text, isPacked, { version, repository }) {
  const address = (repository?.url ?? repository)?.replace(/^git\+/, "").replace(/\.git$/, "");
  return text.replaceAll(/(!?)\[([^\]]*)\]\(([^)\s]+)\)/g, (link, picture, words, target) => {
    if (/^(https?:|#)/.test(target) || isPacked(target)) return link;
    if (address) return `${picture}[${words}](${address}/${picture ? "raw" : "blob"}/v${version}/${target})`;
    return picture ? "" : words;
  });
}
