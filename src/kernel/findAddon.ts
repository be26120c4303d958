/**
 * Finds this platform's addon and loads it.
 *
 * The addon is in a package of its own for each platform (`myelin-linux-x64-gnu` …), of which npm installs
 * the one that fits. Bundlers take this file into bundles of either module format. So it resolves packages
 * at run time, through no syntax that a bundler would follow or rename, from each place it may be in.
 */
import { KernelError } from "../errors.ts";
import { version } from "../version.ts";
import { type NoNative, unreachable } from "./load.ts";

/** A loaded addon and its package, or why there is none. */
export type FoundAddon =
  | { readonly addon: unknown; readonly name: string; readonly cause?: undefined }
  | (NoNative & { readonly addon?: undefined });

/** The platforms that have packages, with the ends of their names: the C libraries, if there are several. */
const PLATFORMS: Partial<Record<string, readonly string[]>> = {
  darwin: [""],
  linux: ["-gnu", "-musl"],
  win32: ["-msvc"],
};

/** Returns the packages that may hold a platform's addon. On Linux npm installs the one whose libc fits. */
export function platformPackages({ platform, arch }: { platform: string; arch: string }): string[] {
  const ends = ["arm64", "x64"].includes(arch) ? (PLATFORMS[platform] ?? []) : [];
  return ends.map((end) => `myelin-${platform}-${arch}${end}`);
}

/** Whether this Linux has musl; asked only where no addon is installed, because the report takes time. */
function hasMusl(): boolean {
  try {
    const report = process.report as NodeJS.ProcessReport & { excludeNetwork: boolean };
    report.excludeNetwork = true; // Else it looks up names of hosts.
    const { header } = report.getReport() as { header: { glibcVersionRuntime?: string } };
    return header.glibcVersionRuntime === undefined;
  } catch {
    return false; // Deno without --allow-sys.
  }
}

/** Returns the first line of an error's message. */
export function message(error: unknown): string {
  return error instanceof Error ? error.message.split("\n")[0] : String(error);
}

/** Returns the path of this file where it is CommonJS, as a bundle may be. */
function bundlePath(): string | undefined {
  try {
    return __filename; // Not after `typeof`, which webpack answers where there is none.
  } catch {
    return undefined;
  }
}

/**
 * Returns a `require` for each file that packages may be found from: this one, and the program. A bundle in
 * CommonJS format has no `import.meta.url`, and webpack replaces it by a path on the machine that bundled.
 */
function origins(): NodeJS.Require[] {
  const own = import.meta.url as string | undefined;
  const { createRequire } = process.getBuiltinModule("node:module");
  return [own, bundlePath(), process.argv[1]].flatMap((path) => {
    try {
      return path ? [createRequire(path)] : [];
    } catch {
      return []; // Not a path of a file: a program read from standard input.
    }
  });
}

/** Returns the file of an installed package, or `undefined` if it is not installed. */
function resolve(from: NodeJS.Require, name: string): string | undefined {
  try {
    return from.resolve(name);
  } catch (error) {
    // With `path` the package is there, and its file is not.
    const { code, path } = error as { code?: string; path?: string };
    if (code === "MODULE_NOT_FOUND" && path === undefined) return undefined;
    throw error;
  }
}

/** Returns the addon of an installed package, or `undefined` if it is not installed. */
function load(from: NodeJS.Require, name: string): unknown {
  try {
    // The second name is for executables that Bun compiles, which do not read `main`.
    const file = resolve(from, name) ?? resolve(from, `${name}/${name.replace("-", ".")}.node`);
    return file === undefined ? undefined : from(file);
  } catch (error) {
    throw new KernelError(`${name} does not load: ${message(error)}`, { cause: error });
  }
}

/** Returns a `require` of the installed Myelin, which finds what only Myelin depends on. */
function home(from: NodeJS.Require): NodeJS.Require | undefined {
  const manifest = resolve(from, "myelin/package.json");
  return manifest === undefined ? undefined : process.getBuiltinModule("node:module").createRequire(manifest);
}

/** Returns the setting of Next if this is a bundle of Next, which replaces the variable when it bundles. */
function nextSetting(): string | undefined {
  try {
    return process.env.NEXT_RUNTIME && 'serverExternalPackages: ["myelin"] in next.config.js';
  } catch {
    return undefined; // Deno without --allow-env.
  }
}

/**
 * Loads the addon, or explains why not. A bundle asks from the installed Myelin too, because pnpm and Yarn's
 * Plug'n'Play let only Myelin see its platform package.
 */
export function findAddon(): FoundAddon {
  const names = platformPackages(process);
  if (names.length === 0) {
    const reason = `there is no native addon for ${process.platform}-${process.arch}`;
    return { cause: "unsupported", reason };
  }
  const failures: unknown[] = [];
  const attempt = <T>(call: () => T): T | undefined => {
    try {
      return call();
    } catch (error) {
      failures.push(error);
      return undefined;
    }
  };
  const files = origins();
  const homes = files.flatMap((from) => attempt(() => home(from)) ?? []);
  for (const from of [...files, ...homes]) {
    for (const name of names) {
      const addon = attempt(() => load(from, name));
      if (addon !== undefined) return { addon, name };
    }
  }
  if (failures.length > 0) return { cause: "broken", reason: message(failures[0]) };
  if (homes.length === 0) return unreachable("this bundle does not find the native addon", nextSetting());
  const name = names.length > 1 && hasMusl() ? names[1] : names[0];
  const reason = `${name} is not installed: npm install --save-optional ${name}@${version}`;
  return { cause: "absent", reason };
}
