/** Problems: the replies to requests that cannot be answered, in one shape (RFC 9457). */
import { MyelinError } from "../errors.ts";

type Headers = Readonly<Record<string, string>>;

/** What is sent back for a request. */
export interface Reply {
  readonly status: number;
  /** The content type of the body. */
  readonly type: string;
  readonly body: string;
  /** Further headers. */
  readonly headers?: Headers;
}

/** The status codes of problems, with their names. */
export const PROBLEMS = {
  400: "Bad Request",
  404: "Not Found",
  405: "Method Not Allowed",
  408: "Request Timeout",
  413: "Content Too Large",
  415: "Unsupported Media Type",
  421: "Misdirected Request",
  429: "Too Many Requests",
  431: "Request Header Fields Too Large",
  500: "Internal Server Error",
} as const;

export type ProblemStatus = keyof typeof PROBLEMS;

/** Returns the reply to a request that cannot be answered; `detail` says why, and how to fix it. */
export function problem(status: ProblemStatus, detail: string, headers?: Headers): Reply {
  const body = `${JSON.stringify({ title: PROBLEMS[status], status, detail })}\n`;
  return { status, type: "application/problem+json", body, ...(headers && { headers }) };
}

/** Returns whether the rows of a request caused an error. All other errors are the server's own. */
export function isAboutRows(error: unknown): error is MyelinError {
  return error instanceof MyelinError && (error.code === "MYELIN_DATA" || error.code === "MYELIN_SHAPE");
}
