// Jest: the ways in which a test may load an ES module, and real and fake timers during trainings.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { installBeside, lastLine, makeApp, root, run } from "./app.js";

const jest = ["jest@30.5.2", "jest-environment-jsdom@30.5.2", "@swc/core@1.16.22", "@swc/jest@0.2.39"];

const body = `
  const model = new Model({ inputs: 2, layers: [dense(4), dense(1)], loss: "meanSquaredError", optimizer: sgd() });
  await model.fit(xor({ examples: 20, seed: 1 }), { epochs: 2 });
  expect(() => sgd({ lr: 1 })).toThrow(OptionError);
  process.stdout.write(JSON.stringify(model.kernel) + "\\n");`;
const names = "{ dense, Model, OptionError, sgd, xor }";

const files = {
  "require.test.js": `test("trains", async () => { const ${names} = require("myelin"); ${body} });`,
  "dynamic.test.js": `test("trains", async () => { const ${names} = await import("myelin"); ${body} });`,
  "import.test.mjs": `import ${names} from "myelin"; test("trains", async () => { ${body} });`,
  "jest.config.js": "module.exports = { testMatch: ['**/*.test.*'] };",
  "swc.config.js": `module.exports = {
      ...require("./jest.config.js"),
      transform: {
        "\\\\.[cm]?[jt]sx?$": ["@swc/jest", { jsc: { target: "es2022" }, module: { type: "commonjs" } }],
      },
      transformIgnorePatterns: ["/node_modules/(?!myelin/)"],
    };`,
  "jsdom.config.js": 'module.exports = { ...require("./jest.config.js"), testEnvironment: "jsdom" };',
  "page.test.mjs": `/** @jest-environment node */
    import ${names} from "myelin"; test("trains", async () => { ${body} });`,
  "trainings.mjs": readFileSync(join(root, "__test__", "jest", "trainings.mjs"), "utf8"),
  "timers.test.mjs": `import { jest } from "@jest/globals";
    import { dense, Model } from "myelin";
    import { trainings } from "./trainings.mjs";
    for (const [name, train] of Object.entries(trainings)) {
      test(name + ", real timers", async () => { jest.useRealTimers(); await train(); });
      test(name + ", fake timers", async () => { jest.useFakeTimers(); await train(); });
    }
    const options = { inputs: 2, layers: [dense(1)], loss: "meanSquaredError", optimizer: "sgd" };
    afterAll(() => {
      const { kernel } = new Model({ ...options, kernel: "typescript" });
      process.stdout.write(JSON.stringify(kernel) + "\\n");
    });`,
  // Fake timers that are enabled globally are installed before the package loads.
  "timers.config.js": `module.exports = {
      projects: ["node", "jsdom"].flatMap((testEnvironment) =>
        [false, true].map((enableGlobally) => ({
          displayName: testEnvironment + (enableGlobally ? ", fake timers" : ""),
          testMatch: ["**/timers.test.mjs"],
          testEnvironment,
          fakeTimers: { enableGlobally },
        })),
      ),
    };`,
};

export function jestCases(tarballs) {
  let app;
  const jestApp = () => {
    app ??= (async () => {
      const folder = makeApp("jest", files);
      await installBeside(folder, jest, tarballs);
      return folder;
    })();
    return app;
  };
  const flag = "--experimental-vm-modules";
  const one = (title, expected, test, { flags = [], config = "jest" } = {}) => ({
    name: `${jest[0]}, ${title}`,
    expected,
    run: async () => {
      const folder = await jestApp();
      const program = [...flags, "node_modules/jest/bin/jest.js", "-c", `${config}.config.js`, test];
      return lastLine((await run(folder, process.execPath, program)).output);
    },
  });
  return [
    one("`require` without settings", /Must use import to load ES Module/, "require"),
    one("`require`, @swc/jest", /^native/, "require", { config: "swc" }),
    one(`\`import()\`, ${flag}`, /^native/, "dynamic", { flags: [flag] }),
    one(`\`import\`, ${flag}`, /^native/, "import", { flags: [flag] }),
    one(`jsdom, ${flag}`, /^typescript: this host loads no native addons/, "import", {
      ...{ flags: [flag], config: "jsdom" },
    }),
    one(`jsdom, \`@jest-environment node\` in the file, ${flag}`, /^native/, "page", {
      ...{ flags: [flag], config: "jsdom" },
    }),
    one(`real and fake timers, node and jsdom, ${flag}`, /^typescript/, "timers", {
      ...{ flags: [flag], config: "timers" },
    }),
  ];
}
