// The page's script runs in a browser only, so it is tested in one: the page moves its own pointer and
// presses its own keys, and Chromium prints the resulting page.

import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { scatterHtml } from "../../src/plot/scatter.ts";
import { pointAt } from "./samples.ts";

const places = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
const browser = [process.env.CHROMIUM ?? "", ...places].find((path) => existsSync(path));
const offline = [
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--disable-quic",
];
const flags = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", ...offline];

const page = scatterHtml([
  pointAt(0, 0, 0.1, { name: "left" }),
  pointAt(1, 0, 0.9, { name: "right <b>" }),
  pointAt(1, 1, 0.1, { name: "top" }),
]);

/** Returns the text and the visibility of the tooltip after some steps inside the page. */
function tooltipAfter(steps: string): { text: string; hidden: boolean } {
  const folder = mkdtempSync(join(tmpdir(), "myelin-hover-"));
  try {
    const file = join(folder, "page.html");
    writeFileSync(file, page.replace("</body>", `<script type="module">${steps}</script></body>`));
    const args = [...flags, `--user-data-dir=${folder}`, "--dump-dom", `file://${file}`];
    const result = execFileSync(browser!, args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
    const [, attributes, content] = result.match(/<output id="tooltip"([^>]*)>(.*?)<\/output>/s)!;
    return { text: content, hidden: /\bhidden\b/.test(attributes) };
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

function pointNear(circle: number): string {
  return `{
    const box = document.querySelectorAll(".points circle")[${circle}].getBoundingClientRect();
    const place = { clientX: box.x + 2, clientY: box.y + 2, pointerType: "mouse" };
    document.querySelector("svg").dispatchEvent(new PointerEvent("pointermove", place));
  }`;
}

function press(...keys: string[]): string {
  return `for (const key of ${JSON.stringify(keys)})
    document.querySelector("figure").dispatchEvent(new KeyboardEvent("keydown", { key }));`;
}

describe.skipIf(!browser)(
  "hovering in Chromium (skipped if there is none; CHROMIUM can give its path)",
  () => {
    it("shows the details of the point under the pointer, as text", () => {
      expect(tooltipAfter(pointNear(1))).toEqual({
        text: "<div>name <b>right &lt;b&gt;</b></div>",
        hidden: false,
      });
    });

    it("moves from point to point with the arrow keys", () => {
      const walked = tooltipAfter(pointNear(0) + press("ArrowRight", "ArrowUp"));
      expect(walked).toEqual({ text: "<div>name <b>top</b></div>", hidden: false });
    });

    it("hides on Escape, and away from all points", () => {
      expect(tooltipAfter(pointNear(0) + press("Escape")).hidden).toBe(true);
    });
  },
);
