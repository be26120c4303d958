// Writes a new version into every file that contains one: node scripts/version.js 0.2.0
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const version = process.argv[2] ?? "";

if (!/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version)) {
  console.error(`expected a version such as 0.2.0, received "${version}"`);
  process.exit(1);
}

const manifests = [
  "package.json",
  ...readdirSync(join(root, "npm")).map((target) => `npm/${target}/package.json`),
];
for (const manifest of manifests) {
  rewrite(manifest, /("version": )"[^"]+"/, `$1"${version}"`);
  rewrite(manifest, /("myelin-[a-z0-9-]+": )"[^"]+"/g, `$1"${version}"`);
}
rewrite("Cargo.toml", /^(version = )"[^"]+"/m, `$1"${version}"`);
rewrite("src/version.ts", /(version = )"[^"]+"/, `$1"${version}"`);
run("npm", "install", "--package-lock-only", "--ignore-scripts", "--no-audit", "--no-fund");
run("cargo", "update", "--workspace", "--offline");

function rewrite(path, pattern, text) {
  const file = join(root, path);
  writeFileSync(file, readFileSync(file, "utf8").replace(pattern, text));
}

function run(command, ...commandArguments) {
  const shell = process.platform === "win32";
  const done = spawnSync(command, commandArguments, { cwd: root, stdio: "inherit", shell });
  if (done.status !== 0) process.exitCode = 1;
}
