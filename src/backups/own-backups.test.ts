import { describe, expect, it } from "vitest";
import { lastGood, lastProved, lastTry } from "@/backups/own-backups";

const at = (day: number) => `2026-11-${String(day).padStart(2, "0")}T03:12:00.000Z`;
const base = { origin: "console" as const, isElsewhere: false, state: "complete" as const, verifiedAt: null as string | null, provedAt: null as string | null };
const uploaded = { ...base, id: "uploaded", origin: "upload" as const, verifiedAt: at(23), provedAt: at(23) };
const elsewhere = { ...base, id: "elsewhere", isElsewhere: true, verifiedAt: at(23), provedAt: at(23) };
const refused = { ...base, id: "refused", origin: "upload" as const, state: "failed" as const };
const failed = { ...base, id: "failed", state: "failed" as const };
const running = { ...base, id: "running", state: "running" as const };
const verified = { ...base, id: "verified", verifiedAt: at(20) };
const old = { ...base, id: "old", verifiedAt: at(10), provedAt: at(22) };
const older = { ...base, id: "older", verifiedAt: at(9), provedAt: at(11) };

describe("whether a database is backed up", () => {
  it("is not said by a file from elsewhere", () => {
    expect(lastGood([uploaded])).toBeUndefined();
    expect(lastProved([uploaded])).toBeUndefined();
    expect(lastTry([refused])).toBeUndefined();
  });

  it("is not said by a copy of the database that the connection opened before", () => {
    expect(lastGood([elsewhere])).toBeUndefined();
    expect(lastProved([elsewhere])).toBeUndefined();
    expect(lastTry([elsewhere, failed])?.id).toBe("failed");
  });

  it("is said by the newest of its own that was read back", () => {
    expect(lastGood([running, uploaded, failed, verified, old])?.id).toBe("verified");
  });

  it("is said by the last try, which a refused file is not", () => {
    expect(lastTry([running, refused, failed, verified])?.id).toBe("failed");
    expect(lastTry([refused, verified])?.id).toBe("verified");
  });

  it("is proved by the last proof, not by the proof of the newest backup", () => {
    expect(lastProved([verified, uploaded, older, old])?.id).toBe("old");
    expect(lastProved()).toBeUndefined();
  });
});
