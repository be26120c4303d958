import { fileURLToPath } from "node:url";
import { configDefaults, defineConfig } from "vitest/config";

const file = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** Files that take seconds: they start processes, train real tables, or try thousands of inputs. */
const slow = [
  ...["accuracy", "bench", "bytes", "checkpoint", "docs", "extremes", "files", "hostile", "hostile-fields"],
  ...["addon", "insight", "kernel", "memory", "output", "reference", "sequences", "threads", "workers"],
  ...["table/anything", "table/compact", "table/fitMore", "table/hazards", "table/hostile", "table/insight"],
  ...["table/options", "table/readers/columnar", "table/readers/csv", "table/stream", "callbacks", "log"],
  ...["completion", "doctor", "generate", "serve"].map((name) => `cli/${name}`),
  ...["cli", "diagnose", "gradients", "plot/page", "plot/pictures", "report/page", "report/report"],
  ...["serve/server", "epoch-measures"],
].map((name) => `__test__/${name}.test.ts`);

/** Sets the environment of every test, and the seed of property tests. */
const [environment, properties] = ["__test__/environment.ts", "__test__/properties.ts"];

/** Milliseconds that no test takes, not even on a busy machine: only what waits for ever is ended. */
const patience = { testTimeout: 300_000, hookTimeout: 300_000 };

/** Settings to test the sources directly, through the condition "myelin-source". */
const sources = {
  resolve: {
    conditions: ["myelin-source"],
    alias: [
      { find: /^myelin$/, replacement: file("src/index.ts") },
      { find: /^myelin\/(\w+)$/, replacement: file("src/$1/index.ts") },
    ],
  },
  ssr: { resolve: { conditions: ["myelin-source"] } },
};

// The projects fast and slow test the sources. The project package packs and installs the package, and tests it.
export default defineConfig({
  test: {
    // All cores. By default vitest leaves one idle, which is half of two.
    maxWorkers: "100%",
    projects: [
      {
        ...sources,
        test: {
          name: "fast",
          pool: "forks",
          setupFiles: [environment, properties],
          include: ["__test__/**/*.test.ts"],
          exclude: [...configDefaults.exclude, "__test__/package/**", ...slow],
          ...patience,
        },
      },
      {
        ...sources,
        test: {
          name: "slow",
          pool: "forks",
          setupFiles: [environment, properties],
          include: slow,
          ...patience,
        },
      },
      {
        test: {
          name: "package",
          pool: "forks",
          setupFiles: environment,
          include: ["__test__/package/*.test.ts"],
          ...patience,
        },
      },
    ],
  },
});
