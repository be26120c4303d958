// XML and HTML as strings. Text becomes markup only through escapeText, so that all of it is escaped.

/** The attributes of an element. `element` escapes their values. */
export type Attributes = Readonly<Record<string, string | number>>;

/** Returns an element. The children are markup already. */
export function element(name: string, attributes: Attributes, ...children: string[]): string {
  const start = [name, ...Object.entries(attributes).map(([key, value]) => `${key}="${write(value)}"`)].join(
    " ",
  );
  return children.length === 0 ? `<${start}/>` : `<${start}>${children.join("")}</${name}>`;
}

/** Escapes plain text for XML and HTML. */
export function escapeText(text: string): string {
  return printable(text).replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}

/**
 * Replaces control characters, which terminals execute, those that reverse the direction of the text after
 * them, and lone surrogates, which XML forbids.
 */
export function printable(text: string): string {
  return text.toWellFormed().replace(/[\p{Cc}\u202A-\u202E\u2066-\u2069\uFFFE\uFFFF]/gu, " ");
}

// A hundredth of a pixel is invisible.
function write(value: string | number): string {
  return typeof value === "number" ? String(Math.round(value * 100) / 100) : escapeText(value);
}
