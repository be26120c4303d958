import { defineConfig } from "tsdown";

const shared = { format: "esm", target: "es2022", clean: false, fixedExtension: false } as const;

export default defineConfig([
  // What any host can load; `#native` is resolved by package.json, by host.
  {
    ...shared,
    entry: {
      index: "src/index.ts",
      "kernel/native": "src/kernel/native.ts",
      "kernel/no-native": "src/kernel/no-native.ts",
    },
    platform: "neutral",
    inputOptions: { resolve: { mainFields: ["module", "main"] } },
    external: ["#native", /^node:/],
    dts: true,
  },
  // The command, with the libraries that it alone needs. It reaches the rest as any user does.
  {
    ...shared,
    entry: { "cli/main": "src/cli/main.ts" },
    platform: "node",
    external: ["myelin"],
    dts: false,
  },
]);
