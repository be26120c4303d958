/** The server, over real connections: as a careful client uses it, and as a careless or hostile one does. */
import { once } from "node:events";
import { Agent, request as httpRequest } from "node:http";
import { connect, type Socket } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type ModelServer, type ServeOptions, serve } from "../../src/serve/index.ts";
import { houses, prices } from "./models.ts";

let model: Awaited<ReturnType<typeof prices>>;
beforeAll(async () => {
  model = await prices();
});
afterAll(() => model.dispose());

const servers: ModelServer[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

async function start(options: ServeOptions = {}): Promise<ModelServer> {
  const server = await serve(model, { port: 0, ...options });
  servers.push(server);
  return server;
}

const JSON_TYPE = { "content-type": "application/json" };
const post = (url: string, body: string) =>
  fetch(`${url}/predict`, { method: "POST", headers: JSON_TYPE, body });

/** A connection to which text is written, and from which all text is read until it closes. */
function rawConnection({ port }: ModelServer) {
  const socket: Socket = connect(port, "127.0.0.1");
  let received = "";
  socket.setEncoding("utf8").on("data", (text: string) => {
    received += text;
  });
  // A reset shows in what was received.
  socket.on("error", () => undefined);
  const closed = new Promise<string>((resolve) => socket.on("close", () => resolve(received)));
  const until = async (pattern: RegExp) => {
    while (!pattern.test(received)) {
      if (socket.destroyed) throw new Error(`closed before ${pattern}, received ${received}`);
      await wait(5);
    }
    return received;
  };
  return { socket, closed, until };
}

/** The text of a request for a prediction. */
const question = (body: string, more = "") =>
  `POST /predict HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n${more}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;

const statuses = (text: string) =>
  Array.from(text.matchAll(/HTTP\/1\.1 (\d{3})/g), ([, status]) => Number(status));

/** The bodies of replies that follow one another, by their lengths. */
function bodies(text: string): unknown[] {
  const found: unknown[] = [];
  for (let bytes = Buffer.from(text); bytes.length > 0; ) {
    const end = bytes.indexOf("\r\n\r\n") + 4;
    const length = Number(/content-length: (\d+)/i.exec(bytes.toString("latin1", 0, end))?.[1]);
    found.push(JSON.parse(bytes.toString("utf8", end, end + length)));
    bytes = bytes.subarray(end + length);
  }
  return found;
}

describe("a server", () => {
  test("answers, with the address and the example that it tells", async () => {
    const server = await start();
    expect(server.url).toBe(`http://127.0.0.1:${server.port}`);
    const response = await post(server.url, JSON.stringify(houses[3]));
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("application/json");
    expect(await response.json()).toEqual(model.predict(houses[3]));
    expect(server.example).toContain(
      `curl ${server.url}/predict -H 'content-type: application/json' -d '{"area"`,
    );
    expect(await (await fetch(`${server.url}/health?verbose=1`)).json()).toEqual({ status: "ok" });
    const head = await fetch(`${server.url}/openapi.json`, { method: "HEAD" });
    expect(Number(head.headers.get("content-length"))).toBeGreaterThan(1000);
  });

  test("answers 10,000 rows, and other requests in between", async () => {
    const { url } = await start({ maximumBytes: 10_000_000 });
    const rows = Array.from({ length: 10_000 }, (_, row) => houses[row % houses.length]);
    let isLargeAnswered = false;
    const large = post(url, JSON.stringify(rows)).then((response) => {
      isLargeAnswered = true;
      return response.json();
    });
    await wait(10);
    for (let request = 0; request < 3; request++) await (await post(url, "{}")).json();
    expect(isLargeAnswered).toBe(false);
    expect(await large).toEqual(model.predict(rows));
  });

  test("answers while the kernel trains", async () => {
    const { url } = await start();
    const training = prices();
    for (let request = 0; request < 20; request++) expect((await post(url, "{}")).status).toBe(200);
    (await training).dispose();
  });

  test("answers requests that come together over one connection, in their order", async () => {
    const { socket, closed, until } = rawConnection(await start());
    const areas = [50, 90, 130];
    socket.write(areas.map((area) => question(JSON.stringify({ area }))).join(""));
    const text = await until(/(HTTP\/1\.1 200[\s\S]*\}\n){3}/);
    socket.end();
    await closed;
    expect(bodies(text)).toEqual(areas.map((area) => model.predict({ area })));
  });

  test("asks for the body of a client that waits for it, but not if it is too large", async () => {
    const server = await start({ maximumBytes: 100 });
    const { socket, until } = rawConnection(server);
    const [head, body] = question("{}", "expect: 100-continue\r\n").split("\r\n\r\n");
    socket.write(`${head}\r\n\r\n`);
    await until(/^HTTP\/1\.1 100 Continue/);
    socket.write(body);
    await until(/HTTP\/1\.1 200/);
    socket.destroy();
    const large = rawConnection(server);
    large.socket.write(
      `${question("x".repeat(101), "expect: 100-continue\r\n").split("\r\n\r\n")[0]}\r\n\r\n`,
    );
    expect(statuses(await large.until(/\}\n/))).toEqual([413]);
    large.socket.destroy();
  });
});

