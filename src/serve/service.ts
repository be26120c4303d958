/**
 * A service: from the head and the body of a request to a reply. It knows nothing of sockets; `fetch.ts` and
 * `http.ts` connect it.
 */
import { show } from "../errors.ts";
import { nextTurn } from "../host.ts";
import { openApi, welcome } from "./openApi.ts";
import type { RequestSettings } from "./options.ts";
import { isAboutRows, problem, type Reply } from "./problem.ts";
import { RateLimit } from "./rate.ts";
import type { Served } from "./served.ts";

/** The head of a request. */
export interface Head {
  readonly method: string;
  /** The path, without the query. */
  readonly path: string;
  /** Whom the limit of requests counts for. */
  readonly client: string;
  /** Returns a header by its name in lower case. */
  header(name: string): string | null | undefined;
}

/** Rows that are answered at a time. Other requests take turns with the blocks of a long list. */
const BLOCK = 128;

/** Seconds for which browsers remember what another origin may do. */
const CORS_SECONDS = "600";

/** Refuses bytes that are not UTF-8, and skips a byte order mark. */
const utf8 = new TextDecoder("utf-8", { fatal: true });

/** The body of a request is not as expected. */
class Refusal extends Error {}

const json = (body: string): Reply => ({ status: 200, type: "application/json", body });

/** Answers requests for predictions of a model. */
export class Service {
  readonly settings: RequestSettings;
  readonly served: Served;
  readonly #pages: ReadonlyMap<string, Reply>;
  readonly #predict: string;
  readonly #limit: RateLimit | undefined;

