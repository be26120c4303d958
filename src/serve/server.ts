/** What `serve` takes and gives. */
import type { RequestOptions } from "./options.ts";

/** The options of `serve`. */
export interface ServeOptions extends RequestOptions {
  /** The port, 3000 by default; 0 for a free one. */
  readonly port?: number | undefined;
  /**
   * The address or name of this machine to listen at, `"127.0.0.1"` by default: only programs on the same
   * machine reach it. `"0.0.0.0"` or `"::"` for all networks of the machine.
   */
  readonly host?: string | undefined;
  /**
   * Further names that requests may have in their header `Host`, such as `"models.example.com"` behind a proxy.
   * A server on a loopback address refuses other names than `localhost` and its address, so that a page of the
   * web cannot reach it by a name that resolves to this machine (DNS rebinding).
   */
  readonly hostnames?: readonly string[] | undefined;
  /**
   * Seconds within which a request must have arrived, a reply must have been read, and the requests in flight
   * must have been answered when the server closes. 30 by default.
   */
  readonly timeout?: number | undefined;
}

/** A server that runs. */
export interface ModelServer {
  /** The address of the server, such as `http://127.0.0.1:3000`. */
  readonly url: string;
  /** The port that it listens at. */
  readonly port: number;
  /** A command that asks for a prediction. */
  readonly example: string;
  /**
   * Stops: accepts no further connections, answers the requests in flight, then closes the connections. A
   * second call returns the same promise.
   */
  close(): Promise<void>;
  /** For `await using server = await serve(…)`. */
  [Symbol.asyncDispose](): Promise<void>;
}
