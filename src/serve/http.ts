/** `serve`: a server of `node:http`. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { type AddressInfo, isIPv6, Server as NetServer, type Socket } from "node:net";
import { StateError } from "../errors.ts";
import { nextTurn, now } from "../host.ts";
import { checkNames, refuse } from "../options.ts";
import { curlExample } from "./openApi.ts";
import { REQUEST_OPTIONS, readRequestOptions } from "./options.ts";
import { type ProblemStatus, problem, type Reply } from "./problem.ts";
import { type ServedModel, servedBy } from "./served.ts";
import type { ModelServer, ServeOptions } from "./server.ts";
import { type Head, Service } from "./service.ts";

/** Connections at a time. Further ones are closed at once. */
const MOST_CONNECTIONS = 1024;
/** Seconds within which the head of a request must have arrived. */
const HEAD_SECONDS = 10;
/** Milliseconds for which the rest of a body is discarded after its request has been refused. */
const DISCARD_MILLISECONDS = 2000;
/** Milliseconds in which a closing server waits for requests that are on their way over open connections. */
const GRACE_MILLISECONDS = 500;
/** Milliseconds in which a closing server still accepts the connections that clients have opened already. */
const ACCEPT_MILLISECONDS = 500;
/** Turns of the event loop without a new connection after which none is taken to wait. */
const QUIET_TURNS = 3;

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|::1)$/i;

/** Checked options of the server itself. */
interface Listening {
  readonly port: number;
  readonly host: string;
  /** The names that requests may have in `Host`; undefined for any. */
  readonly hostnames: ReadonlySet<string> | undefined;
  readonly timeout: number;
}

const OWN_OPTIONS = ["port", "host", "hostnames", "timeout"];

function readListening({
  port = 3000,
  host = "127.0.0.1",
  hostnames,
  timeout = 30,
}: ServeOptions): Listening {
  if (!(Number.isInteger(port) && port >= 0 && port <= 65_535))
    throw refuse("serve: port", "a whole number from 0 to 65535", port);
  if (typeof host !== "string" || host === "")
    throw refuse("serve: host", "an address or a name of this machine", host);
  if (!(typeof timeout === "number" && timeout > 0 && timeout <= 86_400))
    throw refuse("serve: timeout", "a number of seconds above 0 and at most 86400", timeout);
  if (
    hostnames !== undefined &&
    !(Array.isArray(hostnames) && hostnames.every((name) => typeof name === "string"))
  )
    throw refuse("serve: hostnames", "a list of names", hostnames);
  const isChecked = hostnames !== undefined || LOOPBACK.test(host);
  const names = ["localhost", "127.0.0.1", "[::1]", inUrl(host), ...(hostnames ?? [])];
  return {
    ...{ port, host, timeout },
    hostnames: isChecked ? new Set(names.map((name) => name.toLowerCase())) : undefined,
  };
}

const inUrl = (host: string) => (isIPv6(host) ? `[${host}]` : host);

/** The name in a header `Host`, without the port. */
const nameOf = (host: string) => host.replace(/:\d*$/, "").toLowerCase();

