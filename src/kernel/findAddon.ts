/**
 * Finds this platform's addon and loads it.
 *
 * Each platform has its own package (`myelin-linux-x64-gnu` …) with the addon; npm installs the right one.
 * Bundlers copy this file into bundles of either module format. So it resolves packages at run time, from
 * each place where it may be, and avoids syntax that a bundler would follow or rename.
 */
import { KernelError } from "../errors.ts";
import { version } from "../version.ts";
import { type NoNative, unreachable } from "./load.ts";

/** A loaded addon and its package, or why there is none. */
export type FoundAddon =
  | { readonly addon: unknown; readonly name: string; readonly cause?: undefined }
  | (NoNative & { readonly addon?: undefined });

/**
 * The platforms that have packages. Each has a list of name suffixes, which name the C library or compiler.
 */
const PLATFORMS: Partial<Record<string, readonly string[]>> = {
  darwin: [""],
  linux: ["-gnu", "-musl"],
  win32: ["-msvc"],
};

/** Returns the packages that may contain a platform's addon. On Linux npm installs the one for its libc. */
export function platformPackages({ platform, arch }: { platform: string; arch: string }): string[] {
  const suffixes = ["arm64", "x64"].includes(arch) ? (PLATFORMS[platform] ?? []) : [];
  return suffixes.map((suffix) => `myelin-${platform}-${arch}${suffix}`);
}

/** Returns whether this Linux uses musl. Called only if no addon is installed, because the report is slow. */
function hasMusl(): boolean {
  try {
    const report = process.report as NodeJS.ProcessReport & { excludeNetwork: boolean };
    report.excludeNetwork = true; // Otherwise the report looks up host names.
    const { header } = report.getReport() as { header: { glibcVersionRuntime?: string } };
    return header.glibcVersionRuntime === undefined;
  } catch {
    return false; // On Deno without --allow-sys.
  }
}

/** Returns the first line of an error's message. */
export function message(error: unknown): string {
  return error instanceof Error ? error.message.split("\n")[0] : String(error);
}

/** Returns the path of this file if it is a CommonJS module, as a bundle may be. */
function bundlePath(): string | undefined {
  try {
    return __filename; // Without `typeof`, which webpack replaces even where the variable does not exist.
  } catch {
    return undefined;
  }
}

/**
 * Returns a `require` for each file from which packages may be found: this file, and the main program. A
 * bundle in CommonJS format has no `import.meta.url`, and webpack replaces it with a path on the build
 * machine.
 */
function origins(): NodeJS.Require[] {
  const own = import.meta.url as string | undefined;
  const { createRequire } = process.getBuiltinModule("node:module");
  return [own, bundlePath(), process.argv[1]].flatMap((path) => {
    try {
      return path ? [createRequire(path)] : [];
    } catch {
      return []; // Not a file path: the program was read from standard input.
    }
  });
}

/** Returns the file of an installed package, or `undefined` if it is not installed. */
function resolve(from: NodeJS.Require, name: string): string | undefined {
  try {
    return from.resolve(name);
  } catch (error) {
    // With `path`, the package exists but its file does not.
    const { code, path } = error as { code?: string; path?: string };
    if (code === "MODULE_NOT_FOUND" && path === undefined) return undefined;
    throw error;
  }
}

/** Returns the addon of an installed package, or `undefined` if it is not installed. */
function load(from: NodeJS.Require, name: string): unknown {
  try {
    // The second name is for executables that Bun compiles: they ignore `main`.
    const file = resolve(from, name) ?? resolve(from, `${name}/${name.replace("-", ".")}.node`);
    return file === undefined ? undefined : from(file);
  } catch (error) {
    throw new KernelError(`${name} does not load: ${message(error)}`, { cause: error });
  }
}

/** Returns a `require` of the installed Myelin, which finds packages that only Myelin depends on. */
function home(from: NodeJS.Require): NodeJS.Require | undefined {
  const manifest = resolve(from, "myelin/package.json");
  return manifest === undefined ? undefined : process.getBuiltinModule("node:module").createRequire(manifest);
}

/** Returns the setting for Next.js if Next.js made this bundle: it then replaces the variable by a value. */
function nextSetting(): string | undefined {
  try {
    return process.env.NEXT_RUNTIME && 'serverExternalPackages: ["myelin"] in next.config.js';
  } catch {
    return undefined; // On Deno without --allow-env.
  }
}

/**
 * Loads the addon, or explains why it cannot. A bundle also resolves from the installed Myelin, because pnpm
 * and Yarn's Plug'n'Play let only Myelin see its platform package.
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
