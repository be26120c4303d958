// Chromium for tests of pages; undefined if there is none. The variable CHROMIUM can give its path.

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const places = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
export const browser = [process.env.CHROMIUM ?? "", ...places].find((path) => existsSync(path));

const offline = [
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--disable-quic",
];
const flags = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", ...offline];

/** Returns a page whose policy also allows the script of a test. */
export function allowing(page: string, script: string): string {
  const hash = createHash("sha256").update(script).digest("base64");
  return page.replace(/script-src '/, `script-src 'sha256-${hash}' '`);
}

/** Opens a page and returns it as it is after its scripts. `steps` run as its last script. */
export function pageAfter(
  page: string,
  steps: string,
  { width = 1000, ...more }: { width?: number; flags?: string[] } = {},
): string {
  const folder = mkdtempSync(join(tmpdir(), "myelin-page-"));
  try {
    const file = join(folder, "page.html");
    writeFileSync(
      file,
      page.replace("</body>", () => `<script type="module">${steps}</script></body>`),
    );
    const own = [`--user-data-dir=${folder}`, `--window-size=${width},900`, ...(more.flags ?? [])];
    const args = [...flags, ...own, "--virtual-time-budget=5000", "--dump-dom", `file://${file}`];
    return execFileSync(browser!, args, {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
      maxBuffer: 2 ** 27,
    });
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}
