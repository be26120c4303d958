// The page of a report: head, contents, sections. It loads nothing, and its policy forbids everything else.

import type { Theme } from "../plot/colors.ts";
import { writeDocument } from "../plot/html.ts";
import { element, escapeText } from "../plot/markup.ts";
import type { Section } from "./markup.ts";

/** What a page has besides its sections. */
export interface PageHead {
  readonly title: string;
  /** A line below the title. */
  readonly subtitle: string;
  readonly theme: Theme;
  readonly language: string;
}

/** Returns the page. */
export function writeReport(sections: readonly Section[], head: PageHead): string {
  const { title, subtitle, theme, language } = head;
  const used = sections.filter(({ blocks }) => blocks.some((block) => block !== ""));
  const contents = used.map(({ heading }, at) =>
    element("li", {}, element("a", { href: `#section-${at + 1}` }, escapeText(heading))),
  );
  const bodies = used.map(({ heading, blocks }, at) => {
    const id = `section-${at + 1}`;
    const start = `<section aria-labelledby="${id}">\n<h2 id="${id}">${escapeText(heading)}</h2>`;
    return `${start}\n${blocks.filter((block) => block !== "").join("\n")}\n</section>`;
  });
  const content = `<header>
<h1>${escapeText(title)}</h1>
<p class="subtitle">${escapeText(subtitle)}</p>
</header>
<nav aria-label="Contents">
<ul>${contents.join("")}</ul>
</nav>
${bodies.join("\n")}
`;
  return writeDocument(content, { title, theme, language, style: STYLE });
}

const STYLE = `
main { max-width: 960px; padding: 1.5rem 1rem 3rem; }
h1 { margin: 0; font-size: 1.9rem; }
h2 { margin: 3rem 0 0.5rem; padding-top: 0.75rem; border-top: 1px solid var(--line); font-size: 1.4rem; }
h3 { margin: 1.75rem 0 0.25rem; font-size: 1.1rem; line-height: 1.3; overflow-wrap: anywhere; }
h4 { margin: 1.25rem 0 0.25rem; font-size: 1rem; line-height: 1.3; overflow-wrap: anywhere; }
p, li { max-width: 70ch; }
p.subtitle { margin: 0.25rem 0 0; color: var(--quiet); }
p.lead { font-size: 1.15rem; line-height: 1.5; }
p.note { color: var(--quiet); font-size: 0.9rem; }
p.warning { padding: 0.6rem 0.9rem; border-left: 4px solid #cf6210; background: var(--panel); }
ul { margin: 0.5rem 0; padding-left: 1.25rem; }
li { margin: 0.3rem 0; overflow-wrap: anywhere; }
nav ul { display: flex; flex-wrap: wrap; gap: 0.25rem 1rem; margin: 1rem 0 0; padding: 0; list-style: none; font-size: 0.9rem; }
nav li { margin: 0; }
nav a { display: inline-block; padding: 0.15rem 0; color: var(--text); }
.scroll { margin: 0.75rem 0; overflow-x: auto; border-radius: 6px; }
.scroll:focus-visible, pre:focus-visible, a:focus-visible { outline: 2px solid #4a7fe0; outline-offset: 2px; }
table { border-collapse: collapse; font-size: 0.9rem; font-variant-numeric: tabular-nums; }
caption { padding: 0.25rem 0; color: var(--quiet); text-align: left; font-size: 0.875rem; }
th, td { padding: 0.35rem 0.9rem 0.35rem 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; font-weight: 400; overflow-wrap: break-word; min-width: 3.5rem; }
td:last-child { padding-right: 0; }
thead th { color: var(--quiet); vertical-align: bottom; }
tbody th { font-weight: 600; }
th.number, td.number { text-align: right; }
td.number, td.unbroken { white-space: nowrap; }
td:last-child:not(.number) { min-width: 11rem; }
th, td { max-width: 24rem; }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: 0.75rem; margin: 1rem 0; }
dl div { padding: 0.75rem 1rem; border-radius: 8px; background: var(--panel); }
dt { color: var(--quiet); font-size: 0.875rem; }
dd { margin: 0; font-size: 1.25rem; font-weight: 600; overflow-wrap: anywhere; }
dl.small dd { font-size: 1rem; }
.pair { display: grid; grid-template-columns: minmax(0, 1fr); gap: 0 2.5rem; }
.pair .picture { max-width: 480px; }
@media (min-width: 720px) { .pair { grid-template-columns: repeat(2, minmax(0, 1fr)); } }
@media (max-width: 640px) { dl { grid-template-columns: repeat(auto-fit, minmax(7.5rem, 1fr)); } main { padding: 1rem 0.9rem 2rem; } h1, h2, h3, p { margin-left: 0; margin-right: 0; } h1 { font-size: 1.5rem; } }
@page { margin: 16mm 14mm; }
@media print {
  :root { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  body { font-size: 10.5pt; }
  main { max-width: none; padding: 0; }
  nav, p.help { display: none; }
  .wide { display: block; }
  .narrow { display: none; }
  .scroll, pre { overflow: visible; }
  pre { white-space: pre-wrap; overflow-wrap: anywhere; }
  .pair { grid-template-columns: repeat(2, minmax(0, 1fr)); }
  h2, h3, h4 { break-after: avoid; }
  h2 { margin-top: 1.5rem; }
  .picture, figure, tr, dl, p.lead, .together { break-inside: avoid; }
  thead { display: table-header-group; }
}
`;
