// Pages that work without a network: the drawings, what hovering shows as JSON, and a script. With the content
// security policy the browser refuses every request.

import { colorOf, DARK_SCREEN, type Paint, type Theme } from "./colors.ts";
import type { Figure, Rows } from "./figure.ts";
import { hoverScript } from "./hover.ts";
import { escapeText } from "./markup.ts";
import type { Target } from "./svg/drawing.ts";
import { drawFigure } from "./svg/figure.ts";

/** The SHA-256 of the only script that may run; a test compares it. */
const SCRIPT_HASH = "sha256-DPeVCbQl2SUyDykQhii81RFG8+ImAQNpsbI4aI0bjUc=";

const POLICY = [
  ...["default-src 'none'", "base-uri 'none'", "form-action 'none'", "img-src data:"],
  ...["style-src 'unsafe-inline'", `script-src '${SCRIPT_HASH}'`],
].join("; ");

/** The width of the drawing for narrow windows. */
const NARROW = 360;

/** The narrowest window that shows the wide drawing. */
const BREAKPOINT = 640;

/** A part of a page: a figure with what is before it. */
export interface Section {
  readonly figure: Figure;
  /** Markup before the figure and its heading. */
  readonly before: string;
  /** The level of the figure's heading. */
  readonly level: 2 | 3;
}

/** What a page has beside its figures. */
export interface PageOptions {
  readonly title: string;
  readonly width: number;
  readonly theme: Theme;
  readonly language: string;
  /** Markup after the last figure. */
  readonly after: string;
}

/** Returns the page. A page of one figure with the title of the page has no second heading. */
export function writePage(sections: readonly Section[], options: PageOptions): string {
  const { title, width, theme, language } = options;
  const isAlone = sections.length === 1 && sections[0].figure.title === title;
  const figures = sections.map(({ figure, before, level }, at) => {
    const heading = isAlone ? "" : `<h${level}>${escapeText(figure.title)}</h${level}>\n`;
    return `<section>\n${before}${heading}${figureMarkup(figure, `figure-${at + 1}`, options)}</section>`;
  });
  const content = `<h1>${escapeText(title)}</h1>\n${figures.join("\n")}\n${options.after}`;
  return writeDocument(content, { title, theme, language, style: `main { max-width: ${width}px; }` });
}

/** The parts of a page that are not its content. */
export interface DocumentHead {
  readonly title: string;
  readonly theme: Theme;
  readonly language: string;
  /** CSS for this kind of page. */
  readonly style: string;
}

/** Returns a page with figures in its content, and the script that shows their values. */
export function writeDocument(content: string, { title, theme, language, style }: DocumentHead): string {
  return `<!doctype html>
<html lang="${escapeText(language)}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="${theme === "auto" ? "light dark" : theme}">
<meta http-equiv="Content-Security-Policy" content="${escapeText(POLICY)}">
<meta name="referrer" content="no-referrer">
<link rel="icon" href="data:,">
<title>${escapeText(title)}</title>
<style>${themeStyle(theme)}${pictureStyle}${style}</style>
</head>
<body>
<main>
${content}<p class="help">Point at a picture, touch it, or focus it and use the arrow keys to read its values.</p>
</main>
<script type="module">${hoverScript}</script>
</body>
</html>
`;
}

/** Draws a figure twice, for wide and for narrow windows; the style shows one of them. */
export function figureMarkup(
  figure: Figure,
  id: string,
  { width, theme }: Pick<PageOptions, "width" | "theme">,
): string {
  const widths = width > BREAKPOINT ? [width, NARROW] : [width];
  const drawings = widths.map((wide, at) =>
    drawFigure(figure, { width: wide, theme, id: `${id}-${at + 1}`, isInPage: true }),
  );
  const details = new Details(theme);
  const places = drawings.map(({ targets }) => targets.map((target) => details.place(target)));
  const classes = widths.length === 1 ? ["only"] : ["wide", "narrow"];
  const svgs = drawings.map(({ svg }, at) => `<div class="${classes[at]}">${svg}</div>`);
  return `<figure role="group" tabindex="0" aria-label="${escapeText(figure.title)}: the arrow keys go from value to value">
${svgs.join("\n")}
<output hidden aria-live="polite"></output>
<script type="application/json">${embeddedJson({ ...details.lists(), drawings: places })}</script>
</figure>
`;
}

