// Frameworks that bundle servers: Next and Parcel.
import { cpSync, renameSync } from "node:fs";
import { join } from "node:path";
import { freePort, installBeside, kernelOf, makeApp, run, serve, work } from "./app.js";

const next = ["next@16.4.6", "react@19.3.1", "react-dom@19.3.1"];
const parcel = ["parcel@2.16.4"];

const nextFiles = {
  "app/layout.js": "export default ({ children }) => <html><body>{children}</body></html>;",
  "app/page.js": "export default () => <p>A page</p>;",
  "app/kernel/route.js": `import { dense, Model, sgd } from "myelin";
    export const dynamic = "force-dynamic";
    export function GET() {
      const layers = [dense(1)];
      return Response.json(new Model({ inputs: 2, layers, loss: "meanSquaredError", optimizer: sgd() }).kernel);
    }`,
  "next.config.js": `module.exports = {
      outputFileTracingRoot: __dirname,
      turbopack: { root: __dirname },
      ...JSON.parse(process.env.NEXT_SETTINGS),
    };`,
};

const external = { serverExternalPackages: ["myelin"] };
const standalone = { output: "standalone" };
const included = { outputFileTracingIncludes: { "/*": ["./node_modules/myelin-*/**/*"] } };

export function frameworkCases(tarballs) {
  let app;
  const nextApp = () => {
    app ??= (async () => {
      const folder = makeApp("next", nextFiles);
      await installBeside(folder, next, tarballs);
      return folder;
    })();
    return app;
  };
  const build = (settings, flags, expected) => ({
    name: [next[0], "build", ...flags, Object.keys(settings).join(", ")].join(" ").trim(),
    expected,
    run: async () => {
      const folder = await nextApp();
      const environment = { NEXT_SETTINGS: JSON.stringify(settings), NEXT_TELEMETRY_DISABLED: "1" };
      await run(
        folder,
        process.execPath,
        ["node_modules/next/dist/bin/next", "build", ...flags],
        environment,
      );
      return settings.output === "standalone" ? serveStandalone(folder) : serveNext(folder, environment);
    },
  });
  return [
    build({}, [], /^native/),
    build({}, ["--webpack"], /^native/),
    build(external, [], /^native/),
    build(external, ["--webpack"], /^native/),
    build(standalone, [], /^typescript.*serverExternalPackages: \["myelin"\] in next\.config\.js/),
    build({ ...standalone, ...external, ...included }, [], /^native/),
    ...[{ myelin: true }, { myelin: false }].map((includeNodeModules) => ({
      name: `${parcel[0]} build, context "node", includeNodeModules ${JSON.stringify(includeNodeModules)}`,
      expected: /^native/,
      run: () => buildParcel(includeNodeModules, tarballs),
    })),
  ];
}

async function buildParcel(includeNodeModules, tarballs) {
  const target = { context: "node", source: "entry.mjs", outputFormat: "commonjs", includeNodeModules };
  const manifest = {
    ...{ name: "app", private: true, server: "out/entry.js", targets: { server: target } },
    // Without this setting, Parcel ignores `exports` and finds no ES module.
    "@parcel/resolver-default": { packageExports: true },
  };
  const folder = makeApp(`parcel-${includeNodeModules.myelin}`, { "package.json": JSON.stringify(manifest) });
  await installBeside(folder, parcel, tarballs);
  await run(folder, process.execPath, ["node_modules/parcel/lib/bin.js", "build", "--no-cache"]);
  return kernelOf(folder, "out/entry.js");
}

async function serveNext(folder, environment) {
  const port = await freePort();
  const start = ["node_modules/next/dist/bin/next", "start", "-p", port];
  return serve(folder, start, environment, () => kernelServed(port));
}

/** Serves the folder that Next creates for a container. The app's node_modules are not accessible there. */
async function serveStandalone(folder) {
  const container = join(work, "container");
  cpSync(join(folder, ".next", "standalone"), container, { recursive: true, force: true });
  const modules = join(folder, "node_modules");
  renameSync(modules, `${modules}-hidden`);
  const port = await freePort();
  try {
    return await serve(container, ["server.js"], { PORT: port }, () => kernelServed(port));
  } finally {
    renameSync(`${modules}-hidden`, modules);
  }
}

async function kernelServed(port) {
  for (let tries = 0; tries < 100; tries++) {
    const response = await fetch(`http://127.0.0.1:${port}/kernel`).catch(() => undefined);
    if (response?.ok) return response.json();
    await new Promise((done) => setTimeout(done, 300));
  }
  throw new Error("the server does not answer");
}