describe("what arrives is limited", () => {
  test.each([
    ["with its length", (bytes: Uint8Array) => bytes],
    ["in chunks", (bytes: Uint8Array) => new Blob([bytes as never]).stream()],
  ])("a body that is too large, %s: 413, which the client can read", async (_, body) => {
    const { url } = await start();
    const init = {
      method: "POST",
      headers: JSON_TYPE,
      body: body(new Uint8Array(5_000_000)),
      duplex: "half",
    };
    const response = await fetch(`${url}/predict`, init as RequestInit);
    expect(response.status).toBe(413);
    expect(await response.json()).toMatchObject({ status: 413 });
    // The server still answers.
    expect((await post(url, "{}")).status).toBe(200);
  });

  test("headers of 100,000 bytes: 431", async () => {
    const { socket, closed } = rawConnection(await start());
    socket.write(`GET /health HTTP/1.1\r\nhost: localhost\r\nx-long: ${"x".repeat(100_000)}\r\n\r\n`);
    const text = await closed;
    expect(statuses(text)).toEqual([431]);
    expect(bodies(text)).toEqual([
      { title: "Request Header Fields Too Large", status: 431, detail: "Expected shorter headers." },
    ]);
  });

  test("what is not HTTP: 400", async () => {
    const { socket, closed } = rawConnection(await start());
    socket.write("hello\r\n\r\n");
    const text = await closed;
    expect(statuses(text)).toEqual([400]);
    expect(bodies(text)[0]).toMatchObject({ title: "Bad Request", status: 400 });
  });

  test.each([
    ["a size that is not a number", "zz\r\n{}\r\n0\r\n\r\n", 400],
    ["long extensions", `2;${"a".repeat(20_000)}\r\n{}\r\n0\r\n\r\n`, 413],
  ])("a body in chunks with %s: a reply with the reason", async (_, body, status) => {
    const { socket, closed } = rawConnection(await start());
    socket.write(`${question("").replace("content-length: 0", "transfer-encoding: chunked")}${body}`);
    const text = await closed;
    expect(statuses(text)).toEqual([status]);
    expect(bodies(text)[0]).toMatchObject({ status, detail: expect.stringMatching(/^Expected .*chunks/) });
  });

  test("a body that is cut off: 400", async () => {
    const { socket, closed } = rawConnection(await start());
    socket.end(question("x".repeat(100)).slice(0, -50));
    expect(statuses(await closed)).toEqual([400]);
  });

  test("two lengths of one body, as for smuggling a request: 400", async () => {
    const { socket, closed } = rawConnection(await start());
    socket.write(question("{}", "transfer-encoding: chunked\r\n"));
    expect(statuses(await closed)).toEqual([400]);
  });

  test("a head that does not end: 408 after the timeout, and the connection closes", async () => {
    const { socket, closed } = rawConnection(await start({ timeout: 0.2 }));
    socket.write("POST /predict HTTP/1.1\r\nhost: localhost\r\n");
    expect(statuses(await closed)).toEqual([408]);
  });

  test("a connection that sends nothing: 408 after the timeout, and it closes", async () => {
    const server = await start({ timeout: 0.2 });
    expect(statuses(await rawConnection(server).closed)).toEqual([408]);
    expect((await post(server.url, "{}")).status).toBe(200);
  });

  test("a body that arrives byte by byte: 408 after the timeout, and the connection closes", async () => {
    const { socket, closed } = rawConnection(await start({ timeout: 0.2 }));
    socket.write(question("x".repeat(1000)).slice(0, -1000));
    const drip = setInterval(() => socket.write(" "), 20);
    expect(statuses(await closed)).toEqual([408]);
    clearInterval(drip);
  });

  test("a client that does not read its answers: the connection closes after the timeout", async () => {
    const server = await start({ timeout: 0.5 });
    const { socket, closed } = rawConnection(server);
    socket.pause();
    const rows = JSON.stringify(Array(9000).fill({}));
    socket.write(question(rows).repeat(100));
    await wait(2000);
    socket.resume();
    await closed;
    expect((await post(server.url, "{}")).status).toBe(200);
  });

  test("the requests of a client: 429", async () => {
    const { url } = await start({ rate: 1 });
    const statuses = [];
    for (let request = 0; request < 3; request++) statuses.push((await post(url, "{}")).status);
    expect(statuses).toContain(429);
    expect(statuses[0]).toBe(200);
    expect((await fetch(`${url}/health`)).status).toBe(200);
  });
});

