/** What a single cell of a table means: a missing value, a number, a date, or the name of a category. */

/**
 * Texts that mean "no value", in lower case: those of pandas' `read_csv`, and what statistics packages write.
 */
const MISSING_TEXTS = new Set([
  ...["", "na", "n/a", "#n/a", "#na", "<na>", "nan", "-nan", "null", "none", "nil"],
  ...["undefined", ".", "?", "-", "--", "#null!", "#div/0!"],
]);

const LONGEST_MISSING = 9;

/** Whether a text means that there is no value. */
export function isMissingText(text: string): boolean {
  if (text.length > LONGEST_MISSING + 4) return false;
  return MISSING_TEXTS.has(text.trim().toLowerCase());
}

/** Whether a cell holds no value: null, undefined, NaN, an invalid date, or a text that says so. */
export function isMissing(cell: unknown): boolean {
  if (cell === null || cell === undefined) return true;
  if (typeof cell === "number") return Number.isNaN(cell);
  if (typeof cell === "string") return isMissingText(cell);
  return cell instanceof Date && Number.isNaN(cell.getTime());
}

/**
 * Whether the cell of a target holds no value. A class may be called "none"; in an input a missing value
 * means the same as that category.
 */
export function isMissingTarget(cell: unknown): boolean {
  return isMissing(cell) && !(typeof cell === "string" && cell.trim().toLowerCase() === "none");
}

/** Which character begins the decimals of the numbers in a column. */
export type Decimal = "." | ",";

