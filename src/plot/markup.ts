// XML and HTML as strings. Text becomes markup only through escapeText, so nothing is forgotten.

/** The attributes of an element; values are escaped. */
export type Attributes = Readonly<Record<string, string | number>>;

/** An element with attributes around children that are markup already. */
export function element(name: string, attributes: Attributes, ...children: string[]): string {
  const start = [name, ...Object.entries(attributes).map(([key, value]) => `${key}="${write(value)}"`)].join(
    " ",
  );
  return children.length === 0 ? `<${start}/>` : `<${start}>${children.join("")}</${name}>`;
}

/** Plain text as markup that shows it, and that XML accepts. */
export function escapeText(text: string): string {
  return printable(text).replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** Text without the control characters and lone surrogates that XML forbids and terminals obey. */
export function printable(text: string): string {
  return text.toWellFormed().replace(/[\p{Cc}\uFFFE\uFFFF]/gu, " ");
}

// A hundredth of a pixel is finer than anyone sees.
function write(value: string | number): string {
  return typeof value === "number" ? String(Math.round(value * 100) / 100) : escapeText(value);
}
