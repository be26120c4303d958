/** Requests and responses of the Fetch standard: Cloudflare, Deno, Bun, Next and others. */
import { checkNames, refuse } from "../options.ts";
import { REQUEST_OPTIONS, type RequestOptions, readRequestOptions } from "./options.ts";
import type { Reply } from "./problem.ts";
import { type ServedModel, servedBy } from "./served.ts";
import { type Head, Service } from "./service.ts";

/** The host's `Request`, where its types are known. */
type HostRequest = typeof globalThis extends { Request: { prototype: infer Type } } ? Type : FetchRequest;

/** The host's `Response`, where its types are known. */
type HostResponse = typeof globalThis extends { Response: { prototype: infer Type } } ? Type : object;

/** What is read of a request. */
interface FetchRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: { get(name: string): string | null };
  readonly body: unknown;
  readonly signal?: { readonly aborted: boolean } | null;
}

/** The stream of a body. */
interface BodyReader {
  read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array }>;
  cancel(): Promise<void>;
}

/** The options of `requestHandler`. */
export interface RequestHandlerOptions extends RequestOptions {
  /**
   * Names the client of a request, which `rate` limits: its address, or an API key. By default all requests
   * count as those of one client.
   */
  readonly client?: ((request: HostRequest) => string) | undefined;
}

/** Reads a body; undefined if it is larger than `most` bytes. */
async function readBody(body: unknown, most: number): Promise<Uint8Array | undefined> {
  if (body === null || body === undefined) return new Uint8Array(0);
  const reader = (body as { getReader(): BodyReader }).getReader();
  const chunks: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done || value === undefined) break;
    size += value.length;
    if (size > most) {
      await reader.cancel().catch(() => undefined);
      return undefined;
    }
    chunks.push(value);
  }
  if (chunks.length === 1) return chunks[0];
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

/**
 * Makes a function that answers requests for predictions, in the form of the Fetch standard: `POST /predict`,
 * `GET /health`, `GET /openapi.json` and `GET /`. Cloudflare, Deno, Bun and Next call it; on Node, `serve`
 * starts a server.
 *
 * @example
 * ```ts
 * const handle = requestHandler(model);
 * const request = new Request("http://localhost/predict", {
 *   method: "POST",
 *   headers: { "content-type": "application/json" },
 *   body: JSON.stringify({ island: "Biscoe", billLength: 46.1 }),
 * });
 * const response = await handle(request);
 * await response.json(); // { value: "Gentoo", probabilities: { … } }
 * ```
 *
 * @throws OptionError for an unknown option or a value out of range, or for what is not a model.
 */
export function requestHandler(
  model: ServedModel,
  options: RequestHandlerOptions = {},
): (request: HostRequest) => Promise<HostResponse> {
  checkNames(options, [...REQUEST_OPTIONS, "client"], "requestHandler");
  const { client = () => "" } = options;
  if (typeof client !== "function") throw refuse("requestHandler: client", "a function", client);
  const settings = readRequestOptions(options, "requestHandler");
  const service = new Service(servedBy(model, "requestHandler"), settings);
  return async (given) => {
    const request = given as unknown as FetchRequest;
    const head: Head = {
      method: request.method,
      path: new URL(request.url).pathname,
      client: client(given),
      header: (name) => request.headers.get(name),
    };
    const reply = service.begin(head) ?? (await answer(service, request));
    return toResponse(reply, service.crossOrigin(head), head.method === "HEAD");
  };
}

async function answer(service: Service, request: FetchRequest): Promise<Reply> {
  const bytes = await readBody(request.body, service.settings.maximumBytes);
  // Read only between blocks of rows: Deno warns where the signal is read.
  return bytes === undefined
    ? service.tooLarge()
    : service.answer(bytes, () => request.signal?.aborted === true);
}

function toResponse({ status, type, body, headers }: Reply, more: object | undefined, isHead: boolean) {
  const Response = (
    globalThis as unknown as { Response: new (body: string | null, init: object) => HostResponse }
  ).Response;
  const text = isHead || status === 204 ? null : body;
  return new Response(text, { status, headers: { "content-type": type, ...headers, ...more } });
}
