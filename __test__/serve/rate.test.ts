import { expect, test } from "vitest";
import { RateLimit } from "../../src/serve/rate.ts";

/** A limit with a clock that is set by hand. */
function limitAt(rate: number) {
  let time = 0;
  const limit = new RateLimit(rate, () => time);
  return { take: (client: string) => limit.take(client), wait: (seconds: number) => (time += seconds) };
}

test("a client may make the requests of a second at once, then as many as the rate", () => {
  const { take, wait } = limitAt(3);
  expect([1, 2, 3].map(() => take("a"))).toEqual([0, 0, 0]);
  expect(take("a")).toBeCloseTo(1 / 3);
  wait(1 / 3 + 1e-9);
  expect(take("a")).toBe(0);
  expect(take("a")).toBeGreaterThan(0);
  expect(take("b")).toBe(0);
});

test("a rate below one allows one request at a time", () => {
  const { take, wait } = limitAt(0.5);
  expect([take("a"), take("a")]).toEqual([0, 2]);
  wait(100);
  expect([take("a"), take("a")]).toEqual([0, 2]);
});

test("many addresses do not fill the memory, and the busiest client is not forgotten", () => {
  const { take } = limitAt(1);
  expect(take("busy")).toBe(0);
  for (let client = 0; client < 30_000; client++) {
    take(`client ${client}`);
    if (client % 1000 === 0) expect(take("busy")).toBe(1);
  }
  expect(take("client 0")).toBe(0);
  expect(take("client 29999")).toBe(1);
});
