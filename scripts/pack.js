// Packs the package itself, and a package for each platform whose addon is built:
//   node scripts/pack.js [destination] [--all]
// The default destination is release/. With --all a missing addon is an error: a release needs every one.
import { spawnSync } from "node:child_process";
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { withLiveLinks } from "./links.js";

const root = fileURLToPath(new URL("..", import.meta.url));
const options = process.argv.slice(2);
const destination = resolve(options.find((option) => !option.startsWith("--")) ?? join(root, "release"));
const manifest = readManifest(root);

main();

function main() {
  if (!existsSync(join(root, "dist", "index.js"))) fail("dist is not built: npm run build");
  mkdirSync(destination, { recursive: true });
  if (options.includes("--all") && !existsSync(join(root, "dist", "kernel", "myelin.wasm")))
    fail("the WebAssembly kernel is not built.");
  for (const target of readdirSync(join(root, "npm")).sort()) packPlatform(target);
  pack(stageMain(), manifest);
}

// The README links to files that are not packed, and the manifest has what only the checkout needs.
function stageMain() {
  const folder = emptyFolder(manifest.name);
  for (const path of [...manifest.files, "LICENSE", "README.md"])
    cpSync(join(root, path), join(folder, path), { recursive: true });
  const { devDependencies: _, scripts: __, workspaces: ___, ...published } = manifest;
  writeFileSync(join(folder, "package.json"), `${JSON.stringify(published, null, 2)}\n`);
  const isPacked = (path) => existsSync(join(folder, path));
  const readme = readFileSync(join(root, "README.md"), "utf8");
  writeFileSync(join(folder, "README.md"), withLiveLinks(readme, isPacked, manifest));
  return folder;
}

function packPlatform(target) {
  const platform = readManifest(join(root, "npm", target));
  if (
    manifest.optionalDependencies?.[platform.name] !== manifest.version ||
    platform.version !== manifest.version
  ) {
    fail(`${platform.name} and its entry in optionalDependencies must have version ${manifest.version}.`);
  }
  if (existsSync(join(root, "npm", target, platform.main))) pack(stage(target, platform), platform);
  else if (options.includes("--all")) fail(`${platform.main} is not built.`);
}

// npm refuses to install a workspace for another platform. In the checkout, these fields are therefore under
// `platform`, where npm does not look. The published manifest has them at the top level.
function stage(target, { platform, ...rest }) {
  const folder = emptyFolder(target);
  const files = [rest.main, "THIRD-PARTY-LICENSES.md"];
  const staged = { ...rest, files, repository: manifest.repository, ...platform };
  writeFileSync(join(folder, "package.json"), `${JSON.stringify(staged, null, 2)}\n`);
  writeFileSync(join(folder, "README.md"), `# ${rest.name}\n\n${rest.description}\n`);
  for (const file of ["LICENSE", "THIRD-PARTY-LICENSES.md"])
    copyFileSync(join(root, file), join(folder, file));
  copyFileSync(join(root, "npm", target, rest.main), join(folder, rest.main));
  return folder;
}

function emptyFolder(name) {
  const folder = join(destination, name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  return folder;
}

function pack(folder, { name, version }) {
  const done = spawnSync(
    "npm",
    ["pack", "--ignore-scripts", "--loglevel=error", "--pack-destination", destination],
    // On Windows npm is a script, which only a shell can start.
    { cwd: folder, encoding: "utf8", shell: process.platform === "win32" },
  );
  if (done.status !== 0) fail(`npm pack failed in ${folder}: ${done.error ?? done.stderr}`);
  const tarball = join(destination, `${name}-${version}.tgz`);
  console.log(`${(statSync(tarball).size / 1000).toFixed(1).padStart(8)} kB  ${tarball}`);
}

function readManifest(folder) {
  return JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
}

function fail(line) {
  console.error(line);
  process.exit(1);
}
