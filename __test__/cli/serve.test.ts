/** `myelin serve`, as a process that signals end. */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { Agent, request as httpRequest } from "node:http";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { json } from "node:stream/consumers";
import { setTimeout as wait } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { save } from "../../src/index.ts";
import { root, runNode } from "../child.ts";
import { houses, network, prices } from "../serve/models.ts";

const main = join(root, "dist", "cli", "main.js");
const JSON_TYPE = { "content-type": "application/json" };
/** The server answers the head of such a request at once, which shows that the request has arrived. */
const CONTINUE = { expect: "100-continue" };

let folder: string;
let model: Awaited<ReturnType<typeof prices>>;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "myelin-serve-"));
  model = await prices();
  await save(model, join(folder, "prices.myelin"));
  await save(network(), join(folder, "network.myelin"));
});
afterAll(() => {
  model.dispose();
  rmSync(folder, { recursive: true, force: true });
});

const children: ChildProcessWithoutNullStreams[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
});

/** Starts the command, and waits until it prints its address. */
async function start(...given: string[]) {
  const child = spawn(process.execPath, [main, "serve", ...given, "--port", "0"], { cwd: folder });
  children.push(child);
  const text = { output: "", errors: "" };
  child.stdout.setEncoding("utf8").on("data", (part) => {
    text.output += part;
  });
  child.stderr.setEncoding("utf8").on("data", (part) => {
    text.errors += part;
  });
  const ended = once(child, "close").then(([code, signal]) => ({ status: code ?? signal, ...text }));
  const listens = async () => {
    while (!/http:\/\/\S+\/predict/.test(text.output)) await wait(10);
  };
  await Promise.race([listens(), ended]);
  const url = /http:\/\/[^\s"]+/.exec(text.output)?.[0] ?? "";
  return { child, text, ended, url };
}

const post = (url: string, body: string) =>
  fetch(`${url}/predict`, { method: "POST", headers: JSON_TYPE, body });

describe.skipIf(process.platform === "win32")("ends at a signal with exit code 0", () => {
  test("SIGTERM, under load: every request that was sent is answered", async () => {
    const { child, ended, url } = await start("prices.myelin");
    const agent = new Agent({ keepAlive: true, maxSockets: 16 });
    const expected = JSON.stringify(model.predict(houses[3]));
    const lost: unknown[] = [];
    let isStopping = false;
    let answered = 0;
    const ask = () =>
      new Promise<boolean>((resolve) => {
        const fail = (error: NodeJS.ErrnoException) => {
          // A connection that is refused loses nothing, because no request was sent.
          if (!(isStopping && error.code === "ECONNREFUSED")) lost.push(error);
          resolve(false);
        };
        const options = { agent, method: "POST", headers: JSON_TYPE };
        const request = httpRequest(`${url}/predict`, options, (response) => {
          let body = "";
          response.setEncoding("utf8").on("data", (part) => {
            body += part;
          });
          response.on("error", fail).on("end", () => {
            if (body.trim() !== expected) lost.push(body);
            answered++;
            resolve(true);
          });
        });
        request.on("error", fail).end(JSON.stringify(houses[3]));
      });
    const client = async () => {
      while (await ask());
    };
    const clients = Array.from({ length: 16 }, client);
    while (answered <= 16) await wait(5);
    isStopping = true;
    child.kill("SIGTERM");
    await Promise.all(clients);
    const { status, errors } = await ended;
    agent.destroy();
    expect(lost).toEqual([]);
    expect(answered).toBeGreaterThan(16);
    expect(errors).toBe("Ctrl-C ends it.\nStopping: requests in flight are answered.\n");
    expect(status).toBe(0);
  });

  test("SIGINT, while many rows are answered", async () => {
    const { child, ended, url } = await start("prices.myelin", "--maximum-bytes", "10000000");
    const rows = Array.from({ length: 10_000 }, (_, row) => houses[row % houses.length]);
    const request = httpRequest(`${url}/predict`, { method: "POST", headers: { ...JSON_TYPE, ...CONTINUE } });
    await once(request, "continue");
    request.end(JSON.stringify(rows));
    child.kill("SIGINT");
    const [response] = await once(request, "response");
    expect(await json(response)).toEqual(model.predict(rows));
    expect((await ended).status).toBe(0);
  });

  test("at once at the second one", async () => {
    const { child, ended, url, text } = await start("prices.myelin");
    const { port } = new URL(url);
    // A request whose body never ends.
    const request = httpRequest({
      port,
      path: "/predict",
      method: "POST",
      headers: { ...JSON_TYPE, ...CONTINUE, "content-length": 9 },
    });
    await once(request, "continue");
    request.on("error", () => undefined).write("{");
    child.kill("SIGINT");
    while (!text.errors.includes("Stopping")) await wait(5);
    child.kill("SIGINT");
    expect((await ended).status).toBe("SIGINT");
    request.destroy();
  });
});

test("prints the address and a command that works", async () => {
  const { url, text } = await start("prices.myelin");
  const [address, example] = text.output.split("\n");
  expect(address).toBe(`"prices.myelin" is served at ${url}`);
  expect(example).toContain(`curl ${url}/predict -H 'content-type: application/json' -d '{`);
  const [, body] = /-d '(.*)'$/.exec(example) as RegExpExecArray;
  const response = await post(url, body);
  expect(await response.json()).toEqual(model.predict(JSON.parse(body)));
});

test("--json prints the address as data", async () => {
  const { text, url } = await start("network.myelin", "--json");
  const { example, ...rest } = JSON.parse(text.output);
  expect(rest).toEqual({ url, port: Number(new URL(url).port) });
  expect(example).toContain("-d '[0.5,0.5]'");
  expect((await post(url, "[0.5,0.5]")).status).toBe(200);
});

test("the options reach the server", async () => {
  const { url } = await start(
    ...["prices.myelin", "--maximum-rows", "2", "--cors", "https://a.test,https://b.test"],
    ...["--base-path", "/api", "--hostnames", "models.test", "--kernel", "typescript"],
  );
  expect(url).toMatch(/\/api$/);
  expect((await post(url, "[{},{},{}]")).status).toBe(413);
  const { headers } = await fetch(`${url}/health`, { headers: { origin: "https://b.test" } });
  expect(headers.get("access-control-allow-origin")).toBe("https://b.test");
});

describe("an error is one line", () => {
  const run = (...given: string[]) => runNode([main, "serve", ...given], { folder });

  test("a port in use: exit code 1, with the fix", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const { port } = other.address() as { port: number };
    const { status, output, errors } = await run("prices.myelin", "--port", String(port));
    other.close();
    expect(errors).toBe(
      `myelin: cannot listen at 127.0.0.1:${port}: another program listens there. Fix: choose another port, or 0 for a free one (EADDRINUSE)\n`,
    );
    expect([status, output]).toEqual([1, ""]);
  });

  test.each<[given: string[], status: number, message: RegExp]>([
    [["none.myelin"], 1, /"none\.myelin" cannot be read: there is no such file or folder/],
    [["."], 1, /"\." is a folder\. Fix: give the path of a model/],
    [[main], 2, /does not hold a model, and serve expects one here/],
    [
      ["prices.myelin", "--port", "99999"],
      2,
      /--port: expected a whole number from 0 to 65535, received 99999/,
    ],
    [["prices.myelin", "--host", "192.0.2.1"], 1, /cannot listen at 192\.0\.2\.1:3000: it is not an address/],
    [
      ["prices.myelin", "--cors", "example.com"],
      2,
      /--cors: expected an origin such as "https:\/\/example\.com"/,
    ],
    [["prices.myelin", "--rate", "0"], 2, /'0' is invalid\. Expected a number above 0/],
  ])("%j: exit code %i", async (given, expected, message) => {
    const { status, output, errors } = await run(...given);
    expect(errors).toMatch(message);
    expect(errors.trimEnd().split("\n")).toHaveLength(1);
    expect([status, output]).toEqual([expected, ""]);
  });
});
