/** Environment variables of any host. */

/**
 * Returns the value of an environment variable, or `undefined` where it is unset or empty.
 *
 * A host without an environment has an empty one. So has a host that refuses to show it: Deno throws
 * `NotCapable` without `--allow-env`.
 */
export function environmentVariable(name: string): string | undefined {
  const host = globalThis as { process?: { env?: Record<string, string | undefined> } };
  try {
    return host.process?.env?.[name] || undefined;
  } catch {
    return undefined;
  }
}
