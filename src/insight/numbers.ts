/** Numbers, indices and sums as they are printed. */

/** A longer sum is cut short, to so many terms. */
export const MOST = 4;
const TERMS = 2;

/** A longer list of formulas is cut short, to so many: all weights of three units with two inputs fit. */
const MOST_LINES = 6;
const LINES = 3;

/** Four digits, without zeros at the end. */
export const show = (value: number) => String(Number(value.toPrecision(4)));

/** A number as a factor or a term. */
export const factor = (value: number) => (value < 0 ? `(${show(value)})` : show(value));

const DIGITS = "₀₁₂₃₄₅₆₇₈₉";
const lowered = (index: number) => Array.from(String(index + 1), (digit) => DIGITS[Number(digit)]).join("");

/** Indices from 0 as those of a formula, from 1: "₁₂", or "₁₀,₂" where they would run together. */
export function sub(...indices: number[]): string {
  return indices.map(lowered).join(indices.some((index) => index > 8) ? "," : "");
}

/** A row of values, "(0.2, 0.9)". */
export function list(values: ArrayLike<number>): string {
  const shown = Array.from(values)
    .slice(0, 2 * MOST)
    .map(show);
  const left = values.length - shown.length;
  return `(${shown.join(", ")}${left > 0 ? `, … ${left} more` : ""})`;
}

/** A sum of products, "0.1 · 0.2 + 0.3 · (-0.9)". */
export function products(count: number, pair: (at: number) => readonly [number, number]): string {
  const shown = count > MOST ? TERMS : count;
  const terms = Array.from({ length: shown }, (_, at) => pair(at).map(factor).join(" · "));
  if (count > MOST) terms.push(`… ${count - shown} more`);
  return terms.join(" + ");
}

/** The same sum in letters. */
export function letters(count: number, term: (at: number) => string): string {
  if (count <= MOST) return Array.from({ length: count }, (_, at) => term(at)).join(" + ");
  return `${term(0)} + ${term(1)} + … + ${term(count - 1)}`;
}

/** So many lines, cut short. */
export function lines(count: number, line: (at: number) => string, what: string): string[] {
  const most = count > MOST_LINES ? LINES : count;
  const shown = Array.from({ length: most }, (_, at) => line(at));
  return count > most ? [...shown, `… and ${count - most} more ${what}`] : shown;
}
