// Pages that load the WebAssembly kernel, as bundlers make them, opened in Chromium.
import { cpSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import {
  describeNative,
  expectSuccess,
  importTool,
  install,
  installTools,
  pack,
  root,
  run,
  tools,
} from "./app.ts";
import { browser, type Options, openPage } from "./chromium.ts";
import { copying, copyModules, html, others } from "./pages.ts";

interface Trained {
  readonly kernel: { readonly name: string; readonly reason: string };
  readonly weights: number;
}

/** What `page.mjs` posts. */
interface Posted {
  readonly before: Trained;
  readonly kernel: Trained["kernel"];
  readonly after: Trained;
  readonly forced: string;
}

const FUSED =
  "this host loads no native addons; WebAssembly, fused multiply-add: the bits of the native kernel";

const modulesOf = (requests: readonly string[]) => requests.filter((path) => path.endsWith(".wasm"));

describe.skipIf(!browser)("a page in Chromium (skipped if there is none; CHROMIUM can give its path)", () => {
  let app: string;
  /** A bundle with its modules. */
  let page: string;
  beforeAll(async () => {
    installTools(tools);
    const packed = pack();
    // The native kernel is for the comparison of bits; the bundles of pages do not contain it.
    app = install(...[packed.myelin, packed.platform].filter((file) => existsSync(file)));
    for (const file of ["page.mjs", "training.mjs"]) cpSync(join(tools, file), join(app, file));
    page = join(app, "page");
    await others.esbuild!({ app, entry: "page.mjs", out: page });
    copyModules(app, page);
  });

  const open = async (options: Options = {}) => {
    const { result, requests } = await openPage<Posted>(page, options);
    return { ...result, modules: modulesOf(requests) };
  };

  test.each(Object.entries(copying))("by %s loads the kernel without settings", async (name, bundle) => {
    const out = join(app, name);
    await bundle({ app, entry: "page.mjs", out });
    const { result, requests } = await openPage<Posted>(out);
    expect(result.kernel).toEqual({ name: "wasm", reason: FUSED });
    expect(result.forced).toBe("trained");
    expect(modulesOf(requests)).toEqual([expect.stringMatching(/\.wasm$/)]);
  });

  test.each(Object.entries(others))("by %s names the missing file, and loads it", async (name, bundle) => {
    const out = join(app, name);
    await bundle({ app, entry: "page.mjs", out });
    const without = await openPage<Posted>(out);
    expect(without.result.kernel.name).toBe("typescript");
    expect(without.result.kernel.reason).toMatch(/\/myelin\.wasm: the server answered with status 404/);
    copyModules(app, out);
    const { result, requests } = await openPage<Posted>(out);
    expect(result.kernel).toEqual({ name: "wasm", reason: FUSED });
    expect(modulesOf(requests)).toEqual(["/myelin.wasm"]);
  });

  test.each(["binary", "file", "dataurl"])(
    'by esbuild with the loader "%s" loads an imported module',
    async (loader) => {
      const entry = `import module from "myelin/myelin.wasm";
        import { ready } from "myelin";
        const kernel = await ready({ module });
        await fetch("/result", { method: "POST", body: JSON.stringify(kernel) });`;
      writeFileSync(join(app, "imported.mjs"), entry);
      const { build } = await importTool("esbuild");
      const out = join(app, loader);
      const options = {
        bundle: true,
        format: "esm",
        outfile: join(out, "page.js"),
        loader: { ".wasm": loader },
      };
      await build({ entryPoints: [join(app, "imported.mjs")], ...options });
      writeFileSync(join(out, "index.html"), html("./page.js"));
      const { result } = await openPage<Trained["kernel"]>(out);
      expect(result).toEqual({ name: "wasm", reason: FUSED });
    },
  );

  test("fetches nothing unless it calls ready, and trains in TypeScript", async () => {
    const { before, modules } = await open({ page: "index.html?idle" });
    expect(before.kernel.name).toBe("typescript");
    expect(before.kernel.reason).toMatch(/; the WebAssembly kernel is not loaded: await ready\(\) before/);
    expect(modules).toEqual([]);
  });

  test("keeps the TypeScript kernel of a model that was made before ready", async () => {
    const { before, after, modules } = await open();
    expect(before.kernel.name).toBe("typescript");
    expect(after.kernel).toEqual({ name: "wasm", reason: FUSED });
    expect(modules).toEqual(["/myelin.wasm"]);
  });

  describeNative("trains", () => {
    test("to the bits of the native kernel", async () => {
      cpSync(join(tools, "print-training.mjs"), join(app, "print-training.mjs"));
      const natively = JSON.parse(expectSuccess(run(app, process.execPath, ["print-training.mjs"])));
      expect(natively.kernel.name).toBe("native");
      const { before, after } = await open();
      expect(after.weights).toBe(natively.weights);
      expect(before.weights).not.toBe(natively.weights);
    });
  });

  const strict = "default-src 'none'; connect-src 'self'; require-trusted-types-for 'script'; img-src data:";

  test("with a strict policy computes in WebAssembly if the policy allows it, without eval", async () => {
    const { kernel, after } = await open({ policy: `${strict}; script-src 'self' 'wasm-unsafe-eval'` });
    expect(kernel).toEqual({ name: "wasm", reason: FUSED });
    expect(after.kernel.name).toBe("wasm");
  });

  const changed = (change: (bytes: Buffer) => void) => {
    const bytes = readFileSync(join(page, "myelin.wasm"));
    change(bytes);
    return { "/myelin.wasm": bytes };
  };
  const js = (flag: string) => ["--js-flags", flag].join("=");

  test.each<[string, () => Options, RegExp, string[]]>([
    [
      "a policy that does not allow it",
      () => ({ policy: `${strict}; script-src 'self'` }),
      /this host does not compile WebAssembly \(.*script-src 'self'.*\): allow it with script-src 'wasm-unsafe-eval'/,
      [],
    ],
    ["no WebAssembly", () => ({ flags: [js("--jitless")] }), /this host has no WebAssembly/, []],
    [
      "a corrupt module",
      () => ({ files: changed((bytes) => bytes.fill(255, 20_000, 20_100)) }),
      /\/myelin\.wasm: WebAssembly\.compile(Streaming)?\(\)/,
      ["/myelin.wasm"],
    ],
    [
      "a page instead of the module",
      () => ({ files: { "/myelin.wasm": html("./page.js") } }),
      /\/myelin\.wasm: WebAssembly\.compile(Streaming)?\(\): expected magic word/,
      ["/myelin.wasm"],
    ],
    [
      "a module of another version",
      () => ({ files: changed((bytes) => bytes.write("9", bytes.indexOf("0.1.0"))) }),
      /the module has version 9\.1\.0, expected 0\.1\.0/,
      ["/myelin.wasm"],
    ],
    [
      "a policy that forbids to fetch it",
      () => ({ page: "index.html?module=https://example.com/myelin.wasm", policy: `connect-src 'self'` }),
      /https:\/\/example\.com\/myelin\.wasm: Failed to fetch/,
      [],
    ],
  ])("with %s trains in TypeScript, and says why", async (_, options, reason, requested) => {
    const { kernel, after, forced, modules } = await open(options());
    expect(kernel.name).toBe("typescript");
    expect(kernel.reason).toMatch(reason);
    expect(after.kernel).toEqual(kernel);
    expect(modules).toEqual(requested);
    expect(forced).toMatch(/^KernelError: the wasm kernel, requested by the option kernel: "wasm": /);
    expect(forced).toMatch(reason);
  });

  // The flags name instructions of x86.
  test.runIf(process.arch === "x64")("without 128-bit SIMD trains in TypeScript, and says why", async () => {
    const { kernel, forced, modules } = await open({ flags: [js("--no-enable-sse4-1")] });
    expect(kernel.name).toBe("typescript");
    expect(kernel.reason).toMatch(/the host has no 128-bit SIMD/);
    expect(forced).toMatch(/the host has no 128-bit SIMD/);
    expect(modules).toEqual([]);
  });

  test.runIf(process.arch === "x64")("says so if a multiply-add rounds twice there", async () => {
    const { kernel } = await open({ flags: [js("--no-enable-fma3")] });
    expect(kernel.name).toBe("wasm");
    expect(kernel.reason).toMatch(/multiply-add rounds twice: other bits than the native kernel/);
  });

  test.each(Object.entries(copying))(
    "by %s trains in a worker, as the example does",
    async (name, bundle) => {
      for (const file of ["page.js", "trainer.js"])
        cpSync(join(root, "examples", "worker", file), join(app, file));
      const watch = `const send = () => fetch("/result", { method: "POST", body: JSON.stringify(document.body.textContent) });
      new MutationObserver(send).observe(document.body, { childList: true });
      import("./page.js");`;
      writeFileSync(join(app, "watch.mjs"), watch);
      const out = join(app, `${name} worker`);
      await bundle({ app, entry: "watch.mjs", out });
      const { result, requests } = await openPage<string>(out);
      expect(result).toMatch(/^wasm: loss 0\.06\d+, prediction 1\.1\d+$/);
      expect(modulesOf(requests)).toHaveLength(1);
    },
  );
});
