import { fileURLToPath } from "node:url";
import { configDefaults, defineConfig } from "vitest/config";

// fast: the sources as they stand, through the condition "myelin-source". package: what is packed and
// installed, built by setup.
export default defineConfig({
  test: {
    projects: [
      {
        resolve: {
          conditions: ["myelin-source"],
          alias: [
            { find: /^myelin$/, replacement: fileURLToPath(new URL("src/index.ts", import.meta.url)) },
            { find: /^myelin\/(\w+)$/, replacement: fileURLToPath(new URL("src/$1/index.ts", import.meta.url)) },
          ],
        },
        ssr: { resolve: { conditions: ["myelin-source"] } },
        test: {
          name: "fast",
          pool: "forks",
          include: ["__test__/**/*.test.ts"],
          exclude: [...configDefaults.exclude, "__test__/package/**"],
          testTimeout: 60_000,
        },
      },
      {
        test: {
          name: "package",
          pool: "forks",
          include: ["__test__/package/*.test.ts"],
          testTimeout: 120_000,
          hookTimeout: 300_000,
        },
      },
    ],
  },
});
