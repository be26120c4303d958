// Tables for the tests of reports, and how to read a report.

import { longName, random } from "../plot/samples.ts";

/** A small amount of work, always the same. */
export const quick = { quality: "fast", networks: 5, seed: 1 } as const;

/** Three kinds of flowers with a gap in each tenth row, and a column that says nothing. */
export function flowers(count: number) {
  const next = random(7);
  const kinds = ["aster", "lily", "rose"];
  return Array.from({ length: count }, (_, at) => {
    const kind = at % 7 < 3 ? 0 : at % 7 < 5 ? 1 : 2;
    return {
      id: `f-${at}-${Math.round(1e6 * next())}`,
      length: Math.round(100 * (kind + 2 + 1.4 * next())) / 100,
      width: at % 10 === 0 ? null : Math.round(100 * (3 - kind + 1.5 * next())) / 100,
      place: ["garden", "field"][Math.floor(2 * next())],
      kind: kinds[kind],
    };
  });
}

/** A rare class that one column tells, with noise. */
export function signals(count: number) {
  const next = random(11);
  return Array.from({ length: count }, () => {
    const [level, noise] = [next(), next()];
    return { level, noise, alarm: level + 0.2 * next() > 0.9 ? "yes" : "no" };
  });
}

/** Prices that follow from two columns, with noise. */
export function houses(count: number) {
  const next = random(13);
  return Array.from({ length: count }, () => {
    const area = 30 + Math.round(120 * next());
    const town = ["Oslo", "Bergen", "Bodø"][Math.floor(3 * next())];
    return {
      area,
      rooms: Math.round(area / 30 + next()),
      town,
      price: Math.round(4 * area + (town === "Oslo" ? 150 : 0) + 60 * next()),
    };
  });
}

export function manyClasses(count: number, classes: number) {
  const next = random(17);
  return Array.from({ length: count }, (_, at) => {
    const kind = at % classes;
    return { x: kind + next(), y: (kind % 7) + next(), kind: `class ${kind} ${longName}` };
  });
}

/** A table with names that would break a page that does not escape them. */
export function hostileTable(count: number) {
  const next = random(19);
  return Array.from({ length: count }, (_, at) => {
    const value = next();
    return {
      "</script><script>alert(1)</script>": value,
      '🐧 penguins & "quotes" <b>': ["<i>a</i>", "</td>", "🐧"][at % 3],
      [longName.repeat(40)]: next(),
      "<img src=x onerror=alert(1)>\"'&": value > 0.5 ? "<!--yes" : "]]>no",
    };
  });
}

const entities: Readonly<Record<string, string>> = { "&#38;": "&", "&#60;": "<", "&#62;": ">", "&#34;": '"' };

/** Returns the text of markup, without pictures, scripts and styles. */
export function textOf(html: string): string {
  return html
    .replaceAll(/<(script|style|svg)[\s\S]*?<\/\1>/g, " ")
    .replaceAll(/<\/?(b|i|code|a)\b[^>]*>/g, "")
    .replaceAll(/<[^>]*>/g, " ")
    .replaceAll(/&#\d+;/g, (entity) => entities[entity] ?? entity)
    .replaceAll(/\s+/g, " ")
    .trim();
}

/** Returns the texts of the headings of a level. */
export const headingsOf = (html: string, level: number): string[] =>
  Array.from(html.matchAll(new RegExp(`<h${level}[^>]*>(.*?)</h${level}>`, "g")), ([, text]) => textOf(text));

/** Returns the markup of a section. */
export function sectionOf(html: string, heading: string): string {
  const sections = html.split(/(?=<section )/).slice(1);
  const found = sections.find((section) => headingsOf(section, 2)[0] === heading);
  if (found === undefined) throw new Error(`no section ${heading}`);
  return found.slice(0, found.indexOf("</section>"));
}

/** Returns the cells of each table. */
export const tablesOf = (html: string): string[][][] =>
  Array.from(html.matchAll(/<table>([\s\S]*?)<\/table>/g), ([, table]) =>
    Array.from(table.matchAll(/<tr>([\s\S]*?)<\/tr>/g), ([, row]) =>
      Array.from(row.matchAll(/<t[hd][^>]*>([\s\S]*?)<\/t[hd]>/g), ([, cell]) => textOf(cell)),
    ),
  );
