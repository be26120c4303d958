/** Runs Node in a separate process, for tests that may end the process. */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";

/** The checkout, whose `dist` the children import. */
export const root = fileURLToPath(new URL("..", import.meta.url));

export interface Ended {
  /** The exit code, or the name of the signal that ended the process. */
  readonly status: number | string;
  readonly output: string;
  readonly errors: string;
}

/** Runs Node to its end, without variables of the caller's environment that configure Myelin or Node. */
export function runNode(
  given: readonly string[],
  {
    folder = root,
    environment = {},
    timeout = 300_000,
  }: { folder?: string; environment?: NodeJS.ProcessEnv; timeout?: number } = {},
): Promise<Ended> {
  const ours = Object.entries(process.env).filter(([name]) => !/^(MYELIN_|NODE_OPTIONS)/.test(name));
  const env = { ...Object.fromEntries(ours), ...environment };
  return new Promise((resolve) => {
    execFile(process.execPath, given, { cwd: folder, env, timeout }, (error, output, errors) => {
      resolve({ status: error === null ? 0 : (error.signal ?? error.code ?? 1), output, errors });
    });
  });
}

/** Returns the path of a script in `fixtures/processes`. */
export function script(name: string): string {
  return fileURLToPath(new URL(`fixtures/processes/${name}`, import.meta.url));
}
