/** `myelin serve`: a model behind HTTP, until a signal ends it. */
import type { KernelChoice } from "myelin";
import { serve } from "myelin/serve";
import { writeError } from "./failures.ts";
import { loadAny } from "./input.ts";
import { note, print, printJson } from "./output.ts";

/** The options of the command line. */
export interface ServeValues {
  readonly port: number;
  readonly host: string;
  readonly hostnames?: readonly string[];
  readonly rate?: number;
  readonly maximumRows: number;
  readonly maximumBytes: number;
  readonly timeout: number;
  readonly cors?: readonly string[];
  readonly basePath: string;
  readonly kernel: KernelChoice;
  readonly json?: boolean;
}

/** Resolves at the first SIGTERM or Ctrl-C. A second one ends the process at once. */
function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    const signals = ["SIGTERM", "SIGINT"] as const;
    const stop = () => {
      for (const signal of signals) process.off(signal, stop);
      resolve();
    };
    for (const signal of signals) process.on(signal, stop);
  });
}

/** Serves a model until SIGTERM or Ctrl-C, then answers the requests in flight and ends. */
export async function serveCommand(file: string, { kernel, json, ...options }: ServeValues): Promise<void> {
  const model = await loadAny(file, "serve", { kernel });
  const onError = (error: unknown) => writeError(String((error as Error)?.stack ?? error));
  const server = await serve(model, { ...options, onError });
  const stopped = stopSignal();
  if (json) printJson({ url: server.url, port: server.port, example: server.example });
  else {
    print(`${JSON.stringify(file)} is served at ${server.url}`);
    print(server.example);
    note("Ctrl-C ends it.");
  }
  await stopped;
  note("Stopping: requests in flight are answered.");
  await server.close();
  model.dispose();
}