  constructor(served: Served, settings: RequestSettings) {
    const { basePath, rate } = settings;
    this.served = served;
    this.settings = settings;
    this.#predict = `${basePath}/predict`;
    this.#limit = rate === undefined ? undefined : new RateLimit(rate);
    const text: Reply = {
      status: 200,
      type: "text/plain; charset=utf-8",
      body: welcome(served, settings),
      // Names of columns are anything: no browser may take them for HTML.
      headers: { "x-content-type-options": "nosniff" },
    };
    this.#pages = new Map([
      [basePath === "" ? "/" : basePath, text],
      [`${basePath}/`, text],
      [`${basePath}/health`, json('{"status":"ok"}\n')],
      [`${basePath}/openapi.json`, json(`${JSON.stringify(openApi(served, settings), null, 2)}\n`)],
    ]);
  }

  /** Returns the reply to a request whose body is not needed; undefined where `answer` is to be called. */
  begin(head: Head): Reply | undefined {
    const { path } = head;
    if (path === this.#predict) return head.method === "POST" ? this.#admit(head) : this.#other(head, "POST");
    const page = this.#pages.get(path);
    if (page !== undefined)
      return head.method === "GET" || head.method === "HEAD" ? page : this.#other(head, "GET, HEAD");
    const known = [this.#predict, ...this.#pages.keys()].join(", ");
    return problem(404, `There is nothing at this path. Expected one of ${known}.`);
  }

  /** Returns the headers that let a page of another origin read the reply. */
  crossOrigin(head: Head): Readonly<Record<string, string>> | undefined {
    const { cors } = this.settings;
    if (cors.length === 0) return undefined;
    if (cors.includes("*")) return { "access-control-allow-origin": "*" };
    const origin = head.header("origin");
    const isAllowed = origin != null && cors.includes(origin.toLowerCase());
    return { vary: "origin", ...(isAllowed && { "access-control-allow-origin": origin }) };
  }

  /** Returns the reply to a body that is larger than allowed. */
  tooLarge(): Reply {
    const { maximumBytes } = this.settings;
    return problem(
      413,
      `Expected a body of at most ${maximumBytes} bytes. Fix: send the rows in several requests.`,
    );
  }

  /** Answers a body. Stops between blocks of rows once `isGone` returns true. */
  answer(body: Uint8Array, isGone: () => boolean): Reply | Promise<Reply> {
    try {
      const question = this.#read(body);
      const wrapped = rowsIn(question);
      if (wrapped === undefined && this.served.isRow(question))
        return json(`${JSON.stringify(this.served.one(question))}\n`);
      const rows = wrapped ?? question;
      if (!Array.isArray(rows)) throw new Refusal(`Expected ${this.#expected}, received another object.`);
      const { maximumRows } = this.settings;
      if (rows.length > maximumRows) {
        const detail = `Expected at most ${maximumRows} rows, received ${rows.length}. Fix: send them in several requests.`;
        return problem(413, detail);
      }
      const wrap = (answers: string) =>
        json(wrapped === undefined ? `[${answers}]\n` : `{"answers":[${answers}]}\n`);
      if (rows.length <= BLOCK) return wrap(this.#block(rows, 0));
      return this.#blocks(rows, isGone).then(wrap, (error) => this.#failure(error));
    } catch (error) {
      return this.#failure(error);
    }
  }

  /** What the body of a request is. */
  get #expected(): string {
    return `${this.served.rowName}, a list of them, or { "rows": […] }`;
  }

  /** Reads the JSON of a body. */
  #read(body: Uint8Array): object {
    let value: unknown;
    try {
      value = JSON.parse(utf8.decode(body));
    } catch (error) {
      const reason = error instanceof SyntaxError ? error.message : "it is not UTF-8";
      throw new Refusal(`Expected ${this.#expected} as JSON: ${reason}.`);
    }
    if (value !== null && typeof value === "object") return value;
    throw new Refusal(`Expected ${this.#expected}, received ${show(value)}.`);
  }

  /** Returns the answers for up to a block of rows, as the entries of a list in JSON. */
  #block(rows: readonly unknown[], start: number): string {
    const block = rows.slice(start, start + BLOCK);
    if (block.length === 0) return "";
    try {
      return JSON.stringify(this.served.many(block)).slice(1, -1);
    } catch (error) {
      if (!isAboutRows(error)) throw error;
      // The row's number within the block becomes its number in the request.
      throw new Refusal(error.message.replace(/\brow (\d+)/, (_, row) => `row ${start + Number(row)}`));
    }
  }

  /** Answers many rows. Other work may happen between two blocks. */
  async #blocks(rows: readonly unknown[], isGone: () => boolean): Promise<string> {
    const texts: string[] = [];
    for (let start = 0; start < rows.length && !isGone(); start += BLOCK) {
      texts.push(this.#block(rows, start));
      await new Promise<void>(nextTurn);
    }
    return texts.join(",");
  }

  /** The reply to a request that led to an error. */
  #failure(error: unknown): Reply {
    if (error instanceof Refusal || isAboutRows(error)) return problem(400, error.message);
    this.settings.onError(error);
    return problem(500, "The model could not answer. The cause is in the log of the server.");
  }

  /** The reply to a method that a path does not have. */
  #other(head: Head, allow: string): Reply {
    if (head.method === "OPTIONS" && this.settings.cors.length > 0) {
      const headers = {
        "access-control-allow-methods": allow,
        "access-control-allow-headers": "content-type",
        "access-control-max-age": CORS_SECONDS,
      };
      return { status: 204, type: "text/plain", body: "", headers };
    }
    return problem(405, `${head.method} is not possible here. Expected ${allow}.`, { allow });
  }

  /** The reply to a request for predictions that its head already rules out. */
  #admit(head: Head): Reply | undefined {
    const type = head.header("content-type") ?? "";
    if (type !== "application/json" && !isJson(type)) {
      const received = type === "" ? "none" : JSON.stringify(type.slice(0, 60));
      return problem(
        415,
        `Expected the content type application/json in UTF-8, received ${received}. Fix: send the header "content-type: application/json".`,
      );
    }
    const encoding = head.header("content-encoding") ?? "identity";
    if (encoding.toLowerCase() !== "identity")
      return problem(415, "Expected a body without a content encoding. Fix: do not compress it.");
    if (Number(head.header("content-length") ?? 0) > this.settings.maximumBytes) return this.tooLarge();
    const wait = this.#limit?.take(head.client) ?? 0;
    if (wait === 0) return undefined;
    const seconds = Math.ceil(wait);
    const detail = `Expected at most ${this.settings.rate} requests a second. Fix: try again in ${seconds} s.`;
    return problem(429, detail, { "retry-after": String(seconds) });
  }
}

/** Whether a content type is that of JSON, in UTF-8. */
function isJson(type: string): boolean {
  const [, charset] = /^application\/(?:[\w.+-]+\+)?json\s*(?:;\s*charset\s*=\s*"?([\w-]+)"?\s*)?$/i.exec(
    type,
  ) ?? [type, "none"];
  return charset === undefined || /^utf-?8$/i.test(charset);
}

/** The list of `{ "rows": […] }`; undefined for anything else. */
function rowsIn(question: object): readonly unknown[] | undefined {
  // A cell is never a list, so this is not a record.
  if (!Object.hasOwn(question, "rows") || !Array.isArray((question as { rows: unknown }).rows))
    return undefined;
  const other = Object.keys(question).find((name) => name !== "rows");
  if (other === undefined) return (question as { rows: unknown[] }).rows;
  throw new Refusal(`Expected { "rows": […] } without other fields, received ${show(other)}.`);
}