const PLAIN = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;
const WITH_POINT = /^[+-]?\d{1,3}(?:[,' \u00a0\u202f]\d{3})*(?:\.\d*)?$/;
const WITH_COMMA = /^[+-]?(?:\d{1,3}(?:[.' \u00a0\u202f]\d{3})+|\d+)(?:,\d*)?$/;
/** No number has more characters; and what comes from outside cannot make an expression take long. */
const LONGEST_NUMBER = 400;
const SIGNS = /^([+-]?)\s*(?:[$€£¥]|usd|eur)\s*|\s*(?:%|[$€£¥]|usd|eur)$/gi;
const INFINITE = /^[+-]?inf(?:inity)?$/i;

/**
 * The number that a text writes, with thousands separators, a currency or a percent sign; NaN if it is not a
 * number. "12 %" is 12, so that a value keeps the unit that the table has.
 */
export function parseNumber(text: string, decimal: Decimal = "."): number {
  if (text.length > LONGEST_NUMBER) return Number.NaN;
  let trimmed = text.trim();
  if (decimal === "." && PLAIN.test(trimmed)) return Number(trimmed);
  if (INFINITE.test(trimmed))
    return trimmed.startsWith("-") ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  trimmed = trimmed.replace(SIGNS, "$1").replace(/\u2212/g, "-");
  if (decimal === ".") {
    if (PLAIN.test(trimmed)) return Number(trimmed);
    return WITH_POINT.test(trimmed) ? Number(trimmed.replace(/[,' \u00a0\u202f]/g, "")) : Number.NaN;
  }
  if (!WITH_COMMA.test(trimmed)) return Number.NaN;
  return Number(trimmed.replace(/[.' \u00a0\u202f]/g, "").replace(",", "."));
}

/**
 * Which character begins decimals, from texts of a column: the comma where some text can only be read with it
 * ("3,5", "1.234,50") and none needs the point.
 */
export function findDecimal(texts: Iterable<string>): Decimal {
  let commas = 0;
  for (const text of texts) {
    const [point, comma] = [parseNumber(text, "."), parseNumber(text, ",")];
    if (Number.isNaN(comma) && !Number.isNaN(point)) return ".";
    if (Number.isNaN(point) && !Number.isNaN(comma)) commas++;
  }
  return commas > 0 ? "," : ".";
}

const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const TIME = String.raw`(?:[T ,]+(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?\s*(am|pm)?\s*(z|utc|gmt|[+-]\d{2}:?\d{2})?)?`;
const YEAR_FIRST = new RegExp(String.raw`^(\d{4})[-/.](\d{1,2})(?:[-/.](\d{1,2}))?${TIME}$`, "i");
const YEAR_LAST = new RegExp(String.raw`^(\d{1,2})[-/.](\d{1,2})[-/.](\d{4}|\d{2})${TIME}$`, "i");
const DAY_MONTH = new RegExp(String.raw`^(\d{1,2})[- .]+([a-z]{3,9})\.?[- ,]+(\d{4})${TIME}$`, "i");
const MONTH_DAY = new RegExp(
  String.raw`^([a-z]{3,9})\.?[- ]+(\d{1,2})(?:st|nd|rd|th)?[, ]+(\d{4})${TIME}$`,
  "i",
);
/** How dates are written that begin with the day wherever points are used. */
const WITH_POINTS = /^\d{1,2}\./;
const LONGEST_DATE = 48;

/** Milliseconds since 1970 of a day and a time in UTC; NaN where the calendar has no such day. */
function toTime(year: number, month: number, day: number, time: readonly (string | undefined)[]): number {
  const [hour = "0", minute = "0", second = "0", fraction = "0", half, zone] = time;
  let hours = Number(hour);
  if (half !== undefined) hours = (hours % 12) + (half.toLowerCase() === "pm" ? 12 : 0);
  if (hours > 24 || Number(minute) > 59 || Number(second) > 60) return Number.NaN;
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return Number.NaN;
  const offset = /^([+-])(\d{2}):?(\d{2})$/.exec(zone ?? "");
  const minutes =
    offset === null ? 0 : Number(`${offset[1]}1`) * (60 * Number(offset[2]) + Number(offset[3]));
  const seconds = 3600 * hours + 60 * (Number(minute) - minutes) + Number(second) + Number(`0.${fraction}`);
  return date.getTime() + Math.round(1000 * seconds);
}

/** A year of two digits, as POSIX reads it: 69 to 99 are of the 20th century. */
const fullYear = (digits: string) =>
  digits.length > 2 ? Number(digits) : Number(digits) + (Number(digits) < 69 ? 2000 : 1900);

const monthOf = (name: string) => MONTHS.indexOf(name.slice(0, 3).toLowerCase()) + 1;

/**
 * The time that a text writes, in milliseconds since 1970; without a zone it is UTC. NaN if it is not a date.
 * `dayFirst` says how "03/04/2024" is read; with points ("03.04.2024") the day always comes first.
 */
export function parseDate(text: string, dayFirst: boolean): number {
  if (text.length > LONGEST_DATE || text.length < 6) return Number.NaN;
  const trimmed = text.trim();
  let match = YEAR_FIRST.exec(trimmed);
  if (match !== null)
    return toTime(Number(match[1]), Number(match[2]), Number(match[3] ?? 1), match.slice(4));
  match = YEAR_LAST.exec(trimmed);
  if (match !== null) {
    const [first, second] = [Number(match[1]), Number(match[2])];
    const [day, month] = dayFirst || WITH_POINTS.test(trimmed) ? [first, second] : [second, first];
    return toTime(fullYear(match[3]), month, day, match.slice(4));
  }
  match = DAY_MONTH.exec(trimmed);
  if (match !== null) return toTime(Number(match[3]), monthOf(match[2]), Number(match[1]), match.slice(4));
  match = MONTH_DAY.exec(trimmed);
  if (match !== null) return toTime(Number(match[3]), monthOf(match[1]), Number(match[2]), match.slice(4));
  return Number.NaN;
}

/** How dates like "03/04/2024" are read. */
export interface DateOrder {
  /** Whether the day comes before the month. */
  readonly dayFirst: boolean;
  /** A date that can be read in both ways, where no date of the column says which one is right. */
  readonly ambiguous?: string;
}

/**
 * Whether the day comes before the month in a column of dates like "03/04/2024": decided by the first date that
 * can be read in one way only. Where there is none, the month comes first.
 */
export function findDateOrder(texts: Iterable<string>): DateOrder {
  let ambiguous: string | undefined;
  for (const text of texts) {
    if (text.length > LONGEST_DATE) continue;
    const match = YEAR_LAST.exec(text.trim());
    if (match === null || WITH_POINTS.test(text.trim())) continue;
    if (Number(match[1]) > 12) return { dayFirst: true };
    if (Number(match[2]) > 12) return { dayFirst: false };
    if (Number(match[1]) !== Number(match[2])) ambiguous ??= text;
  }
  return { dayFirst: false, ...(ambiguous !== undefined && { ambiguous }) };
}

const WITH_UNIT = /^([+-]?\d[\d.,' \u00a0\u202f]*?)\s*([a-zA-Zµμ°℃℉Ω/²³]{1,12})$/;

/** The number of a text that has a unit behind it, and the unit: "30,1 kg"; undefined for any other text. */
export function parseUnit(text: string): { readonly number: string; readonly unit: string } | undefined {
  if (text.length > LONGEST_NUMBER) return undefined;
  const match = WITH_UNIT.exec(text.trim());
  if (match === null) return undefined;
  const [, number, unit] = match;
  const isNumber = !Number.isNaN(parseNumber(number, ".")) || !Number.isNaN(parseNumber(number, ","));
  return isNumber ? { number, unit } : undefined;
}

/** The name of a cell's category; undefined for what is neither text, number, boolean nor valid date. */
export function categoryName(cell: unknown): string | undefined {
  switch (typeof cell) {
    case "string":
      return cell;
    case "number":
    case "bigint":
    case "boolean":
      return String(cell);
    default:
      return cell instanceof Date && !Number.isNaN(cell.getTime()) ? cell.toISOString() : undefined;
  }
}
