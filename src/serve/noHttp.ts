/** Stands in for `http.ts` where a program cannot listen: in browsers and other hosts that are not Node. */
import { StateError } from "../errors.ts";
import type { ServedModel } from "./served.ts";
import type { ModelServer, ServeOptions } from "./server.ts";

/** Says what to use instead. */
export async function serve(_model: ServedModel, _options: ServeOptions = {}): Promise<ModelServer> {
  throw new StateError("serve: this host has no HTTP server of Node. Fix: use requestHandler");
}
