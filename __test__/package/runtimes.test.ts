// The installed package on other runtimes. Their binaries are npm packages, which are installed when this
// test first runs.
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { rolldown } from "rolldown";
import { beforeAll, expect, test } from "vitest";
import {
  describeNative,
  expectSuccess,
  expectTrained,
  install,
  installTools,
  pack,
  readTrained,
  root,
  run,
  runElsewhere,
  target,
  tools,
  trainScript,
} from "./app.ts";

const folder = join(root, "__test__", "runtimes");
const script = "train.mjs";
const runtimes = {
  "Node 22": ["node-22/bin/node", script],
  "Node 24": ["node-24/bin/node", script],
  "Node 26": ["node-26/bin/node", script],
  Bun: ["@oven/bun-linux-x64/bin/bun", script],
  Deno: ["@deno/linux-x64-glibc/deno", "run", "--allow-all", "--quiet", script],
};

const hasHalfs = (name: string) => name !== "Node 22";

/** Rows of 16-bit floats, flat and in a list, must give the same result as the same numbers in a list. */
const halfScript = `import { dense, Model } from "myelin";
const x = [[0.5, 1], [2, 0.25]];
const model = new Model({ inputs: 2, layers: [dense(3)], loss: "meanSquaredError", optimizer: "sgd" });
const predicted = (given) => String(model.predict(given));
if (typeof Float16Array === "undefined") console.log("none");
else {
  const given = [Float16Array.from(x.flat()), x.map((row) => Float16Array.from(row))];
  console.log(given.every((rows) => predicted(rows) === predicted(x)) ? "taken" : "not taken");
}
`;

/** Makes a database and reads it: whole, by query in blocks, through the open connection. */
const sqliteScript = `import { rmSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { readTable, streamTable } from "myelin/table";
rmSync("towns.db", { force: true });
const database = new DatabaseSync("towns.db");
database.exec("CREATE TABLE towns (id INTEGER, town TEXT, big INTEGER)");
database.exec("INSERT INTO towns VALUES (1, 'Bodø', 1152921504606846977), (2, NULL, 1152921504606846978)");
const some = [];
const query = "SELECT id FROM towns WHERE id > ? ORDER BY id DESC";
for await (const block of streamTable("towns.db", { query, parameters: [0], rows: 1 })) some.push([...block]);
const result = {
  all: [...(await readTable("towns.db"))],
  some,
  open: [...(await readTable(database, { query: "SELECT count(*) AS n FROM towns" }))],
  refused: await readTable("towns.db", { query: "SELECT nope FROM towns" }).catch(({ message }) => message),
};
console.log(JSON.stringify(result, (_, value) => (typeof value === "bigint" ? String(value) : value)));
`;

/** Serves a model over HTTP, as a server of Node and as a handler of requests. */
const serveScript = `import { dense, Model } from "myelin";
import { requestHandler, serve } from "myelin/serve";
const model = new Model({ inputs: 2, layers: [dense(1)], loss: "meanSquaredError", optimizer: "sgd", seed: 1 });
const init = (body) => ({ method: "POST", headers: { "content-type": "application/json" }, body });
const read = async (response) => [response.status, await response.json()];
const server = await serve(model, { port: 0, maximumBytes: 1000 });
const ask = (body) => fetch(server.url + "/predict", init(body));
const answered = await read(await ask("[1, 2]"));
const large = (await ask("x".repeat(100000))).status;
await server.close();
const after = await ask("[1, 2]").then(() => "answers", () => "refused");
const handle = requestHandler(model);
const handled = await read(await handle(new Request("http://localhost/predict", init("[1, 2]"))));
console.log(JSON.stringify({ predicted: model.predict([1, 2]), answered, large, after, handled }));
`;

/** Trains a network and a table model on the native and on the WebAssembly kernel, and prints what they learned. */
const bitsScript = `import { createHash } from "node:crypto";
import { fitTable } from "myelin/table";
import { train } from "./training.mjs";
const rows = Array.from({ length: 120 }, (_, at) => ({
  size: (at * 37) % 101,
  town: ["Bergen", "Oslo", "Tromsø"][at % 3],
  price: 3 * ((at * 37) % 101) + 40 * (at % 3) + ((at * 13) % 7),
}));
const learned = [];
for (const kernel of ["native", "wasm"]) {
  const options = { target: "price", quality: "fast", networks: 2, seed: 5, kernel };
  const table = await fitTable(rows, options);
  const { weights, kernel: { name, reason } } = await train(kernel);
  learned.push({ name, reason, weights, table: createHash("sha256").update(table.toBytes()).digest("hex") });
}
console.log(JSON.stringify(learned));
`;

