/** Formats numbers, indices and sums. */

/** A sum of more than MOST terms is cut to TERMS. */
export const MOST = 4;
const TERMS = 2;

/** More than MOST_LINES formulas are cut to LINES. All weights of three units with two inputs fit. */
const MOST_LINES = 6;
const LINES = 3;

/** Formats a number with four digits, without trailing zeros. */
export const show = (value: number) => String(Number(value.toPrecision(4)));

/** Formats a number as a factor or a term: "(-0.9)". */
export const factor = (value: number) => (value < 0 ? `(${show(value)})` : show(value));

const DIGITS = "₀₁₂₃₄₅₆₇₈₉";
const subscript = (index: number) => Array.from(String(index + 1), (digit) => DIGITS[Number(digit)]).join("");

/** Formats indices from 0 as subscripts from 1: "₁₂", or "₁₀,₂" where they would be ambiguous. */
export function sub(...indices: number[]): string {
  return indices.map(subscript).join(indices.some((index) => index > 8) ? "," : "");
}

/** Formats a row of values: "(0.2, 0.9)". */
export function list(values: ArrayLike<number>): string {
  const shown = Array.from(values)
    .slice(0, 2 * MOST)
    .map(show);
  const left = values.length - shown.length;
  return `(${shown.join(", ")}${left > 0 ? `, … ${left} more` : ""})`;
}

/** Formats a sum of products: "0.1 · 0.2 + 0.3 · (-0.9)". */
export function products(count: number, pair: (at: number) => readonly [number, number]): string {
  const shown = count > MOST ? TERMS : count;
  const terms = Array.from({ length: shown }, (_, at) => pair(at).map(factor).join(" · "));
  if (count > MOST) terms.push(`… ${count - shown} more`);
  return terms.join(" + ");
}

/** Formats a sum in letters. */
export function letters(count: number, term: (at: number) => string): string {
  if (count <= MOST) return Array.from({ length: count }, (_, at) => term(at)).join(" + ");
  return `${term(0)} + ${term(1)} + … + ${term(count - 1)}`;
}

/** Returns `count` lines, shortened if they are too many. */
export function lines(count: number, line: (at: number) => string, what: string): string[] {
  const most = count > MOST_LINES ? LINES : count;
  const shown = Array.from({ length: most }, (_, at) => line(at));
  return count > most ? [...shown, `… and ${count - most} more ${what}`] : shown;
}
