// Writes the reference to reference/, as HTML pages. The generator is TypeScript and imports the tables, so
// it is bundled before it runs.
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { rolldown } from "rolldown";

const root = fileURLToPath(new URL("..", import.meta.url));
const bundle = join(root, "target", "reference", "generate.mjs");

const generator = await rolldown({
  input: join(root, "scripts", "reference", "generate.ts"),
  platform: "node",
  external: [/^[^./]/],
});
await generator.write({ file: bundle, format: "esm" });

const { generate } = await import(pathToFileURL(bundle).href);
const folder = join(root, "reference");
await generate(root, folder);
console.log(`The reference: ${join(folder, "index.html")}`);
