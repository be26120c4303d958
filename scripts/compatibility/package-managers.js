// Installs with package managers, from a local registry.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { kernelOf, makeApp, root, run, work } from "./app.js";

const versions = { pnpm: "10.34.8", yarn: "1.22.22", "@yarnpkg/cli-dist": "4.18.1" };

/** Installs the package managers with npm. */
async function installManagers() {
  const folder = makeApp("managers");
  const names = Object.entries(versions).map(([name, version]) => `${name}@${version}`);
  await run(folder, "npm", ["install", "--no-audit", "--no-fund", "--ignore-scripts", ...names]);
  return (path) => join(folder, "node_modules", path);
}

/**
 * Packs the platform packages that are not built here: the real manifests, each with an empty file as addon.
 */
export async function packOtherPlatforms(folder) {
  for (const target of readdirSync(join(root, "npm"))) {
    const { platform, ...manifest } = JSON.parse(
      readFileSync(join(root, "npm", target, "package.json"), "utf8"),
    );
    if (existsSync(join(folder, `${manifest.name}-${manifest.version}.tgz`))) continue;
    const staged = join(work, "platforms", target);
    mkdirSync(staged, { recursive: true });
    writeFileSync(join(staged, "package.json"), JSON.stringify({ ...manifest, ...platform }));
    writeFileSync(join(staged, manifest.main), "");
    await run(staged, "npm", ["pack", "--ignore-scripts", "--pack-destination", folder]);
  }
}

const platformsIn = (app) =>
  readdirSync(join(app, "node_modules")).filter((name) => name.startsWith("myelin-"));

export async function packageManagerCases(registry) {
  const program = await installManagers();
  const npm = (app, ...flags) =>
    run(app, "npm", ["install", "--registry", registry, "--cache", join(work, "npm-cache"), ...flags]);
  const yarn = (name, linker) => async () => {
    const app = makeApp(name, {
      ".yarnrc.yml": [
        ...[`npmRegistryServer: "${registry}"`, "unsafeHttpWhitelist: [127.0.0.1]"],
        ...[`nodeLinker: ${linker}`, `globalFolder: ${join(work, "yarn-global")}`, "enableTelemetry: false"],
        ...["enableImmutableInstalls: false", "npmMinimalAgeGate: 0", ""],
      ].join("\n"),
      "yarn.lock": "",
    });
    const yarn4 = program("@yarnpkg/cli-dist/bin/yarn.js");
    await run(app, process.execPath, [yarn4, "add", "myelin"]);
    return kernelOf(app, "entry.mjs", [process.execPath, yarn4, "node"]);
  };
  return [
    {
      name: "npm",
      expected: /^native/,
      run: async () => {
        const app = makeApp("npm");
        await npm(app, "myelin");
        return kernelOf(app);
      },
    },
    ...["win32 x64", "darwin arm64"].map((platform) => ({
      name: `npm install for ${platform}, used on Linux; then the command from the warning`,
      expected: /^native/,
      run: async () => {
        const [os, cpu] = platform.split(" ");
        const app = makeApp(`npm-${os}`);
        await npm(app, "myelin", `--os=${os}`, `--cpu=${cpu}`);
        const [installed, ...others] = platformsIn(app);
        if (others.length > 0 || !installed.startsWith(`myelin-${os}-${cpu}`))
          throw new Error(`npm installed ${[installed, ...others]}`);
        const { name, reason } = await kernelOf(app);
        const [, command] = reason.match(/ is not installed: npm install ([^;]+); WebAssembly/) ?? [];
        if (name !== "wasm" || !command) throw new Error(`unexpected reason: ${reason}`);
        await npm(app, ...command.split(" "));
        return kernelOf(app);
      },
    })),
    {
      name: "npm install --libc=musl, used on glibc",
      expected: /^wasm: myelin-linux-x64-musl does not load/,
      run: async () => {
        const app = makeApp("npm-musl");
        await npm(app, "myelin", "--os=linux", "--cpu=x64", "--libc=musl");
        return kernelOf(app);
      },
    },
    {
      name: `pnpm ${versions.pnpm}`,
      expected: /^native/,
      run: async () => {
        const app = makeApp("pnpm");
        const options = ["--registry", registry, "--store-dir", join(work, "pnpm-store")];
        await run(app, process.execPath, [program("pnpm/bin/pnpm.cjs"), "add", "myelin", ...options]);
        return kernelOf(app);
      },
    },
    {
      name: `pnpm ${versions.pnpm}, bundled by esbuild as CommonJS`,
      expected: /^native/,
      run: async () => {
        const app = join(work, "pnpm");
        const esbuild = join(root, "__test__", "bundlers", "node_modules", "esbuild", "bin", "esbuild");
        const flags = ["entry.mjs", "--bundle", "--platform=node", "--format=cjs", "--outfile=out.cjs"];
        // A script or, where install scripts ran, a program.
        await run(app, esbuild, flags);
        return kernelOf(app, "out.cjs");
      },
    },
    {
      name: `Yarn ${versions.yarn}`,
      expected: /^native/,
      run: async () => {
        const app = makeApp("yarn-1");
        const options = ["--registry", registry, "--cache-folder", join(work, "yarn-cache")];
        await run(app, process.execPath, [program("yarn/bin/yarn.js"), "add", "myelin", ...options]);
        return kernelOf(app);
      },
    },
    {
      name: `Yarn ${versions["@yarnpkg/cli-dist"]}, node_modules`,
      expected: /^native/,
      run: yarn("yarn", "node-modules"),
    },
    {
      name: `Yarn ${versions["@yarnpkg/cli-dist"]}, Plug'n'Play`,
      expected: /^native/,
      run: yarn("yarn-pnp", "pnp"),
    },
  ];
}