if (target === "linux-x64-gnu") describeNative("the installed package", onEveryRuntime);
else
  test.skip(
    `the installed package on every runtime (skipped: there are binaries for linux-x64-gnu, not ${target})`,
  );

function onEveryRuntime() {
  let app: string;
  beforeAll(() => {
    installTools(folder);
    const packed = pack();
    app = install(packed.myelin, packed.platform);
    writeFileSync(join(app, script), trainScript);
  });

  for (const [name, [program, ...programArguments]] of Object.entries(runtimes)) {
    test(`trains on ${name} with the native kernel, saves, loads and logs`, () => {
      const trained = readTrained(run(app, join(folder, "node_modules", program!), programArguments));
      expect(trained.kernel.name).toBe("native");
      expectTrained(trained);
      expect(trained.fromFile).toEqual(trained.prediction);
      expect(trained.logged).toBe("done");
      expect(readFileSync(join(app, "log.jsonl"), "utf8").trim().split("\n")).toHaveLength(2);
    });

    const fuses = name !== "Bun";
    const bits = fuses ? "the native kernel's bits" : "other bits than the native kernel, and says so";
    test(`trains on ${name} in WebAssembly to ${bits}`, () => {
      cpSync(join(tools, "training.mjs"), join(app, "training.mjs"));
      writeFileSync(join(app, script), bitsScript);
      const output = expectSuccess(run(app, join(folder, "node_modules", program!), programArguments));
      writeFileSync(join(app, script), trainScript);
      const [native, wasm] = JSON.parse(output);
      expect([native.name, wasm.name]).toEqual(["native", "wasm"]);
      const reason = fuses ? "; WebAssembly, fused multiply-add" : "; WebAssembly, multiply-add rounds twice";
      expect(wasm.reason).toMatch(reason);
      expect(wasm.weights === native.weights).toBe(fuses);
      expect(wasm.table === native.table).toBe(fuses);
    });

    test(`accepts 16-bit floats on ${name}, if it has them`, () => {
      writeFileSync(join(app, script), halfScript);
      const output = expectSuccess(run(app, join(folder, "node_modules", program!), programArguments));
      writeFileSync(join(app, script), trainScript);
      expect(output.trim()).toBe(hasHalfs(name) ? "taken" : "none");
    });
  }

  test.each(Object.entries(runtimes))("serves a model on %s", (_, [program, ...programArguments]) => {
    writeFileSync(join(app, script), serveScript);
    const output = expectSuccess(run(app, join(folder, "node_modules", program!), programArguments));
    writeFileSync(join(app, script), trainScript);
    const { predicted, ...rest } = JSON.parse(output);
    const answer = [200, predicted];
    expect(rest).toEqual({ answered: answer, large: 413, after: "refused", handled: answer });
  });

  for (const name of ["Node 22", "Node 24", "Node 26"] as const) {
    test(`reads SQLite on ${name} without another package`, () => {
      writeFileSync(join(app, "sqlite.mjs"), sqliteScript);
      const output = expectSuccess(
        run(app, join(folder, "node_modules", runtimes[name][0]!), ["sqlite.mjs"]),
      );
      expect(JSON.parse(output)).toEqual({
        all: [
          { id: 1, town: "Bodø", big: "1152921504606846977" },
          { id: 2, town: null, big: "1152921504606846978" },
        ],
        some: [[{ id: 2 }], [{ id: 1 }]],
        open: [{ n: 2 }],
        refused: expect.stringMatching(/towns\.db.*refused "SELECT nope FROM towns": no such column/),
      });
    });
  }

  const deno = join(folder, "node_modules", "@deno/linux-x64-glibc/deno");
  const kernelScript = readFileSync(join(root, "__test__", "bundlers", "entry.mjs"), "utf8");

  test.each([
    [
      ["--allow-read", "--allow-ffi"],
      { name: "native", reason: expect.stringContaining(`myelin-${target}`) },
    ],
    [["--allow-read"], { name: "wasm", reason: expect.stringMatching(/does not load: .*--allow-ffi/) }],
  ])(
    "computes on Deno with %j alone: an environment that cannot be read counts as empty",
    (allowed, kernel) => {
      writeFileSync(join(app, "kernel.mjs"), kernelScript);
      const result = run(app, deno, ["run", "--no-prompt", "--quiet", ...allowed, "kernel.mjs"]);
      expect(JSON.parse(expectSuccess(result))).toEqual(kernel);
    },
  );

  test.each([
    ["Bun", ["@oven/bun-linux-x64/bin/bun", "--no-install"]],
    ["Deno", ["@deno/linux-x64-glibc/deno", "run", "--no-prompt", "--quiet", "--allow-read"]],
  ])("names the package to install on %s", (_, [program, ...flags]) => {
    const bare = install(pack().myelin);
    writeFileSync(join(bare, "kernel.mjs"), kernelScript);
    const result = run(bare, join(folder, "node_modules", program!), [...flags, "kernel.mjs"]);
    expect(JSON.parse(expectSuccess(result)).reason).toMatch(
      `myelin-${target} is not installed: npm install`,
    );
    expect(result.errors.match(/MYELIN_ABSENT_ADDON/g)).toHaveLength(1);
  });

  const bun = join(folder, "node_modules", "@oven/bun-linux-x64/bin/bun");

  test.each([
    ["node", "esm", "mjs", [process.execPath]],
    ["node", "cjs", "cjs", [process.execPath]],
    // Without the flag, Bun installs missing packages from a registry.
    ["bun", "esm", "bun.mjs", [bun, "--no-install"]],
  ])("loads the native kernel from a bundle that Bun built for %s as %s", (host, format, ending, command) => {
    writeFileSync(join(app, "kernel.mjs"), kernelScript);
    const file = join(app, "out", `bundle.${ending}`);
    const options = ["--target", host, "--format", format, "--outfile", file];
    expectSuccess(run(app, bun, ["build", "kernel.mjs", ...options]));
    const result = run(app, command[0]!, [...command.slice(1), file]);
    expect(JSON.parse(expectSuccess(result)).name).toBe("native");
    expect(runElsewhere(app, file, {}, command).errors).toContain("bun build --external myelin");
  });

  test("trains on workerd with the WebAssembly kernel, given as an import, to the native kernel's bits", async () => {
    for (const file of ["worker.mjs", "worker.capnp"]) cpSync(join(folder, file), join(app, file));
    for (const file of ["training.mjs", "print-training.mjs"]) cpSync(join(tools, file), join(app, file));
    const bundle = await rolldown({
      ...{ input: join(app, "worker.mjs"), platform: "browser", external: ["./myelin.wasm"] },
      resolve: { conditionNames: ["workerd", "worker", "browser", "import"] },
    });
    await bundle.write({ file: join(app, "bundle.js"), format: "esm", codeSplitting: false });
    const workerd = join(folder, "node_modules", "@cloudflare/workerd-linux-64/bin/workerd");
    const output = expectSuccess(run(app, workerd, ["test", "worker.capnp"]));
    const { alone, given, kernel, weights } = JSON.parse(output.trim());
    expect(alone.name).toBe("typescript");
    expect(alone.reason).toMatch(
      /disallowed by embedder\).*on workerd, import the module: ready\({ module }\)/,
    );
    expect(given.name).toBe("wasm");
    expect(kernel).toEqual(given);
    const natively = JSON.parse(expectSuccess(run(app, process.execPath, ["print-training.mjs"])));
    expect(natively.kernel.name).toBe("native");
    expect(weights).toBe(natively.weights);
  });

  test("loads the native kernel from an executable that Bun compiled, beside node_modules", () => {
    writeFileSync(join(app, "kernel.mjs"), kernelScript);
    const file = join(app, "compiled");
    expectSuccess(run(app, bun, ["build", "--compile", "kernel.mjs", "--outfile", file]));
    expect(JSON.parse(expectSuccess(run(app, file, []))).name).toBe("native");
  });
}
