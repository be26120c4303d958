/** How trainings on the calling thread share the event loop's turns, on a clock that the test sets. */
import { describe, expect, test } from "vitest";
import { Scheduler } from "../src/kernel/scheduler.ts";

const HOLD = 4;

/** Returns a host whose clock and turns the test controls, and a log of the steps in each turn. */
function setUp() {
  let time = 100;
  let pending: (() => void) | undefined;
  let log: string[] = [];
  const scheduler = new Scheduler(
    {
      now: () => time,
      nextTurn(callback) {
        expect(pending).toBeUndefined();
        pending = callback;
      },
    },
    HOLD,
  );
  /** Returns a job of several steps of this duration. */
  const job = (name: string, steps: number, milliseconds = 1) => {
    let left = steps;
    return scheduler.run(() => {
      if (left > 0) log.push(name);
      time += milliseconds;
      return --left <= 0;
    });
  };
  /** Advances to the next turn. Returns its steps, or undefined if nothing waits for a turn. */
  const turn = async () => {
    const callback = pending;
    [pending, log] = [undefined, []];
    callback?.();
    await Promise.resolve();
    return callback && log.join("");
  };
  const pass = (milliseconds: number) => {
    time += milliseconds;
  };
  return { scheduler, job, turn, log: () => log.join(""), pass };
}

describe("the scheduler", () => {
  test("yields to the event loop if the clock has stopped", async () => {
    const { job, turn } = setUp();
    void job("a", 25_000, 0);
    await turn();
    expect((await turn())?.length).toBe(10_000);
  });

  test("takes no step before the event loop has turned", async () => {
    const { job, turn, log } = setUp();
    job("a", 2);
    expect(log()).toBe("");
    expect(await turn()).toBe("aa");
    expect(await turn()).toBeUndefined();
  });

  test("holds a turn as long for forty jobs as for one, and starts each turn with the next job", async () => {
    const { job, turn } = setUp();
    const names = Array.from({ length: 40 }, (_, at) => String.fromCharCode(65 + at));
    for (const name of names) job(name, 8);
    const turns = [];
    for (let taken = await turn(); taken !== undefined; taken = await turn()) turns.push(taken);
    const round = names.map((name) => name.repeat(HOLD));
    expect(turns).toEqual([...round, ...round]);
  });

  test("gives the remaining time of a job to the next one", async () => {
    const { job, turn } = setUp();
    job("a", 1);
    job("b", 2);
    job("c", 3);
    expect(await turn()).toBe("abbc");
    expect(await turn()).toBe("cc");
  });

  test("lets a new job use the rest of the current turn, and no more", async () => {
    const { job, turn, log } = setUp();
    const first = job("a", 1);
    first.then(() => job("b", 9));
    await turn();
    await first;
    expect(log()).toBe("abbb");
    expect(await turn()).toBe("bbbb");
    expect(await turn()).toBe("bb");
  });

  test("takes at least one step in a turn, even a long one", async () => {
    const { job, turn } = setUp();
    job("a", 2, 50);
    job("b", 1, 50);
    expect([await turn(), await turn(), await turn(), await turn()]).toEqual(["a", "b", "a", undefined]);
  });

  test("waits for a turn after an idle time, and after the clock was set back", async () => {
    const { job, turn, log, pass } = setUp();
    for (const milliseconds of [1000, -500]) {
      pass(1000);
      job("a", 1);
      expect(await turn()).toBe("a");
      pass(milliseconds);
      job("b", 1);
      expect(log()).toBe("a");
      expect(await turn()).toBe("b");
    }
  });

  test("a job that throws does not end the others", async () => {
    const { scheduler, job, turn } = setUp();
    const failed = scheduler.run(() => {
      throw new RangeError("no memory");
    });
    const rejected = expect(failed).rejects.toThrow("no memory");
    const ended = job("a", 2);
    expect(await turn()).toBe("aa");
    await Promise.all([rejected, ended]);
  });
});