/** What hovering shows. Names and colors, which repeat, are in lists of their own. */
class Details {
  /** The color; of a page that follows the system, that on a light and that on a dark screen. */
  readonly #color: (paint: Paint) => string;
  readonly #names = new Map<string, number>();
  readonly #colors = new Map<string, number>();
  readonly #rows = new Map<Rows, number>();

  constructor(theme: Theme) {
    const grounds = theme === "auto" ? (["light", "dark"] as const) : [theme];
    this.#color = (paint) =>
      grounds.map((ground) => colorOf(/^(none|panel)$/.test(paint) ? "quiet" : paint, ground)).join(" ");
  }

  /** Returns x, y, width, height, and the indices of the rows and the color. */
  place({ frame, rows, paint }: Target): number[] {
    const { left, top, right, bottom } = frame;
    const round = (value: number) => Math.round(value * 10) / 10;
    const indices = [indexIn(this.#rows, rows), indexIn(this.#colors, this.#color(paint))];
    return [...[left, top, right - left, bottom - top].map(round), ...indices];
  }

  lists(): object {
    const rows = [...this.#rows.keys()].map((list) =>
      list.map(([name, value]) => [indexIn(this.#names, name), value]),
    );
    return { names: [...this.#names.keys()], colors: [...this.#colors.keys()], rows };
  }
}

/** Returns the index of a value in the order in which values were first seen. */
function indexIn<T>(known: Map<T, number>, value: T): number {
  const index = known.get(value) ?? known.size;
  known.set(value, index);
  return index;
}

// In a script element only "<" can end the element or open a comment. In JSON it can be an escape.
function embeddedJson(data: unknown): string {
  return JSON.stringify(data).replaceAll("<", "\\u003c");
}

/** The colors as variables of CSS. */
export function themeStyle(theme: Theme): string {
  const names = ["page", "panel", "line", "text", "quiet"] as const;
  const of = (ground: "light" | "dark") =>
    `:root { ${names.map((name) => `--${name}: ${colorOf(name, ground)};`).join(" ")} }`;
  if (theme === "light") return `\n${of("light")}\n`;
  // Paper is light, and so are its margins.
  const print = "@media print { :root { color-scheme: light; } }";
  return theme === "auto"
    ? `\n${of("light")}\n${DARK_SCREEN} { ${of("dark")} }\n${print}\n`
    : `\n${of("dark")}\n@media print { ${of("light")} }\n${print}\n`;
}

/** How pages of pictures look. */
export const pictureStyle = `
body { margin: 0; background: var(--page); color: var(--text); font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { box-sizing: content-box; margin: auto; padding: 1rem; }
h1 { margin: 0.5rem 0 1rem; font-size: 1.5rem; line-height: 1.25; overflow-wrap: anywhere; }
h2 { margin: 2.5rem 0 0.25rem; font-size: 1.25rem; line-height: 1.3; overflow-wrap: anywhere; }
h3 { margin: 1.5rem 0 0.25rem; font-size: 1.05rem; line-height: 1.3; overflow-wrap: anywhere; }
p { margin: 0.5rem 0; overflow-wrap: anywhere; }
p.help { color: var(--quiet); font-size: 0.875rem; }
a { color: inherit; }
pre { overflow-x: auto; padding: 0.75rem; background: var(--panel); border-radius: 6px; font-size: 0.8125rem; line-height: 1.35; }
figure { position: relative; margin: 0; border-radius: 6px; }
figure:focus-visible { outline: 2px solid #4a7fe0; outline-offset: 2px; }
svg { display: block; width: 100%; height: auto; font-family: inherit; }
.narrow { display: none; }
@media (max-width: ${BREAKPOINT}px) { .wide { display: none; } .narrow { display: block; } main { padding: 0.25rem; } h1, h2, h3, p { margin-left: 0.5rem; margin-right: 0.5rem; } }
.ring { fill: none; stroke: var(--text); stroke-width: 2; pointer-events: none; }
output {
  position: absolute; z-index: 1; padding: 0.4rem 0.7rem; border-left: 5px solid var(--color); border-radius: 4px;
  background: var(--page); color: var(--quiet); box-shadow: 0 0 0 1px var(--line), 0 2px 12px rgb(0 0 0 / 0.3); pointer-events: none;
  font-size: 0.875rem; font-variant-numeric: tabular-nums; max-width: 16rem; overflow-wrap: anywhere;
}
output[hidden] { display: none; }
output div { display: flex; gap: 1rem; justify-content: space-between; }
output b { color: var(--text); font-weight: 600; }
`;
