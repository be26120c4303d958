/** `ready`, and what the kernel off Node says when it cannot load. */
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { afterEach, describe, expect, test, vi } from "vitest";
import { KernelError, OptionError } from "../src/errors.ts";
import { dense, Model, type ReadyOptions, ready } from "../src/index.ts";
import { chooseKernel } from "../src/kernel/choose.ts";

const file = new URL("../src/kernel/myelin-unfused.wasm", import.meta.url);
const bytes = readFileSync(file);

const make = () =>
  new Model({ inputs: 1, layers: [dense(1)], loss: "meanSquaredError", optimizer: "sgd", kernel: "wasm" });

/** What WebAssembly is used for here. The types of this checkout have none. */
const { WebAssembly: host } = globalThis as unknown as {
  WebAssembly: { Module: new (bytes: Uint8Array) => object };
};

const typed = (type: string, body: Uint8Array = bytes) =>
  new Response(body as never, { headers: { "content-type": type } });

describe("on Node", () => {
  test("ready resolves to the kernel of the next model", async () => {
    const model = new Model({ inputs: 1, layers: [dense(1)], loss: "meanSquaredError", optimizer: "sgd" });
    expect(await ready()).toEqual(model.kernel);
  });

  test.each<[string, () => ReadyOptions["module"]]>([
    ["bytes", () => bytes],
    ["an ArrayBuffer", () => new Uint8Array(bytes).buffer],
    ["a WebAssembly.Module", () => new host.Module(bytes)],
    ["a Response", () => new Response(bytes)],
    ["a promise of a Response", async () => new Response(bytes)],
    ["a Response of type application/wasm", () => typed("application/wasm")],
    ["a URL of a file", () => file],
    ["the address of a file", () => file.href],
    ["a data address", () => `data:application/wasm;base64,${bytes.toString("base64")}`],
  ])("ready takes a module as %s, for models from then on", async (_, module) => {
    await ready({ module: Uint8Array.of(0) });
    expect(make).toThrow("the WebAssembly module does not load");
    expect((await ready({ module: module() })).reason).toBe(chooseKernel().reason);
    const model = make();
    expect(model.kernel.reason).toMatch(/^requested by the option kernel: "wasm"; WebAssembly, multiply-add/);
    await ready({ module: bytes });
    expect(model.predict([1])).toHaveLength(1);
  });

  test.each<[string, () => ReadyOptions["module"], RegExp]>([
    [
      "that is half of one",
      () => bytes.subarray(0, bytes.length / 2),
      /WebAssembly\.compile(Streaming)?\(\)/,
    ],
    ["of another kind", () => Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0), /./],
    ["that the server does not have", () => new Response("", { status: 404 }), /status 404/],
    ["at a place without a file", () => pathToFileURL("/nothing.wasm"), /file:.*\/nothing\.wasm: ENOENT/],
    ["that does not arrive", () => Promise.reject(new TypeError("offline")), /offline/],
  ])("a module %s is the reason why the wasm kernel is refused", async (_, module, reason) => {
    expect(await ready({ module: module() })).toEqual({ name: "native", reason: expect.any(String) });
    expect(make).toThrow(KernelError);
    expect(make).toThrow(/^the wasm kernel, requested by the option kernel: "wasm": the WebAssembly module/);
    expect(make).toThrow(reason);
    await ready({ module: bytes });
    expect(make().kernel.name).toBe("wasm");
  });

  test("ready refuses what is not a module, and unknown options", async () => {
    await expect(ready({ module: 3 as never })).rejects.toThrow(OptionError);
    await expect(ready({ module: {} })).rejects.toThrow(
      "ready: module: expected an address, a Response, bytes or a WebAssembly.Module, received an object (Object)",
    );
    await expect(ready({ modul: bytes } as object)).rejects.toThrow(/"modul".*"module"/);
  });
});

describe("off Node", () => {
  afterEach(() => {
    vi.unstubAllGlobals();
    vi.resetModules();
  });

  const load = () => import("../src/kernel/fetchWasm.ts");

  test("nothing is fetched before ready, and once by calls at the same time", async () => {
    const fetch = vi.fn(async (address: string) => new Response(readFileSync(new URL(address))));
    vi.stubGlobal("fetch", fetch);
    const { loadWasm, prepareWasm } = await load();
    expect(loadWasm().reason).toMatch(/is not loaded: await ready\(\) before a model is made/);
    expect(fetch).not.toHaveBeenCalled();
    await Promise.all([prepareWasm(), prepareWasm()]);
    expect(loadWasm().kernel?.name).toBe("wasm");
    expect(fetch).toHaveBeenCalledTimes(1);
  });

  test.each([
    ["application/wasm", true],
    ["Application/WASM", false],
    ["application/wasm; charset=utf-8", false],
    ["application/octet-stream", false],
  ])("a response of type %s is compiled, while it arrives: %s", async (type, streams) => {
    const calls: string[] = [];
    const watched = (name: string) => ({
      [name]: (given: never) => {
        calls.push(name);
        return (host as never as Record<string, (given: never) => unknown>)[name](given);
      },
    });
    const { compile, compileStreaming } = { ...watched("compile"), ...watched("compileStreaming") };
    vi.stubGlobal("WebAssembly", Object.assign(Object.create(host), { compile, compileStreaming }));
    vi.stubGlobal("fetch", async () => typed(type));
    const { loadWasm, prepareWasm } = await load();
    await prepareWasm();
    expect(calls).toEqual([streams ? "compileStreaming" : "compile"]);
    expect(loadWasm().kernel?.name).toBe("wasm");
  });

  test("a host without compileStreaming compiles what has arrived", async () => {
    vi.stubGlobal("WebAssembly", Object.assign(Object.create(host), { compileStreaming: undefined }));
    vi.stubGlobal("fetch", async () => typed("application/wasm"));
    const { loadWasm, prepareWasm } = await load();
    await prepareWasm();
    expect(loadWasm().kernel?.name).toBe("wasm");
  });

  test("ready tries again after a failure", async () => {
    vi.stubGlobal("fetch", async () => new Response("", { status: 503 }));
    const { loadWasm, prepareWasm } = await load();
    await prepareWasm();
    expect(loadWasm().reason).toMatch(/\.wasm: the server answered with status 503/);
    vi.stubGlobal("fetch", async (address: string) => new Response(readFileSync(new URL(address))));
    await prepareWasm();
    expect(loadWasm().kernel?.name).toBe("wasm");
  });

  test("a host without relaxed SIMD gets the module without it", async () => {
    const validate = (probe: Uint8Array) => !probe.includes(128);
    vi.stubGlobal("WebAssembly", Object.assign(Object.create(host), { validate }));
    const fetched: string[] = [];
    vi.stubGlobal("fetch", async (address: string) => {
      fetched.push(address.split("/").at(-1)!);
      return new Response(readFileSync(new URL(address)));
    });
    const { loadWasm, prepareWasm } = await load();
    await prepareWasm();
    expect(fetched).toEqual(["myelin-unfused.wasm"]);
    expect(loadWasm().reason).toMatch(/rounds twice/);
  });

  test.each([
    ["WebAssembly", /this host has no WebAssembly/],
    ["fetch", /\.wasm: this host has no fetch/],
  ])("a host without %s has no wasm kernel, and says why", async (name, reason) => {
    vi.stubGlobal(name, undefined);
    const { loadWasm, prepareWasm } = await load();
    await prepareWasm();
    expect(loadWasm().kernel).toBeUndefined();
    expect(loadWasm().reason).toMatch(reason);
  });
});
