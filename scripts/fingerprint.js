// Computes a hash that stays the same as long as files stay the same. It depends on their contents, not on
// their times, because a checkout gives every file a new time.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

/** Returns the fingerprint of files, and of folders with all their contents. Missing files are ignored. */
export function fingerprint(root, paths) {
  const hash = createHash("sha256");
  for (const path of paths.flatMap((path) => filesIn(root, path))) {
    hash.update(`${path}\0`);
    hash.update(readFileSync(join(root, path)));
  }
  return hash.digest("hex");
}

function filesIn(root, path) {
  const status = statSync(join(root, path), { throwIfNoEntry: false });
  if (!status) return [];
  if (status.isFile()) return [path];
  const names = readdirSync(join(root, path)).sort();
  return names.flatMap((name) => filesIn(root, `${path}/${name}`));
}