/** The path of a request's target, which is a path or a URL, without the query. */
function pathOf(target: string): string {
  const path = target.startsWith("/") ? target : target.replace(/^https?:\/\/[^/?#]*/i, "") || "/";
  const query = path.indexOf("?");
  return query < 0 ? path : path.slice(0, query);
}

/** The errors of a connection that have a reply; all others get status 400. */
const CONNECTION_ERRORS: Readonly<Record<string, readonly [ProblemStatus, string]>> = {
  HPE_HEADER_OVERFLOW: [431, "Expected shorter headers."],
  ERR_HTTP_REQUEST_TIMEOUT: [408, "The request did not arrive in time."],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: [413, "Expected shorter extensions of chunks."],
  HPE_INVALID_CHUNK_SIZE: [400, "Expected a body in chunks that begin with their size."],
};

/** Connects a service to the requests of a server. */
class Connector {
  readonly #service: Service;
  readonly #listening: Listening;
  /** Requests by connection whose reply has not been written. */
  readonly #pending = new Map<Socket, number>();
  /** Requests by connection whose body has not arrived. */
  readonly #arriving = new Map<Socket, number>();
  /** Connections that failed and got a reply that says why. */
  readonly #failed = new WeakSet<Socket>();
  /** Replies of this turn of the event loop. */
  readonly #replies: (() => void)[] = [];
  /** The last header `Host` that was accepted: clients send the same one again and again. */
  #lastHost: string | undefined;
  isClosing = false;
  /** The number of connections so far. */
  connections = 0;

  constructor(service: Service, listening: Listening) {
    this.#service = service;
    this.#listening = listening;
  }

  /** Keeps a connection until it closes. */
  connect(socket: Socket): void {
    this.connections++;
    this.#pending.set(socket, 0);
    socket.once("close", () => {
      this.#pending.delete(socket);
      this.#arriving.delete(socket);
    });
  }

  /** Answers a request. */
  request(request: IncomingMessage, response: ServerResponse, expectsContinue = false): void {
    const { socket, headers } = request;
    const head: Head = {
      method: request.method ?? "",
      path: pathOf(request.url ?? "/"),
      client: socket.remoteAddress ?? "",
      header: (name) => headers[name] as string | undefined,
    };
    this.#pending.set(socket, (this.#pending.get(socket) ?? 0) + 1);
    const early = this.#misdirected(headers.host) ?? this.#service.begin(head);
    if (early !== undefined) {
      this.#send(request, response, head, early);
      if (!request.complete) discard(request);
      return;
    }
    if (expectsContinue) response.writeContinue();
    this.#read(request, response, head);
  }

  /** Reads the body of a request, and answers it. */
  #read(request: IncomingMessage, response: ServerResponse, head: Head): void {
    const { maximumBytes } = this.#service.settings;
    const { socket } = request;
    const count = (change: number) => this.#arriving.set(socket, (this.#arriving.get(socket) ?? 0) + change);
    count(1);
    const chunks: Buffer[] = [];
    let size = 0;
    const onData = (chunk: Buffer) => {
      size += chunk.length;
      if (size <= maximumBytes) {
        chunks.push(chunk);
        return;
      }
      request.off("data", onData).off("end", onEnd);
      count(-1);
      this.#send(request, response, head, this.#service.tooLarge());
      discard(request);
    };
    const onEnd = () => {
      if (this.#failed.has(socket)) return;
      count(-1);
      const body = chunks.length === 1 ? chunks[0] : Buffer.concat(chunks, size);
      const reply = this.#service.answer(body, () => response.destroyed);
      if (reply instanceof Promise) reply.then((found) => this.#send(request, response, head, found));
      else this.#atEndOfTurn(() => this.#send(request, response, head, reply));
    };
    // A client that closes its connection early is not an error of the server.
    request
      .on("data", onData)
      .on("end", onEnd)
      .on("error", () => undefined);
  }

  /**
   * Sends all replies of a turn of the event loop one after the other. A client on another core then wakes up
   * once for all of them: a write that wakes it takes four times as long.
   */
  #atEndOfTurn(send: () => void): void {
    if (this.#replies.push(send) > 1) return;
    setImmediate(() => {
      for (const reply of this.#replies.splice(0)) reply();
    });
  }

  #send({ socket }: IncomingMessage, response: ServerResponse, head: Head, reply: Reply): void {
    const pending = (this.#pending.get(socket) ?? 1) - 1;
    if (this.#pending.has(socket)) this.#pending.set(socket, pending);
    const { status, type, body, headers } = reply;
    response.writeHead(status, {
      "content-type": type,
      "content-length": Buffer.byteLength(body),
      ...headers,
      ...this.#service.crossOrigin(head),
      // Requests that came after this one over the same connection are still answered.
      ...(this.isClosing && pending === 0 && { connection: "close" }),
    });
    response.end(body);
  }

  /** The reply to a request for another server. */
  #misdirected(host: string | undefined): Reply | undefined {
    const { hostnames } = this.#listening;
    if (hostnames === undefined || (host !== undefined && host === this.#lastHost)) return undefined;
    if (host !== undefined && hostnames.has(nameOf(host))) {
      this.#lastHost = host;
      return undefined;
    }
    const detail = `This server is not ${host === undefined ? "without a name" : JSON.stringify(host.slice(0, 60))}. Fix: start it with that name among its host names.`;
    return problem(421, detail);
  }

  /** Replies to what is not HTTP, or came too late. */
  fail(error: NodeJS.ErrnoException, socket: Socket): void {
    const pending = this.#pending.get(socket) ?? 0;
    // After a reply that is under way nothing else can be written. Before the body has arrived there is none.
    const isFree = pending === 0 || (pending === 1 && this.#arriving.get(socket) === 1);
    if (!socket.writable || error.code === "ECONNRESET" || !isFree) {
      socket.destroy();
      return;
    }
    this.#failed.add(socket);
    const [status, detail] = CONNECTION_ERRORS[error.code ?? ""] ?? [400, "Expected a request of HTTP/1.1."];
    const { body, type } = problem(status, detail);
    const lines = [
      `HTTP/1.1 ${status} ${JSON.parse(body).title}`,
      `content-type: ${type}`,
      `content-length: ${Buffer.byteLength(body)}`,
      "connection: close",
    ];
    socket.end(`${lines.join("\r\n")}\r\n\r\n${body}`);
    setTimeout(() => socket.destroy(), DISCARD_MILLISECONDS).unref();
  }

  /** Closes a connection on which nothing moved for the time limit, unless an answer is being computed. */
  timeout(socket: Socket): void {
    if ((this.#pending.get(socket) ?? 0) === 0) socket.destroy();
  }

  /** Closes connections that never sent anything. */
  closeSilent(): void {
    for (const socket of this.#pending.keys()) if (socket.bytesRead === 0) socket.destroy();
  }
}

/** Discards the rest of a body for some time, so that the client can read the reply, then closes. */
function discard(request: IncomingMessage): void {
  request.on("error", () => undefined).resume();
  const timer = setTimeout(() => {
    if (!request.complete) request.socket.destroy();
  }, DISCARD_MILLISECONDS);
  request.once("close", () => clearTimeout(timer));
}

/** Explains why a server cannot listen. */
function listenError(error: NodeJS.ErrnoException, { host, port }: Listening): Error {
  const where = `${inUrl(host)}:${port}`;
  const reasons: Readonly<Record<string, string>> = {
    EADDRINUSE: "another program listens there. Fix: choose another port, or 0 for a free one",
    EACCES: "permission is denied. Fix: choose a port above 1023",
    EADDRNOTAVAIL: "it is not an address of this machine. Fix: 127.0.0.1, or 0.0.0.0 for all networks",
    ENOTFOUND: "the name is unknown. Fix: 127.0.0.1, or 0.0.0.0 for all networks",
  };
  const { code = "", message } = error;
  const reason = Object.hasOwn(reasons, code) ? `${reasons[code]} (${code})` : message;
  return Object.assign(new StateError(`serve: cannot listen at ${where}: ${reason}`), { cause: error });
}

/** Makes a server whose requests arrive within `timeout` seconds, and connects it. */
function connect(connector: Connector, timeout: number): Server {
  const milliseconds = Math.ceil(1000 * timeout);
  const interval = Math.min(milliseconds, 1000);
  const server = createServer({
    requestTimeout: milliseconds,
    headersTimeout: Math.min(milliseconds, 1000 * HEAD_SECONDS),
    connectionsCheckingInterval: interval,
  });
  server.maxConnections = MOST_CONNECTIONS;
  // Later than the limits above, which have a reply.
  server.timeout = milliseconds + 2 * interval;
  server.on("connection", (socket) => connector.connect(socket));
  server.on("request", (request, response) => connector.request(request, response));
  server.on("checkContinue", (request, response) => connector.request(request, response, true));
  server.on("clientError", (error, socket) => connector.fail(error, socket as Socket));
  server.on("timeout", (socket) => connector.timeout(socket));
  return server;
}

/** Resolves after the event loop has looked once for what has arrived. */
const nextPoll = () => new Promise<void>(nextTurn);

/**
 * Accepts the connections that clients have opened already: a system resets those that wait when a server
 * stops listening, with the requests that came over them. Node accepts one of them in each turn.
 */
async function acceptWaiting(connector: Connector): Promise<void> {
  const until = now() + ACCEPT_MILLISECONDS;
  for (let quiet = 0; quiet < QUIET_TURNS && now() < until; ) {
    const before = connector.connections;
    await nextPoll();
    quiet = connector.connections > before ? 0 : quiet + 1;
  }
}

/** Accepts no further connections, and resolves when all are closed, after at most `timeout` seconds. */
async function end(server: Server, connector: Connector, timeout: number): Promise<void> {
  // Before the replies close their connections: clients would open others, which nobody would accept.
  await acceptWaiting(connector);
  connector.isClosing = true;
  await new Promise<void>((resolve) => {
    const done = () => {
      clearTimeout(grace);
      clearTimeout(limit);
      server.close(); // Ends the checks of timeouts.
      resolve();
    };
    // `close` of node:http would also end connections whose next request is on its way. On Bun there is no other.
    if (server instanceof NetServer) NetServer.prototype.close.call(server, done);
    else (server as Server).close(done);
    const grace = setTimeout(async () => {
      // After a long block of the event loop, requests may have arrived that have not been read.
      await nextPoll();
      server.closeIdleConnections();
      connector.closeSilent();
    }, GRACE_MILLISECONDS);
    const limit = setTimeout(() => server.closeAllConnections(), 1000 * timeout);
  });
}

/**
 * Serves a model over HTTP on Node: `POST /predict` with a record, a list of records or `{ "rows": […] }` as
 * JSON is answered in kind; a network takes lists of numbers. `GET /openapi.json` describes both, `GET /health`
 * answers, and `GET /` explains. Resolves when the server listens.
 *
 * @example
 * ```ts
 * const server = await serve(model, { port: 0 });
 * console.log(server.url); // http://127.0.0.1:49152 or another port that is free
 * await server.close();
 * ```
 *
 * @throws OptionError for an unknown option or a value out of range, or for what is not a model; StateError if
 * it cannot listen there, for instance because the port is in use.
 */
export async function serve(model: ServedModel, options: ServeOptions = {}): Promise<ModelServer> {
  checkNames(options, [...OWN_OPTIONS, ...REQUEST_OPTIONS], "serve");
  const listening = readListening(options);
  const settings = readRequestOptions(options, "serve");
  const served = servedBy(model, "serve");
  const connector = new Connector(new Service(served, settings), listening);
  const server = connect(connector, listening.timeout);
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => reject(listenError(error, listening)));
    server.listen(listening.port, listening.host, resolve);
  });
  // Such as too many open files.
  server.removeAllListeners("error").on("error", settings.onError);
  const { port } = server.address() as AddressInfo;
  const shown = ["0.0.0.0", "::"].includes(listening.host) ? "localhost" : inUrl(listening.host);
  const url = `http://${shown}:${port}${settings.basePath}`;
  let closed: Promise<void> | undefined;
  const close = () => {
    closed ??= end(server, connector, listening.timeout);
    return closed;
  };
  return { url, port, example: curlExample(served, url), close, [Symbol.asyncDispose]: close };
}
