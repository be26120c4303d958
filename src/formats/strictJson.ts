/**
 * Reads JSON from an untrusted source. Refuses duplicate names in an object, and far more levels or parts
 * than a model has, so that time and memory stay proportional to the length of the text.
 */
import { FormatError } from "../errors.ts";

/** The most levels of nesting. A layer within a layer takes two. */
const MOST_DEPTH = 256;
/**
 * The most lists, objects and names in objects. A text of nothing else would take forty times its length in
 * memory.
 */
const MOST_PARTS = 2 ** 20;

const SPACES: readonly (string | undefined)[] = [" ", "\t", "\n", "\r"];
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const WORDS = new Map<string, unknown>([
  ["true", true],
  ["false", false],
  ["null", null],
]);

/** Sets a property. `__proto__` is an ordinary name here, which an assignment would not make it. */
function setProperty(object: Record<string, unknown>, name: string, value: unknown): void {
  if (name !== "__proto__") object[name] = value;
  else Object.defineProperty(object, name, { value, writable: true, enumerable: true, configurable: true });
}

class Reader {
  readonly #text: string;
  readonly #place: string;
  #at = 0;
  #parts = 0;

  constructor(text: string, place: string) {
    this.#text = text;
    this.#place = place;
  }

  whole(): unknown {
    const value = this.#value(0);
    this.#skipSpace();
    if (this.#at < this.#text.length) throw this.#unexpected("nothing after the value");
    return value;
  }

  #value(depth: number): unknown {
    this.#skipSpace();
    const first = this.#text[this.#at];
    if (first === "{" || first === "[") {
      if (depth === MOST_DEPTH) throw this.#unexpected(`at most ${MOST_DEPTH} levels`);
      this.#count();
      return first === "{" ? this.#object(depth + 1) : this.#list(depth + 1);
    }
    return first === '"' ? this.#string() : this.#scalar();
  }

  #object(depth: number): object {
    const object: Record<string, unknown> = {};
    this.#at++;
    for (let isFirst = true; !this.#ends("}", isFirst); isFirst = false) {
      this.#skipSpace();
      if (this.#text[this.#at] !== '"') throw this.#unexpected("a name in quotes");
      const start = this.#at;
      const name = this.#string();
      if (Object.hasOwn(object, name)) {
        this.#at = start;
        throw this.#unexpected("each name once");
      }
      this.#expect(":");
      this.#count();
      setProperty(object, name, this.#value(depth));
    }
    return object;
  }

  #list(depth: number): unknown[] {
    const list: unknown[] = [];
    this.#at++;
    for (let isFirst = true; !this.#ends("]", isFirst); isFirst = false) list.push(this.#value(depth));
    return list;
  }

  #count(): void {
    if (++this.#parts > MOST_PARTS) {
      throw this.#unexpected(`at most ${MOST_PARTS} lists, objects and names`);
    }
  }

  /** Returns whether the object or list ends here. If not, skips the comma before the next entry. */
  #ends(end: string, isFirst: boolean): boolean {
    this.#skipSpace();
    if (this.#text[this.#at] === end) {
      this.#at++;
      return true;
    }
    if (!isFirst) this.#expect(",");
    return false;
  }

  #expect(sign: string): void {
    this.#skipSpace();
    if (this.#text[this.#at] !== sign) throw this.#unexpected(`"${sign}"`);
    this.#at++;
  }

  /** Reads a string. Finds its closing quote and leaves the escapes to `JSON.parse`. */
  #string(): string {
    let end = this.#at;
    do {
      end = this.#text.indexOf('"', end + 1);
      if (end < 0) throw this.#unexpected("a text that ends");
    } while (this.#isEscaped(end));
    try {
      const text = JSON.parse(this.#text.slice(this.#at, end + 1)) as string;
      this.#at = end + 1;
      return text;
    } catch {
      throw this.#unexpected("a text without control characters and unknown escapes");
    }
  }

  /** Returns whether an odd number of backslashes precedes a position. */
  #isEscaped(at: number): boolean {
    let start = at;
    while (this.#text[start - 1] === "\\") start--;
    return (at - start) % 2 === 1;
  }

  #scalar(): unknown {
    NUMBER.lastIndex = this.#at;
    const [digits] = NUMBER.exec(this.#text) ?? [];
    if (digits === undefined) return this.#word();
    const number = Number(digits);
    if (!Number.isFinite(number)) throw this.#unexpected("a finite number");
    this.#at = NUMBER.lastIndex;
    return number;
  }

  #word(): unknown {
    for (const [word, value] of WORDS) {
      if (this.#text.startsWith(word, this.#at)) {
        this.#at += word.length;
        return value;
      }
    }
    throw this.#unexpected("a value");
  }

  #skipSpace(): void {
    while (SPACES.includes(this.#text[this.#at])) this.#at++;
  }

  #unexpected(expected: string): FormatError {
    const received = this.#text.slice(this.#at, this.#at + 20);
    const what = received === "" ? "the end" : JSON.stringify(received);
    return new FormatError(`${this.#place}: character ${this.#at}: expected ${expected}, received ${what}`);
  }
}

/**
 * Reads a text that is one JSON value. Error messages begin with `place`.
 *
 * @throws FormatError that gives the index of the wrong character.
 */
export function parseStrictly(text: string, place: string): unknown {
  return new Reader(text, place).whole();
}
