// A bundler plugin that writes THIRD-PARTY-LICENSES.md beside the code. The file has the license of every
// bundled library, as those licenses require.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

// The folders of all builds of a run. The builds write to the same output, and the last one lists the
// libraries of all.
const folders = new Set();

export function thirdPartyLicenses() {
  return {
    name: "third-party-licenses",
    writeBundle({ dir }, bundle) {
      const modules = Object.values(bundle).flatMap((chunk) => Object.keys(chunk.modules ?? {}));
      for (const folder of modules.map(libraryFolder)) if (folder) folders.add(folder);
      const text = [HEADING, ...[...folders].sort().map(describe)].join("\n");
      writeFileSync(join(dir, "THIRD-PARTY-LICENSES.md"), text);
    },
  };
}

const HEADING = "# Libraries inside this package\n\nTheir code is part of the files beside this one.\n";

/**
 * Returns the folder of the library that a module belongs to: its path up to the name after the last
 * node_modules.
 */
function libraryFolder(module) {
  return module.match(/^.*[\\/]node_modules[\\/](?:@[^\\/]+[\\/])?[^\\/]+/)?.[0].replace(/^\0/, "");
}

function describe(folder) {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
  if (!file) throw new Error(`${name} is bundled and has no license file`);
  const text = readFileSync(join(folder, file), "utf8").trim();
  return `## ${name} ${version} (${license})\n\n\`\`\`\n${text}\n\`\`\`\n`;
}
