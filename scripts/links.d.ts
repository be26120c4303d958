export function withLiveLinks(
  text: string,
  isPacked: (path: string) => boolean,
  manifest: { version: string; repository?: string | { url: string } },
): string;