describe("a client that closes early", () => {
  test("within the body", async () => {
    const server = await start();
    const { socket, closed } = rawConnection(server);
    socket.write(question("x".repeat(100)).slice(0, -50), () => socket.destroy());
    await closed;
    expect((await post(server.url, "{}")).status).toBe(200);
  });

  test("while many rows are answered", async () => {
    const server = await start({ maximumBytes: 10_000_000 });
    const { socket, closed } = rawConnection(server);
    const rows = JSON.stringify(Array.from({ length: 10_000 }, (_, row) => houses[row % houses.length]));
    socket.write(question(rows), () => setTimeout(() => socket.destroy(), 20));
    await closed;
    expect((await post(server.url, "{}")).status).toBe(200);
  });
});

describe("the name that a request is for", () => {
  /** The status for a request with this header `Host`. */
  const statusFor = ({ port }: ModelServer, host: string) =>
    new Promise<number | undefined>((resolve, reject) => {
      const request = httpRequest({ port, host: "127.0.0.1", path: "/health", headers: { host } });
      request.on("response", (response) => resolve(response.resume().statusCode)).on("error", reject);
      request.end();
    });

  test("is that of the machine itself, so that pages of the web do not reach a local server", async () => {
    const server = await start();
    for (const host of ["localhost", "LOCALHOST:3000", `127.0.0.1:${server.port}`, "[::1]:80"])
      expect(await statusFor(server, host)).toBe(200);
    for (const host of ["evil.test", "localhost.evil.test:3000", "127.0.0.1.evil.test"])
      expect(await statusFor(server, host)).toBe(421);
  });

  test("may be added", async () => {
    const server = await start({ hostnames: ["Models.example.com"] });
    expect(await statusFor(server, "models.example.com")).toBe(200);
    expect(await statusFor(server, "other.example.com")).toBe(421);
  });
});

