// Chromium for tests of pages; undefined if there is none. The variable CHROMIUM can give its path.

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inflateSync } from "node:zlib";

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

/** A system whose colors are dark. */
export const darkSystem = ["--blink-settings=preferredColorScheme=0"];

/** Prints a page on a dark system. Returns the colors of the areas and texts on paper, as `#rrggbb`. */
export function printedColors(page: string): Set<string> {
  const folder = mkdtempSync(join(tmpdir(), "myelin-print-"));
  try {
    const [file, pdf] = [join(folder, "page.html"), join(folder, "page.pdf")];
    writeFileSync(file, page);
    const own = [
      `--user-data-dir=${folder}`,
      ...darkSystem,
      `--print-to-pdf=${pdf}`,
      "--no-pdf-header-footer",
    ];
    execFileSync(browser!, [...flags, ...own, `file://${file}`], { stdio: "ignore" });
    const bytes = readFileSync(pdf);
    const colors = new Set<string>();
    for (const { index } of bytes.toString("latin1").matchAll(/FlateDecode[^>]*>>\s*stream\r?\n/g)) {
      const start = bytes.indexOf("stream", index) + 6;
      const skipped = bytes[start] === 0x0d ? 2 : 1;
      const text = inflateSync(bytes.subarray(start + skipped, bytes.indexOf("endstream", start)), {
        finishFlush: 2,
      }).toString("latin1");
      for (const [, ...parts] of text.matchAll(/([\d.]+) ([\d.]+) ([\d.]+) rg$/gm)) {
        const hex = parts.map((part) =>
          Math.round(255 * Number(part))
            .toString(16)
            .padStart(2, "0"),
        );
        colors.add(`#${hex.join("")}`);
      }
    }
    return colors;
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}
