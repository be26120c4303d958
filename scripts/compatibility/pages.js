// Pages that Next and Parcel bundle, opened in Chromium: which kernel they compute on after `ready`.
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join } from "node:path";
import { freePort, installBeside, makeApp, run, serve, work } from "./app.js";

const next = ["next@16.4.6", "react@19.3.1", "react-dom@19.3.1"];
const parcel = ["parcel@2.16.4"];

const places = [process.env.CHROMIUM ?? "", "/usr/bin/chromium", "/usr/bin/google-chrome"];
const chromium = places.find((path) => existsSync(path));
const types = { ".html": "text/html", ".js": "text/javascript", ".wasm": "application/wasm" };

/** A module that trains and sends the kernel of its model to an address. A beacon may go to another origin. */
const trainer = `import { dense, Model, ready, sgd, xor } from "myelin";
  export async function train(address) {
    await ready();
    const model = new Model({ inputs: 2, layers: [dense(1)], loss: "meanSquaredError", optimizer: sgd() });
    await model.fit(xor({ examples: 20, seed: 1 }), { epochs: 2 });
    navigator.sendBeacon(address, JSON.stringify(model.kernel));
  }`;

export function pageCases(tarballs) {
  if (chromium === undefined) return [];
  let nextApp;
  const nextPage = (...flags) => ({
    name: [next[0], "build", ...flags, "page in Chromium"].join(" "),
    expected: /^wasm/,
    run: () =>
      collect(async (address) => {
        nextApp ??= makeNextApp(tarballs);
        const folder = await nextApp;
        const environment = { NEXT_PUBLIC_ADDRESS: address, NEXT_TELEMETRY_DISABLED: "1" };
        const program = "node_modules/next/dist/bin/next";
        await run(folder, process.execPath, [program, "build", ...flags], environment);
        const port = await freePort();
        return (visit) =>
          serve(folder, [program, "start", "-p", port], environment, async () => {
            await answers(`http://127.0.0.1:${port}`);
            return visit(`http://127.0.0.1:${port}`);
          });
      }),
  });
  return [
    nextPage(),
    nextPage("--webpack"),
    {
      name: `${parcel[0]} build, page in Chromium`,
      expected: /^wasm/,
      run: () => collect((address) => buildParcelPage(address, tarballs)),
    },
  ];
}

async function makeNextApp(tarballs) {
  const folder = makeApp("next-page", {
    "app/layout.js": "export default ({ children }) => <html><body>{children}</body></html>;",
    "app/page.js": 'import { Page } from "./trainer"; export default () => <Page />;',
    "app/trainer.js": `"use client";
      import { useEffect } from "react";
      import { train } from "./train";
      export function Page() {
        useEffect(() => void train(process.env.NEXT_PUBLIC_ADDRESS), []);
        return <p>A page</p>;
      }`,
    "app/train.js": trainer,
    "next.config.js":
      "module.exports = { outputFileTracingRoot: __dirname, turbopack: { root: __dirname } };",
  });
  await installBeside(folder, next, tarballs);
  return folder;
}

async function buildParcelPage(address, tarballs) {
  const manifest = {
    ...{ name: "app", private: true, source: "index.html" },
    // Without this setting, Parcel ignores `exports` and `imports`.
    "@parcel/resolver-default": { packageExports: true },
  };
  const folder = makeApp("parcel-page", {
    "package.json": JSON.stringify(manifest),
    "index.html": '<!doctype html><script type="module" src="./page.js"></script>',
    "page.js": `import { train } from "./train.js"; train(${JSON.stringify(address)});`,
    "train.js": trainer,
  });
  await installBeside(folder, parcel, tarballs);
  await run(folder, process.execPath, ["node_modules/parcel/lib/bin.js", "build", "--no-cache"]);
  const server = createServer(({ url }, response) => {
    const path = join(folder, "dist", url === "/" ? "index.html" : url);
    if (!existsSync(path)) return response.writeHead(404).end();
    response.writeHead(200, { "content-type": types[extname(path)] ?? "text/plain" }).end(readFileSync(path));
  });
  const place = await listen(server);
  return (visit) => visit(place).finally(() => closed(server));
}

/** Makes a page that sends to an address, opens it in Chromium, and returns what arrives there. */
async function collect(make) {
  let arrive;
  const arrived = new Promise((resolve) => {
    arrive = resolve;
  });
  const collector = createServer(async (request, response) => {
    let body = "";
    for await (const part of request) body += part;
    response.end();
    arrive(JSON.parse(body));
  });
  try {
    const open = await make(await listen(collector));
    return await open((address) => visit(address, arrived));
  } finally {
    closed(collector);
  }
}

async function visit(address, arrived) {
  const profile = join(work, "chromium");
  const flags = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--remote-debugging-port=0",
  ];
  const child = spawn(chromium, [...flags, `--user-data-dir=${profile}`, address], { stdio: "ignore" });
  try {
    const limit = new Promise((_, fail) => {
      setTimeout(() => fail(new Error("the page sends nothing")), 30_000).unref();
    });
    return await Promise.race([arrived, limit]);
  } finally {
    const ended = new Promise((done) => child.once("exit", done));
    child.kill();
    await ended;
  }
}

async function answers(address) {
  for (let tries = 0; tries < 100; tries++) {
    if (
      await fetch(address).then(
        ({ ok }) => ok,
        () => false,
      )
    )
      return;
    await new Promise((done) => setTimeout(done, 300));
  }
  throw new Error("the server does not answer");
}

function closed(server) {
  server.closeAllConnections();
  server.close();
}

function listen(server) {
  return new Promise((done) =>
    server.listen(0, "127.0.0.1", () => done(`http://127.0.0.1:${server.address().port}`)),
  );
}