describe("close", () => {
  test("answers the requests in flight, and those that are on their way over open connections", async () => {
    const server = await start();
    const agent = new Agent({ keepAlive: true, maxSockets: 8 });
    let isClosing = false;
    let [answered, lost] = [0, 0];
    const ask = () =>
      new Promise<boolean>((resolve) => {
        const request = httpRequest(
          { port: server.port, agent, method: "POST", path: "/predict", headers: JSON_TYPE },
          (response) => {
            let text = "";
            response.setEncoding("utf8").on("data", (part) => {
              text += part;
            });
            response.on("end", () => {
              JSON.parse(text);
              answered++;
              resolve(true);
            });
            response.on("error", () => {
              lost++;
              resolve(false);
            });
          },
        );
        request.on("error", (error: NodeJS.ErrnoException) => {
          // A new connection is refused, which loses nothing: the request was never sent.
          if (!(isClosing && error.code === "ECONNREFUSED")) lost++;
          resolve(false);
        });
        request.end("{}");
      });
    const client = async () => {
      while (await ask());
    };
    const clients = Array.from({ length: 8 }, client);
    while (answered <= 8) await wait(5);
    isClosing = true;
    await server.close();
    await Promise.all(clients);
    agent.destroy();
    expect(lost).toBe(0);
    expect(answered).toBeGreaterThan(8);
  });

  test("answers requests over connections that wait to be accepted", async () => {
    const server = await start();
    const clients = Array.from({ length: 30 }, () => rawConnection(server));
    for (const { socket } of clients) socket.write(question("{}"));
    // The system has connected the first; the server has accepted at most one in each turn.
    await once(clients[0].socket, "connect");
    await server.close();
    for (const { closed } of clients) expect(statuses(await closed)).toEqual([200]);
  });

  test("answers a request that arrived while the event loop was blocked", async () => {
    const server = await start();
    const { socket, closed, until } = rawConnection(server);
    socket.write(question("{}"));
    await until(/\}\n/);
    const closing = server.close();
    await wait(50);
    socket.write(question("{}"));
    // Longer than a closing server waits for requests.
    for (const end = performance.now() + 700; performance.now() < end; );
    await closing;
    expect(statuses(await closed)).toEqual([200, 200]);
  });

  test("answers many rows, and requests that came together over one connection", async () => {
    const server = await start({ maximumBytes: 10_000_000 });
    const rows = Array.from({ length: 5000 }, (_, row) => houses[row % houses.length]);
    const { socket, closed } = rawConnection(server);
    const large = question(JSON.stringify(rows));
    socket.write(large + large);
    await wait(50);
    await server.close();
    const answers = JSON.parse(JSON.stringify(model.predict(rows)));
    expect(bodies(await closed)).toEqual([answers, answers]);
  });

  test("ends connections that are idle or silent, and is the same promise the second time", async () => {
    const server = await start();
    const silent = rawConnection(server);
    const idle = rawConnection(server);
    idle.socket.write(question("{}"));
    await idle.until(/\}\n/);
    expect(server.close()).toBe(server.close());
    await server.close();
    expect(await silent.closed).toBe("");
    await idle.closed;
    await expect(post(server.url, "{}")).rejects.toThrow();
  });
});

describe("a server that cannot listen", () => {
  test("at a port in use: one line with the fix", async () => {
    const { port } = await start();
    await expect(serve(model, { port })).rejects.toThrow(
      `serve: cannot listen at 127.0.0.1:${port}: another program listens there. Fix: choose another port, or 0 for a free one (EADDRINUSE)`,
    );
  });

  test("at an address of another machine", async () => {
    await expect(serve(model, { port: 0, host: "192.0.2.1" })).rejects.toThrow(
      "serve: cannot listen at 192.0.2.1:0: it is not an address of this machine",
    );
  });

  test.each<[options: object, message: string]>([
    [{ port: 65_536 }, "serve: port: expected a whole number from 0 to 65535, received 65536"],
    [{ port: "3000" }, 'serve: port: expected a whole number from 0 to 65535, received "3000"'],
    [{ host: "" }, "serve: host: expected an address or a name of this machine"],
    [{ timeout: 0 }, "serve: timeout: expected a number of seconds above 0 and at most 86400, received 0"],
    [{ hostnames: "a" }, "serve: hostnames: expected a list of names"],
    [{ prot: 3000 }, 'serve: unknown option "prot". Did you mean "port"?'],
  ])("with %o", async (options, message) => {
    await expect(serve(model, options)).rejects.toThrow(message);
  });
});
