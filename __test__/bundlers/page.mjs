// A page that trains before and after `ready()`. It sends to /result which kernels computed, and what.
import { ready } from "myelin";
import { train } from "./training.mjs";

async function run() {
  const query = new URLSearchParams(location.search);
  const before = await train();
  if (query.has("idle")) return { before };
  const module = query.get("module") ?? undefined;
  const started = performance.now();
  const kernel = await ready({ module });
  const milliseconds = performance.now() - started;
  const after = await train();
  const forced = await train("wasm").then(() => "trained", String);
  return { before, kernel, after, forced, milliseconds };
}

const result = await run().catch((error) => ({ error: String(error) }));
await fetch("/result", { method: "POST", body: JSON.stringify(result) });
