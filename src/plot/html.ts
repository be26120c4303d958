// A scatter plot as one page that works without a network: the drawing, the details as JSON, and a script
// that shows them. With the content security policy the browser refuses every request.

import { hoverScript } from "./hover.ts";
import { element, escapeText } from "./markup.ts";
import { prepareScatter, type ScatterOptions, type ScatterPoint } from "./points.ts";
import { drawing, drawingSize } from "./svg.ts";
import { formatNumber } from "./ticks.ts";

const policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:";

/**
 * Draws points as one self-contained HTML page, which shows the `details` of the point under the pointer,
 * under a touch, or chosen with the arrow keys. Points that are not finite are left out and counted in the
 * caption.
 *
 * @example
 * ```ts
 * const points = [{ x: 0.2, y: 0.9, value: 0.97, details: { x1: 0.2, x2: 0.9, prediction: 0.97, label: 1 }
 * }]; scatterHtml(points, { title: "XOR", valueLabel: "prediction" }); // "<!doctype html>…"
 * ```
 */
export function scatterHtml(points: readonly ScatterPoint[], options: ScatterOptions = {}): string {
  const scatter = prepareScatter(points, options);
  const title = escapeText(scatter.title);
  const { width, height } = drawingSize(scatter);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<link rel="icon" href="data:,">
<title>${title}</title>
<style>main { --aspect: ${(width / height).toFixed(3)}; }${style}</style>
</head>
<body>
<main>
<h1>${title}</h1>
<figure tabindex="0" aria-label="${title}: the arrow keys walk from point to point">
${drawing(scatter)}
${element("output", { id: "tooltip", hidden: "", "aria-live": "polite" }, "")}
</figure>
<p>Point at the plot, touch it, or focus it and use the arrow keys to read a point’s values.</p>
</main>
<script type="application/json" id="details">${embeddedJson(scatter.points.map(readableDetails))}</script>
<script type="module">${hoverScript}</script>
</body>
</html>
`;
}

function readableDetails({ details }: ScatterPoint): Record<string, string> {
  const entries = Object.entries(details);
  return Object.fromEntries(
    entries.map(([name, value]) => [name, typeof value === "number" ? formatNumber(value) : value]),
  );
}

// In a script element only "<" can end the element or open a comment. In JSON it can be an escape.
function embeddedJson(data: unknown): string {
  return JSON.stringify(data).replaceAll("<", "\\u003c");
}

const style = `
:root { --page: #ffffff; --panel: #f6f7f9; --line: #dde0e6; --text: #22262e; --quiet: #5a6270; }
@media (prefers-color-scheme: dark) {
  :root { --page: #15171c; --panel: #1c1f26; --line: #2f343e; --text: #eceef2; --quiet: #a3abb9; }
}
body { margin: 0; background: var(--page); color: var(--text); font: 16px/1.5 system-ui, sans-serif; }
main { box-sizing: border-box; max-width: min(58rem, max(24rem, (100vh - 10rem) * var(--aspect))); margin: auto; padding: 1rem; }
h1 { margin: 0.5rem 0 1rem; font-size: 1.5rem; line-height: 1.25; overflow-wrap: anywhere; }
p { margin: 0.5rem 0; color: var(--quiet); font-size: 0.875rem; }
figure { position: relative; margin: 0; border-radius: 6px; }
figure:focus-visible { outline: 2px solid #2b5fc4; outline-offset: 4px; }
svg { display: block; width: 100%; height: auto; font-family: inherit; }
.page { fill: var(--page); }
.panel { fill: var(--panel); }
.line { stroke: var(--line); }
.text { fill: var(--text); }
.quiet { fill: var(--quiet); }
.mark { stroke: var(--text); }
.loss { stroke: var(--text); }
.loss-end { fill: var(--text); }
.ring { fill: none; stroke: var(--text); stroke-width: 2; pointer-events: none; }
#tooltip {
  position: absolute; z-index: 1; padding: 0.4rem 0.7rem; border-left: 5px solid var(--color); border-radius: 4px;
  background: var(--page); color: var(--quiet); box-shadow: 0 0 0 1px var(--line), 0 2px 12px rgb(0 0 0 / 0.3); pointer-events: none;
  font-size: 0.875rem; font-variant-numeric: tabular-nums; max-width: 16rem; overflow-wrap: anywhere;
}
#tooltip[hidden] { display: none; }
#tooltip div { display: flex; gap: 1rem; justify-content: space-between; }
#tooltip b { color: var(--text); font-weight: 600; }
@media (max-width: 40rem) { svg { font-size: 19px; } }
`;
