import { afterAll, describe, expect, it } from "vitest";
import { appendAudit, type AuditEntry, completeAudit, listAudit, verifyAudit } from "@/server/audit";
import { temporaryControlPlane } from "@/test/control-plane";

const plane = await temporaryControlPlane();
afterAll(plane.remove);

const entry = (change: Partial<AuditEntry> = {}): AuditEntry => ({
  actor_id: "u1",
  actor_name: "Mara",
  role: "admin",
  session: "12345678",
  address: "127.0.0.1",
  action: "read",
  connection_id: "postgres/main",
  procedure: "postgres.tables.rows",
  target: "public.orders",
  input: "{}",
  outcome: "allowed",
  detail: "100 rows",
  completes: null,
  request_id: "req_1",
  ...change,
});

describe("smoke", () => {
  it("appends, completes, lists, verifies", async () => {
    const started = await appendAudit(entry({ outcome: "started" }));
    await completeAudit(started.seq, { outcome: "failed", detail: "x" });
    const many = await Promise.all(Array.from({ length: 100 }, () => appendAudit(entry())));
    expect(new Set(many.map((row) => row.seq)).size).toBe(100);
    const page = await listAudit({ outcome: "failed" });
    expect(page.entries).toHaveLength(1);
    expect(page.entries[0]).toMatchObject({ outcome: "failed", detail: "x", completedBySeq: 2 });
    expect(await verifyAudit()).toMatchObject({ ok: true, rows: 102 });
  });
});
