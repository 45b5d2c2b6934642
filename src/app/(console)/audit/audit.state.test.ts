import { describe, expect, it } from "vitest";
import { type AuditState, filtersOf, periodStart } from "./audit.state";

const empty: AuditState = { q: "", when: null, who: null, action: [], engine: null, connection: null, outcome: null, row: null };

describe("filters of the URL", () => {
  it("asks for nothing without filters, and never for the open row", () => {
    expect(filtersOf(empty, new Date())).toEqual({});
    expect(filtersOf({ ...empty, row: 12 }, new Date())).toEqual({});
  });

  it("turns each into what the server knows", () => {
    const now = new Date(2026, 10, 23, 9, 41, 7);
    expect(
      filtersOf({ q: "orders", when: "24 hours", who: "u1", action: ["write"], engine: "redis", connection: "redis/main", outcome: "refused", row: null }, now),
    ).toEqual({
      search: "orders",
      from: new Date(2026, 10, 22, 9, 0, 0).toISOString(),
      actorId: "u1",
      actions: ["write"],
      engine: "redis",
      connectionId: "redis/main",
      outcome: "refused",
    });
  });

  it("begins today at the reader's midnight", () => {
    expect(periodStart("today", new Date(2026, 10, 23, 9, 41))).toBe(new Date(2026, 10, 23).toISOString());
  });
});
