import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Kept, toRemove } from "./keeping";

const NOW = new Date("2026-11-23T12:00:00.000Z");
const daysAgo = (days: number) => new Date(NOW.getTime() - days * 86_400_000).toISOString();
const good = (id: string, days: number, more: Partial<Kept> = {}): Kept => ({
  id,
  state: "complete",
  startedAt: daysAgo(days),
  isGood: true,
  provedAt: null,
  scheduleId: "s",
  ...more,
});
const failed = (id: string, days: number): Kept => good(id, days, { state: "failed", isGood: false });
const rule = { scheduleId: "s", keepLast: 2, keepDays: null, failedDays: 30 };

describe("retention", () => {
  test("keeps the last good ones of the schedule", () => {
    expect(toRemove([good("a", 4), good("b", 3), good("c", 2), good("d", 1)], rule, NOW).toSorted()).toEqual(["a", "b"]);
  });

  test("F25: failed nights push nothing out", () => {
    const nights = Array.from({ length: 10 }, (_, night) => failed(`f${night}`, night));
    expect(toRemove([...nights, good("a", 12), good("b", 11)], rule, NOW)).toEqual([]);
  });

  test("one that is not verified, or whose file is gone, does not count", () => {
    expect(toRemove([good("a", 5), good("b", 4), good("c", 1, { isGood: false })], { ...rule, keepLast: 1 }, NOW)).toEqual(["a"]);
    expect(toRemove([good("a", 5), good("c", 1, { isGood: false })], { ...rule, keepLast: 1 }, NOW)).toEqual([]);
  });

  test("keeps what is young beside the last ones, and everything without a rule", () => {
    const all = [good("a", 9), good("b", 6), good("c", 2), good("d", 1)];
    expect(toRemove(all, { ...rule, keepLast: 1, keepDays: 7 }, NOW)).toEqual(["a"]);
    expect(toRemove(all, { ...rule, keepLast: null }, NOW)).toEqual([]);
  });

  test("leaves what a person took, what another schedule took, and the last proved one", () => {
    const all = [
      good("hand", 90, { scheduleId: null }),
      good("other", 80, { scheduleId: "t" }),
      good("proved", 70, { provedAt: daysAgo(69) }),
      good("a", 3),
      good("b", 2),
      good("c", 1),
    ];
    expect(toRemove(all, { ...rule, keepLast: 1 }, NOW).toSorted()).toEqual(["a", "b"]);
  });

  test("a clock that jumped a year ahead leaves the last ones", () => {
    const all = [good("a", 3), good("b", 2), good("c", 1)];
    expect(toRemove(all, { ...rule, keepLast: 2, keepDays: 1 }, new Date(NOW.getTime() + 366 * 86_400_000))).toEqual(["a"]);
  });

  test("F25: a clock that jumped ahead, or a long pause, does not take away all that was young the run before", () => {
    const nights = Array.from({ length: 30 }, (_, night) => good(`n${night}`, night + 1));
    const byDays = { ...rule, keepLast: null, keepDays: 14 };
    const steady = toRemove([...nights, good("new", 0)], byDays, NOW);
    expect(steady).toHaveLength(16);
    const kept = nights.filter(({ id }) => !steady.includes(id));
    for (const jump of [40, 366, 20_000]) {
      const then = new Date(NOW.getTime() + jump * 86_400_000);
      const wrong = good("wrong", -jump);
      expect(toRemove([...kept, wrong], byDays, then), `${jump} days ahead`).toEqual([]);
      // Set right again: the one of the future is the newest, and takes none with it but the one whose time has come.
      expect(toRemove([...kept, wrong, good("right", 0)], byDays, NOW), `${jump} days ahead and back`).toEqual(["n13"]);
    }
    // Behind by years: nothing is old.
    expect(toRemove([...kept, good("past", 9_000)], byDays, new Date(NOW.getTime() - 9_000 * 86_400_000))).toEqual([]);
  });

  test("failed ones go when they are old and a newer one is good", () => {
    expect(toRemove([failed("f", 40), good("a", 1)], rule, NOW)).toEqual(["f"]);
    expect(toRemove([failed("f", 20), good("a", 1)], rule, NOW)).toEqual([]);
    expect(toRemove([failed("f", 40), good("a", 50)], rule, NOW)).toEqual([]);
  });

  test("J7: never takes the newest good or the newest proved one, whatever there is", () => {
    const backup = fc.record({
      state: fc.constantFrom("complete" as const, "failed" as const, "running" as const),
      days: fc.integer({ min: 0, max: 400 }),
      verified: fc.boolean(),
      proved: fc.boolean(),
      scheduleId: fc.constantFrom("s", "t", null),
    });
    const option = fc.option(fc.integer({ min: 1, max: 20 }), { nil: null });
    fc.assert(
      fc.property(fc.array(backup, { maxLength: 30 }), option, option, fc.integer({ min: -500, max: 500 }), (backups, keepLast, keepDays, jump) => {
        const all = backups.map(({ state, days, verified, proved, scheduleId }, index) =>
          good(`b${index}`, days, { state, isGood: state === "complete" && verified, provedAt: proved ? daysAgo(days) : null, scheduleId }),
        );
        const gone = new Set(toRemove(all, { ...rule, keepLast, keepDays }, new Date(NOW.getTime() + jump * 86_400_000)));
        const left = all.filter(({ id }) => !gone.has(id));
        expect(left.some(({ isGood }) => isGood)).toBe(all.some(({ isGood }) => isGood));
        expect(left.some(({ isGood, provedAt }) => isGood && provedAt)).toBe(all.some(({ isGood, provedAt }) => isGood && provedAt !== null));
        expect(all.filter(({ id, scheduleId, state }) => gone.has(id) && (scheduleId !== "s" || state === "running"))).toEqual([]);
        const ownGood = (some: Kept[]) => some.filter(({ isGood, scheduleId }) => isGood && scheduleId === "s").length;
        if (keepLast !== null) expect(ownGood(left)).toBeGreaterThanOrEqual(Math.min(keepLast, ownGood(all)));
      }),
    );
  });
});
