// The page of a report: valid HTML, its policy, and in Chromium that axe finds nothing and nothing is logged.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { HtmlValidate } from "html-validate";
import { describe, expect, it } from "vitest";
import { adam, dense, Model, relu } from "../../src/index.ts";
import { hoverScript } from "../../src/plot/hover.ts";
import { report } from "../../src/report/index.ts";
import { fitTable, type TableModel } from "../../src/table/index.ts";
import { allowing, browser, pageAfter } from "../plot/browser.ts";
import { flowers, hostileTable, houses, quick, signals } from "./samples.ts";

type Theme = "light" | "dark" | "auto";

/** Reports of every kind, by name. */
const reports: Readonly<Record<string, (theme?: Theme) => Promise<string>>> = {
  classes: async (theme) => {
    const rows = flowers(200);
    return report(await fitTable(rows, { target: "kind", ...quick }), { rows, theme });
  },
  "two classes": async (theme) => {
    const rows = signals(200);
    const model = await fitTable(rows, { target: "alarm", positive: "yes", threshold: 0.3, ...quick });
    return report(model, { rows, test: rows.slice(0, 50).map((row) => ({ ...row, noise: 7 })), theme });
  },
  "numbers with quantiles": async (theme) => {
    const rows = houses(200);
    return report(await fitTable(rows, { target: "price", quantiles: [0.1, 0.9], ...quick }), {
      rows,
      theme,
    });
  },
  "several targets with hostile names": async (theme) => {
    const rows = hostileTable(100);
    const target = Object.keys(rows[0]).slice(2);
    return report((await fitTable(rows, { target, ...quick })) as unknown as TableModel, { rows, theme });
  },
  "a network": async (theme) => {
    const rows = houses(100);
    const model = new Model({
      ...{
        inputs: 2,
        layers: [dense(8), relu(), dense(1)],
        loss: "meanSquaredError",
        optimizer: adam(),
        seed: 1,
      },
    });
    const data = {
      x: rows.map(({ area, rooms }) => [area / 100, rooms / 5]),
      y: rows.map(({ price }) => [price / 500]),
    };
    await model.fit(data, { epochs: 20, validationSplit: 0.2 });
    return report(model, { data, theme });
  },
};

const kinds = Object.entries(reports);

const validator = new HtmlValidate({
  extends: ["html-validate:standard", "html-validate:a11y"],
  rules: {
    // The drawings of plots have styles of their own, and repeat them.
    "no-inline-style": "off",
    "long-title": "off",
    // A group of a table or a drawing is not a fieldset.
    "prefer-native-element": ["error", { exclude: ["group"] }],
  },
});

describe.each(kinds)("a report about %s", (_, make) => {
  it("is valid HTML", async () => {
    const found = await validator.validateString(await make());
    const messages = found.results.flatMap(({ messages: own }) =>
      own.map(({ ruleId, message, line, selector }) => `${ruleId}: ${message} (line ${line}, ${selector})`),
    );
    expect([...new Set(messages)].slice(0, 10)).toEqual([]);
  });

  it("loads nothing, and lets the browser run one known script only", async () => {
    const html = await make();
    const hash = createHash("sha256").update(hoverScript).digest("base64");
    expect(html).toContain(`script-src &#39;sha256-${hash}&#39;`.replaceAll("&#39;", "'"));
    expect(html.match(/\bscript-src [^;"]*/)?.[0]).not.toContain("unsafe");
    expect(html.match(/<script type="module">([\s\S]*?)<\/script>/)?.[1]).toBe(hoverScript);
    expect(new Set(html.match(/https?:[^"\s<]*|@import|<[^>]*\ssrc=/g))).toEqual(
      new Set(["http://www.w3.org/2000/svg"]),
    );
    expect(new Set(html.match(/\bhref="[^#][^"]*"/g))).toEqual(new Set(['href="data:,"']));
    const ids = [...html.matchAll(/ id="([^"]*)"/g)].map(([, id]) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it("has headings without gaps between levels", async () => {
    const levels = Array.from((await make()).matchAll(/<h([1-6])/g), ([, level]) => Number(level));
    expect(levels[0]).toBe(1);
    for (const [at, level] of levels.entries()) expect(level - (levels[at - 1] ?? 0)).toBeLessThanOrEqual(1);
  });
});

describe.skipIf(!browser)("in Chromium (skipped if there is none; CHROMIUM can give its path)", () => {
  /** Returns what axe finds, and errors of the page, at a width. */
  function inspect(html: string, width: number): unknown {
    const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
    // axe itself is not part of the page: its script may run beside the known one.
    const open = html.replace(/script-src '[^']*'/, "script-src 'unsafe-inline'");
    const watch = `<script>window.problems = []; addEventListener("error", ({ message }) => problems.push(message));
      addEventListener("securitypolicyviolation", ({ violatedDirective }) => problems.push(violatedDirective));
      for (const name of ["error", "warn"]) console[name] = (...all) => problems.push(all.join(" "));</script>`;
    const steps = `${axe.replaceAll("</script", "<\\/script")};
      const wide = document.documentElement.scrollWidth - innerWidth;
      if (wide > 0) problems.push("wider than the window by " + wide);
      const { violations } = await window.axe.run(document, { resultTypes: ["violations"] });
      document.body.replaceChildren();
      document.body.append("FOUND", JSON.stringify([...problems, ...violations.map(({ id, nodes }) => [id, nodes[0].html.slice(0, 200)])]), "END");`;
    const after = pageAfter(
      open.replace("<title>", () => `${watch}<title>`),
      steps,
      { width },
    );
    return JSON.parse(
      /FOUND(.*)END/s.exec(after.replaceAll(/<script[\s\S]*?<\/script>/g, ""))?.[1] ?? '["no page"]',
    );
  }

  it.each(kinds)("axe finds nothing in a report about %s, and nothing is logged", async (_, make) => {
    expect(inspect(await make("dark"), 1100)).toEqual([]);
    expect(inspect(await make("light"), 500)).toEqual([]);
  });

  const press = `document.querySelector("figure").dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight" }));`;

  it("runs its script under its own policy", async () => {
    const html = await reports.classes();
    expect(pageAfter(html, "document.body.dataset.foreign = 1;")).not.toContain("data-foreign");
    // The known script makes a ring for each figure, and answers keys; this needs a script of the test.
    const after = pageAfter(allowing(html, press), press);
    expect(after).toMatch(/<output aria-live="polite"[^>]*><div>/);
  });
});
