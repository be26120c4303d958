import { defineConfig } from "tsdown";

export default defineConfig({
  entry: {
    index: "src/index.ts",
    "cli/main": "src/cli/main.ts",
    "kernel/native": "src/kernel/native.ts",
    "kernel/no-native": "src/kernel/no-native.ts",
  },
  format: "esm",
  platform: "node",
  target: "es2022",
  external: ["#native", /^node:/],
  dts: true,
  clean: true,
  fixedExtension: false,
});
