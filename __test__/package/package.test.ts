// The contents of the packed files.
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { beforeAll, describe, expect, test } from "vitest";
import { withLiveLinks } from "../../scripts/links.js";
import {
  addonFile,
  describeNative,
  expectSuccess,
  install,
  type Packed,
  pack,
  readManifest,
  root,
  runTool,
  target,
} from "./app.ts";

let packed: Packed;
beforeAll(() => {
  packed = pack();
});

const wasmFiles = ["dist/kernel/myelin.wasm", "dist/kernel/myelin-unfused.wasm"];

describe("the packed package", () => {
  let folder: string;
  beforeAll(() => {
    folder = join(install(packed.myelin), "node_modules", "myelin");
  });

  test("has no install scripts, and no dependencies except its platform packages", () => {
    const manifest = readManifest(folder);
    for (const script of ["preinstall", "install", "postinstall", "prepare"]) {
      expect(manifest.scripts ?? {}).not.toHaveProperty(script);
    }
    expect(manifest.dependencies).toBeUndefined();
    // Databases and PNG, which only their users install.
    const peers = Object.keys(manifest.peerDependencies);
    expect(peers).toEqual(["@duckdb/node-api", "@resvg/resvg-js", "better-sqlite3"]);
    for (const peer of peers) expect(manifest.peerDependenciesMeta[peer]).toEqual({ optional: true });
    const platforms = readdirSync(join(root, "npm")).map((name) => `myelin-${name}`);
    expect(Object.keys(manifest.optionalDependencies).sort()).toEqual(platforms.sort());
  });

  test("has the version of the sources and the crates", () => {
    const { version } = readManifest(folder);
    expect(readFileSync(join(root, "src", "version.ts"), "utf8")).toContain(`version = "${version}"`);
    expect(readFileSync(join(root, "Cargo.toml"), "utf8")).toContain(`\nversion = "${version}"`);
  });

  test("has lines in its code, because Node prints the line that threw", () => {
    // Libraries stay as a minifier writes them, and the command prints messages only.
    const chunks = filesIn(folder).filter((file) => /^dist\/(?!cli\/|arrow|parquet|lz4).*\.js$/.test(file));
    expect(chunks.length).toBeGreaterThan(20);
    for (const chunk of chunks) {
      const lines = readFileSync(join(folder, chunk), "utf8").split("\n");
      expect(Math.max(...lines.map(({ length }) => length)), chunk).toBeLessThan(2000);
    }
  });

  test("is smaller than 505 KB without the WebAssembly kernel, and 1,100 KB with it", () => {
    // Both ways to load it share a chunk.
    const shared = readdirSync(join(folder, "dist")).filter((file) => /^fetched-.*\.js$/.test(file));
    expect(shared).toHaveLength(1);
    const modules = [...wasmFiles, "dist/kernel/wasm.js", `dist/${shared[0]}`].map(
      (file) => gzipSync(readFileSync(join(folder, file)), { level: 9 }).length,
    );
    const whole = statSync(packed.myelin).size;
    expect(whole).toBeLessThan(1_100_000);
    expect(whole - modules.reduce((sum, size) => sum + size, 0)).toBeLessThan(505_000);
  });

  test.each(wasmFiles)("has a module of at most 700 KB, 300 KB gzipped: %s", (file) => {
    const bytes = readFileSync(join(folder, file));
    expect(bytes.length).toBeLessThanOrEqual(700_000);
    expect(gzipSync(bytes, { level: 9 }).length).toBeLessThanOrEqual(300_000);
  });

  test("has at most 150 KB of gzipped code in its core: without the command, plots, tables, reports and the server", () => {
    const core = filesIn(folder).filter(
      (file) => /^dist\/.+\.js$/.test(file) && !/^dist\/(cli|table|plot|report|serve)\//.test(file),
    );
    // Chunks of tables, plots, reports and the server are beside the others; their modules say what they are.
    const isCore = (file: string) => !/src\/(table|plot|report|serve)\//.test(read(file));
    const read = (file: string) => readFileSync(join(folder, file), "utf8");
    const sizes = core.filter(isCore).map((file) => gzipSync(read(file), { level: 9 }).length);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(150_000);
  });

  test("contains the build, the readme and the license: no sources, no tests", () => {
    for (const file of filesIn(folder)) {
      expect(file).toMatch(
        /^(dist\/.+(\.js|\.d\.ts|\.wasm|\.schema\.json)|(dist\/)?[A-Z-]+\.md|package\.json|LICENSE)$/,
      );
    }
  });

  test("has its docstrings in the declarations, but not in the code", () => {
    const hasDocstring = (file: string) => readFileSync(join(folder, file), "utf8").includes("/**");
    expect(hasDocstring("dist/index.d.ts")).toBe(true);
    expect(filesIn(folder).filter((file) => file.endsWith(".js") && hasDocstring(file))).toEqual([]);
  });

  test("links only to its own files or to the web", () => {
    const documents = filesIn(folder).filter((file) => file.endsWith(".md"));
    for (const file of documents) {
      const targets = Array.from(
        readFileSync(join(folder, file), "utf8").matchAll(/\]\(([^)\s]+)\)/g),
        ([, target]) => target!,
      );
      const dead = targets.filter((target) => !/^https?:/.test(target) && !existsSync(join(folder, target)));
      expect(dead, file).toEqual([]);
    }
  });

  test("links to the repository if package.json names it", () => {
    const text = "![A plot](docs/xor.svg) [docs/files.md](docs/files.md) [news](CHANGELOG.md)";
    const isPacked = (path: string) => path === "CHANGELOG.md";
    const repository = { url: "git+https://example.org/a/b.git" };
    expect(withLiveLinks(text, isPacked, { version: "1.0.0", repository })).toBe(
      "![A plot](https://example.org/a/b/raw/v1.0.0/docs/xor.svg) " +
        "[docs/files.md](https://example.org/a/b/blob/v1.0.0/docs/files.md) [news](CHANGELOG.md)",
    );
    expect(withLiveLinks(text, isPacked, { version: "1.0.0" })).toBe(" docs/files.md [news](CHANGELOG.md)");
  });

  test("contains no path of the machine that packed it", () => {
    expectNoMachinePaths(folder);
  });

  test("names the license of every bundled library", () => {
    const licenses = readFileSync(join(folder, "dist", "THIRD-PARTY-LICENSES.md"), "utf8");
    const libraries = [...bundledLibraries(folder), ...importedLibraries()];
    expect(libraries).toEqual(expect.arrayContaining(["commander", "d3-array", "fastest-levenshtein"]));
    for (const library of libraries) expect(licenses).toContain(`## ${library} `);
  });

  test("passes publint", () => {
    expectSuccess(runTool("publint", ["run", packed.myelin, "--strict"]));
  });

  test("has types that match its modules, by attw", () => {
    expectSuccess(runTool("@arethetypeswrong/cli", [packed.myelin, "--profile", "esm-only", "--no-color"]));
  });
});

