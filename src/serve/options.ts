/** The options of a service: what it accepts, and from whom. */
import { readSize, refuse } from "../options.ts";

/** What a service accepts, however its requests arrive. */
export interface RequestOptions {
  /** The largest body, in bytes. 1,048,576 by default. */
  readonly maximumBytes?: number | undefined;
  /** The most rows in a request. 10,000 by default. */
  readonly maximumRows?: number | undefined;
  /**
   * Requests for predictions that a client may make in a second, on average. At once it may make those of one
   * second, and at least one. No limit by default.
   */
  readonly rate?: number | undefined;
  /**
   * The origins whose pages may read the answers in a browser, such as `"https://example.com"`, or `"*"` for
   * any. None by default.
   */
  readonly cors?: string | readonly string[] | undefined;
  /** The path that precedes those of the service, such as `"/api/prices"`. None by default. */
  readonly basePath?: string | undefined;
  /**
   * Receives errors that are not the client's fault. The client sees only status 500. By default they go to
   * `console.error`.
   */
  readonly onError?: ((error: unknown) => void) | undefined;
}

/** Checked options with their defaults. */
export interface RequestSettings {
  readonly maximumBytes: number;
  readonly maximumRows: number;
  readonly rate: number | undefined;
  readonly cors: readonly string[];
  readonly basePath: string;
  readonly onError: (error: unknown) => void;
}

/** The names of the options. */
export const REQUEST_OPTIONS = ["maximumBytes", "maximumRows", "rate", "cors", "basePath", "onError"];

/** Reads the options of a service; `call` begins the messages of errors. */
export function readRequestOptions(given: RequestOptions, call: string): RequestSettings {
  const { maximumBytes = 1_048_576, maximumRows = 10_000, rate, cors = [], basePath = "", onError } = given;
  if (rate !== undefined && !(typeof rate === "number" && rate > 0 && Number.isFinite(rate)))
    throw refuse(`${call}: rate`, "a finite number above 0", rate, "; leave it out for no limit");
  if (onError !== undefined && typeof onError !== "function")
    throw refuse(`${call}: onError`, "a function", onError);
  return {
    maximumBytes: readSize(maximumBytes, `${call}: maximumBytes`),
    maximumRows: readSize(maximumRows, `${call}: maximumRows`),
    rate,
    cors: readOrigins(cors, `${call}: cors`),
    basePath: readBasePath(basePath, `${call}: basePath`),
    onError: onError ?? ((error) => console.error(error)),
  };
}

function readOrigins(given: unknown, place: string): readonly string[] {
  const origins: readonly unknown[] = Array.isArray(given) ? given : [given];
  return origins.map((origin) => {
    if (origin === "*") return origin;
    if (typeof origin === "string" && /^[a-z][a-z0-9+.-]*:\/\/[^/\s,]+$/i.test(origin))
      return origin.toLowerCase();
    throw refuse(place, 'an origin such as "https://example.com", or "*" for any', origin);
  });
}

function readBasePath(given: unknown, place: string): string {
  if (given === "" || (typeof given === "string" && /^(\/[\w.~!$&'()*+,;=:@-]+)+$/.test(given))) return given;
  throw refuse(place, 'a path such as "/api/prices", without a slash at its end', given);
}
