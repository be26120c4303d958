// Opens pages of a folder in Chromium, over HTTP. A page sends its result to /result. Pages without flags of
// their own are tabs of one browser: each has its own server, and so its own origin.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { extname, join, normalize } from "node:path";
import { afterAll } from "vitest";
import { browser } from "../plot/browser.ts";

export { browser };

const TYPES: Record<string, string> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".wasm": "application/wasm",
};

const FLAGS = [
  ...["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"],
  ...["--disable-component-update", "--disable-sync", "--disable-quic"],
  // Tabs behind others run as fast.
  ...["--disable-background-timer-throttling", "--disable-renderer-backgrounding"],
  ...["--disable-backgrounding-occluded-windows", "--remote-debugging-port=0"],
];

export interface Opened<T> {
  readonly result: T;
  /** The paths that were requested, without their queries. */
  readonly requests: readonly string[];
}

export interface Options {
  /** The page, relative to the folder. */
  readonly page?: string;
  readonly flags?: readonly string[];
  /** The content security policy of all responses. */
  readonly policy?: string;
  /** What replaces files, by path. */
  readonly files?: Readonly<Record<string, string | Uint8Array>>;
}

/** Opens a page of a folder and returns what it posts to /result, as JSON. */
export async function openPage<T>(folder: string, options: Options = {}): Promise<Opened<T>> {
  const requests: string[] = [];
  let post: (result: T) => void;
  const posted = new Promise<T>((resolve) => {
    post = resolve;
  });
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url!, "http://localhost");
    requests.push(pathname);
    if (pathname === "/result") {
      response.end();
      post(JSON.parse(await bodyOf(request)));
      return;
    }
    const headers: Record<string, string> = { "content-type": TYPES[extname(pathname)] ?? "text/plain" };
    if (options.policy !== undefined) headers["content-security-policy"] = options.policy;
    const body = options.files?.[pathname] ?? readIfThere(join(folder, normalize(pathname)));
    response.writeHead(body === undefined ? 404 : 200, headers).end(body);
  });
  const address = await listen(server);
  try {
    return { result: await visit(`${address}/${options.page ?? "index.html"}`, posted, options), requests };
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

/** A browser process. */
interface Browser {
  readonly child: ChildProcess;
  readonly profile: string;
  /** Rejects when the browser ends, with the last lines that it wrote. */
  readonly ended: Promise<never>;
  /** The port for tools, once it is open. */
  readonly port: Promise<number>;
}

function launch(given: readonly string[]): Browser {
  const profile = mkdtempSync(join(tmpdir(), "myelin-chromium-"));
  const child = spawn(browser!, [...FLAGS, `--user-data-dir=${profile}`, ...given], {
    stdio: ["ignore", "ignore", "pipe"],
    // In a group of processes of its own, which end together.
    detached: true,
  });
  let errors = "";
  const ended = new Promise<never>((_, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`Chromium ended with ${code}\n${errors.slice(-2000)}`)));
  });
  ended.catch(() => {}); // It also ends after its last page.
  const port = new Promise<number>((resolve) => {
    child.stderr.on("data", (data) => {
      errors += data;
      const [, found] = errors.match(/DevTools listening on ws:\/\/[^:/]+:(\d+)/) ?? [];
      if (found !== undefined) resolve(Number(found));
    });
  });
  return { child, profile, ended, port };
}

async function close({ child, profile }: Browser): Promise<void> {
  await end(child);
  await remove(profile);
}

/** The browser whose tabs are pages without flags of their own. */
let shared: Browser | undefined;
afterAll(() => shared && close(shared));

/** Opens an address in Chromium until there is a result. */
async function visit<T>(address: string, result: Promise<T>, { flags = [] }: Options): Promise<T> {
  const limit = new Promise<never>((_, reject) => {
    setTimeout(() => reject(new Error(`${address} gave no result`)), 200_000).unref();
  });
  limit.catch(() => {});
  if (flags.length > 0) {
    const own = launch([...flags, address]);
    try {
      return await Promise.race([result, own.ended, limit]);
    } finally {
      await close(own);
    }
  }
  shared ??= launch(["about:blank"]);
  const tools = `http://127.0.0.1:${await Promise.race([shared.port, shared.ended, limit])}/json`;
  const tab = await fetch(`${tools}/new?${encodeURIComponent(address)}`, { method: "PUT" });
  const { id } = (await tab.json()) as { id: string };
  try {
    return await Promise.race([result, shared.ended, limit]);
  } finally {
    await fetch(`${tools}/close/${id}`);
  }
}

/** Ends a browser with all its processes. */
async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  process.kill(-child.pid!, "SIGKILL");
  await ended;
}

/** Removes a folder in which processes that are ending may still write. */
async function remove(folder: string): Promise<void> {
  for (let tries = 20; ; tries--) {
    try {
      rmSync(folder, { recursive: true, force: true });
      return;
    } catch (error) {
      if (tries === 0) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

function readIfThere(file: string): Uint8Array | undefined {
  try {
    return readFileSync(file);
  } catch {
    return undefined;
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let body = "";
  for await (const part of request) body += part;
  return body;
}

function listen(server: Server): Promise<string> {
  return new Promise((resolve) =>
    server.listen(0, "127.0.0.1", () =>
      resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
    ),
  );
}