describeNative("the packed addon", () => {
  let folder: string;
  beforeAll(() => {
    folder = join(install(packed.myelin, packed.platform), "node_modules", `myelin-${target}`);
  });

  test("names its platform for npm, and contains a license and a readme", () => {
    const manifest = readManifest(folder);
    expect(manifest).not.toHaveProperty("platform");
    expect(manifest).toMatchObject({ os: [process.platform], cpu: [process.arch] });
    expect(filesIn(folder).sort()).toEqual(
      ["LICENSE", "README.md", "THIRD-PARTY-LICENSES.md", addonFile, "package.json"].sort(),
    );
  });

  test("is smaller than 2.8 MB", () => {
    expect(statSync(join(folder, addonFile)).size).toBeLessThan(2_800_000);
  });

  test("contains no path of the machine that built it", () => {
    expectNoMachinePaths(folder);
  });
});

function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .map((path) => path.replaceAll("\\", "/"));
}

function expectNoMachinePaths(folder: string): void {
  for (const file of filesIn(folder)) {
    const bytes = readFileSync(join(folder, file));
    for (const path of [root, join(homedir(), "/")]) {
      expect(bytes.includes(path), `${file} contains ${path}`).toBe(false);
    }
  }
}

/** Returns the bundled libraries. The bundler leaves a comment with the path of each bundled file. */
function bundledLibraries(folder: string): string[] {
  const code = filesIn(folder)
    .filter((file) => file.endsWith(".js"))
    .map((file) => readFileSync(join(folder, file), "utf8"))
    .join("\n");
  // A configuration of the command names the schema of this package.
  return Array.from(code.matchAll(/node_modules\/((?:@[^/\s]+\/)?[^/\s]+)\//g), (match) => match[1]!).filter(
    (name) => name !== "myelin",
  );
}

/** Returns the libraries that our sources import. Minified code does not name its contents. */
function importedLibraries(): string[] {
  const sources = filesIn(join(root, "src")).map((file) => readFileSync(join(root, "src", file), "utf8"));
  const names = sources.flatMap((source) =>
    Array.from(source.matchAll(/^(?:import|export|\}) .*from "([^."#][^"]*)";$/gm), (match) => match[1]!),
  );
  return names
    .filter((name) => !name.startsWith("node:") && !/^myelin(\/|$)/.test(name))
    .map((name) => /^(?:@[^/]+\/)?[^/]+/.exec(name)![0]);
}
