/** Serves a model over HTTP. The subpath myelin/serve. */
export { serve } from "#http";
export { type RequestHandlerOptions, requestHandler } from "./fetch.ts";
export type { RequestOptions } from "./options.ts";
export type { ServedModel } from "./served.ts";
export type { ModelServer, ServeOptions } from "./server.ts";
