/** A limit of requests per second and client: a token bucket for each client. */
import { now } from "../host.ts";

/** A client's tokens at a time. */
interface Bucket {
  tokens: number;
  /** In seconds. */
  at: number;
}

/**
 * Clients that are remembered. Beyond it the client whose last request is the longest ago is forgotten, so
 * that many addresses do not fill the memory.
 */
const MOST_CLIENTS = 10_000;

/**
 * Limits how often each client may do something: a bucket of tokens that fills at `rate` a second up to
 * max(1, rate), from which each request takes one.
 */
export class RateLimit {
  readonly #rate: number;
  readonly #most: number;
  readonly #seconds: () => number;
  /** From the client whose last request is the longest ago to the latest. */
  readonly #buckets = new Map<string, Bucket>();

  constructor(rate: number, seconds: () => number = () => now() / 1000) {
    this.#rate = rate;
    this.#most = Math.max(1, rate);
    this.#seconds = seconds;
  }

  /** Takes a token. Returns 0, or the seconds until the client may try again. */
  take(client: string): number {
    const at = this.#seconds();
    const bucket = this.#buckets.get(client) ?? { tokens: this.#most, at };
    bucket.tokens = Math.min(this.#most, bucket.tokens + this.#rate * (at - bucket.at));
    bucket.at = at;
    this.#buckets.delete(client);
    this.#buckets.set(client, bucket);
    if (this.#buckets.size > MOST_CLIENTS) this.#buckets.delete(this.#buckets.keys().next().value as string);
    if (bucket.tokens < 1) return (1 - bucket.tokens) / this.#rate;
    bucket.tokens--;
    return 0;
  }
}
