import { describe, expect, it } from "vitest";
import { dayState, timelineDays } from "@/lib/timeline";

const at = (id: string, startedAt: string, state: "verified" | "failed" | "proved" | "running") => ({ id, startedAt, state });

describe("timelineDays", () => {
  it("ends today, oldest first, each backup on its day in the zone", () => {
    const days = timelineDays([at("b", "2026-11-22T23:30:00Z", "verified"), at("a", "2026-11-22T02:12:00Z", "failed")], {
      now: new Date("2026-11-23T08:41:00Z"),
      timeZone: "Europe/Berlin",
    });
    expect(days).toHaveLength(30);
    expect(days[0]).toMatchObject({ date: "2026-10-25", day: 25, month: "Oct", weekend: true, today: false });
    expect(days[7]).toMatchObject({ date: "2026-11-01", month: "Nov" });
    expect(days.at(-1)).toMatchObject({ date: "2026-11-23", today: true, backups: [{ id: "b" }] });
    expect(days.at(-2)?.backups.map(({ id }) => id)).toEqual(["a"]);
  });

  it("has every day once where the clocks change", () => {
    const days = timelineDays([], { now: new Date("2026-11-01T12:00:00Z"), timeZone: "Europe/Berlin" });
    expect(new Set(days.map(({ date }) => date)).size).toBe(30);
  });

  it("stacks several of a day from the oldest on", () => {
    const days = timelineDays([at("late", "2026-11-23T08:00:00Z", "running"), at("early", "2026-11-23T02:00:00Z", "verified")], {
      now: new Date("2026-11-23T08:41:00Z"),
      timeZone: "UTC",
    });
    expect(days.at(-1)?.backups.map(({ id }) => id)).toEqual(["early", "late"]);
  });
});

describe("dayState", () => {
  it("does not hide a failure behind a later success", () => {
    expect(dayState([at("a", "1", "failed"), at("b", "2", "verified")])).toBe("failed");
    expect(dayState([at("a", "1", "verified"), at("b", "2", "proved"), at("c", "3", "running")])).toBe("proved");
    expect(dayState([])).toBeNull();
  });
});
