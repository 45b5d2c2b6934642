import { spawn } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, copyFileSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { sql } from "kysely";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { appendAudit, type AuditEntry, completeAudit, listAudit, verifyAudit } from "@/server/audit";
import { anchorPath, writeHead } from "@/server/audit-anchor";
import { countAudit } from "@/server/audit-list";
import { controlPlane, controlPlanePath } from "@/server/control-plane/database";
import { temporaryControlPlane } from "@/test/control-plane";

const plane = await temporaryControlPlane();
afterAll(plane.remove);

const entry = (change: Partial<AuditEntry> = {}): AuditEntry => ({
  actor_id: "u1",
  actor_name: "Mara Lindqvist",
  role: "admin",
  session: "5f0c1234",
  address: "10.4.7.33",
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
const append = (change: Partial<AuditEntry> = {}) => appendAudit(entry(change));
const appendMany = (count: number) => Promise.all(Array.from({ length: count }, () => append()));
const run = (statement: string) => sql.raw(statement).execute(controlPlane());

/** What somebody with the database file in hand can do. */
async function tampering(work: () => Promise<unknown>): Promise<void> {
  await run("DROP TRIGGER audit_no_update");
  await run("DROP TRIGGER audit_no_delete");
  await run("PRAGMA foreign_keys = OFF");
  await work();
  await run("PRAGMA foreign_keys = ON");
}

/** An empty log, with its triggers. */
beforeEach(async () => {
  await run("DROP TRIGGER IF EXISTS audit_no_update");
  await run("DROP TRIGGER IF EXISTS audit_no_delete");
  await run("DROP TRIGGER IF EXISTS full_disk");
  await run("UPDATE audit SET completes = NULL");
  await run("DELETE FROM audit");
  await run("DELETE FROM sqlite_sequence WHERE name = 'audit'");
  await run("CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END");
  await run("CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END");
  writeFileSync(anchorPath(), "");
  (globalThis as { __foundryConsole?: Map<string, unknown> }).__foundryConsole?.delete("audit-anchor");
});

describe("writing", () => {
  it("does not say that nothing was done when only the end of it cannot be written", async () => {
    const { seq } = await append({ outcome: "started" });
    await run("CREATE TRIGGER full_disk BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'disk full'); END");
    await expect(append({ outcome: "started" })).rejects.toThrow("nothing was done");
    await expect(completeAudit(seq, { outcome: "allowed", detail: "" })).rejects.toThrow(/^((?!nothing was done).)*$/);
    await expect(append({ outcome: "allowed" })).rejects.toThrow(/^((?!nothing was done).)*$/);
  });

  it("L4: 100 writers at once make one unbroken chain", async () => {
    const written = await appendMany(100);
    expect(written.map(({ seq }) => seq)).toEqual(Array.from({ length: 100 }, (_, index) => index + 1));
    expect(await verifyAudit()).toMatchObject({ ok: true, rows: 100, problem: null });
  });

  it("L4: a writer of another process is waited for", async () => {
    await append();
    const hold = `const db = new (require("better-sqlite3"))(process.argv[1]); db.exec("BEGIN IMMEDIATE"); console.log("held");
      setTimeout(() => { db.exec("COMMIT"); db.close(); }, 500);`;
    const other = spawn(process.execPath, ["-e", hold, controlPlanePath()], { stdio: ["ignore", "pipe", "inherit"] });
    await once(other.stdout, "data");
    const started = performance.now();
    const exited = once(other, "exit");
    await appendMany(20);
    expect(performance.now() - started).toBeGreaterThan(200);
    await exited;
    expect(await verifyAudit()).toMatchObject({ ok: true, rows: 21 });
  });

  it("L2: fails loudly when a row cannot be written, and works again after", async () => {
    await run("CREATE TRIGGER full_disk BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'no space'); END");
    const results = await Promise.allSettled([append(), append(), completeAudit(1, { outcome: "allowed", detail: "" })]);
    for (const result of results)
      expect(result).toMatchObject({
        status: "rejected",
        reason: { code: "INTERNAL", message: expect.stringContaining("The audit log cannot be written") as string },
      });
    await run("DROP TRIGGER full_disk");
    await append();
    expect(await verifyAudit()).toMatchObject({ ok: true, rows: 1 });
  });

  it("completes a started row once; a second completion fails alone", async () => {
    const { seq } = await append({ outcome: "started", detail: "" });
    await completeAudit(seq, { outcome: "allowed", detail: "9 rows" });
    const [again, good] = await Promise.allSettled([completeAudit(seq, { outcome: "failed", detail: "again" }), append()]);
    expect([again.status, good.status]).toEqual(["rejected", "fulfilled"]);
    const { entries } = await listAudit({});
    expect(entries.map(({ seq: at, outcome, detail, completedBySeq }) => [at, outcome, detail, completedBySeq])).toEqual([
      [3, "allowed", "100 rows", null],
      [1, "allowed", "9 rows", 2],
    ]);
  });

  it("L5: the console's own statements cannot change or remove a row", async () => {
    await append();
    await expect(controlPlane().updateTable("audit").set({ detail: "x" }).execute()).rejects.toThrow("append-only");
    await expect(controlPlane().deleteFrom("audit").execute()).rejects.toThrow("append-only");
  });

  it("L6: one row is one line, whatever somebody typed", async () => {
    await append({ target: "a\nb\u001b[31m\u0000<img src=x>\u202etxt.exe\u2028", actor_name: `${"é".repeat(300)}\ud800` });
    const { entries } = await listAudit({});
    expect(entries[0]?.target).toBe("a\\u000ab\\u001b[31m\\u0000<img src=x>\\u202etxt.exe\\u2028");
    expect(entries[0]?.actor_name).toHaveLength(200);
    expect(await verifyAudit()).toMatchObject({ ok: true });
  });
});

describe("L3: verifying", () => {
  const columns = ["at", "actor_name", "role", "session", "address", "action", "connection_id", "procedure", "target", "input", "detail", "request_id"];
  it.each(columns)("names the row whose %s was changed", async (column) => {
    await appendMany(5);
    await tampering(() => run(`UPDATE audit SET "${column}" = 'x' WHERE seq = 3`));
    expect(await verifyAudit()).toMatchObject({ ok: false, rows: 2, firstBadSeq: 3, problem: "Row 3 was changed" });
  });

  it("names a changed outcome, hash, and completion", async () => {
    for (const change of ["outcome = 'refused'", "hash = '00'", "completes = 1", "actor_id = NULL"]) {
      await run("DROP TRIGGER IF EXISTS audit_no_update");
      const { seq } = await append({ actor_id: "u1" });
      await run("CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END");
      await run("DROP TRIGGER audit_no_update");
      const before = await controlPlane().selectFrom("audit").selectAll().where("seq", "=", seq).executeTakeFirstOrThrow();
      await run(`UPDATE audit SET ${change} WHERE seq = ${seq}`);
      expect(await verifyAudit()).toMatchObject({ ok: false, firstBadSeq: seq });
      const { outcome, hash, completes, actor_id } = before;
      await controlPlane().updateTable("audit").set({ outcome, hash, completes, actor_id }).where("seq", "=", seq).execute();
    }
    expect(await verifyAudit()).toMatchObject({ ok: true });
  });

  it("names a row that is missing in the middle or at the start", async () => {
    await appendMany(5);
    await tampering(() => run("DELETE FROM audit WHERE seq = 3"));
    expect(await verifyAudit()).toMatchObject({ ok: false, firstBadSeq: 3, problem: "Row 3 is missing" });
    await run("DELETE FROM audit WHERE seq = 1");
    expect(await verifyAudit()).toMatchObject({ ok: false, firstBadSeq: 1 });
  });

  it("sees two rows that changed places", async () => {
    await appendMany(5);
    await tampering(async () => {
      await run("UPDATE audit SET seq = 99 WHERE seq = 2");
      await run("UPDATE audit SET seq = 2 WHERE seq = 3");
      await run("UPDATE audit SET seq = 3 WHERE seq = 99");
    });
    expect(await verifyAudit()).toMatchObject({ ok: false, firstBadSeq: 2, problem: "Row 2 does not follow the row before it" });
  });

  it("sees a removed end by SQLite's own counter", async () => {
    await appendMany(5);
    await tampering(() => run("DELETE FROM audit WHERE seq > 3"));
    expect(await verifyAudit()).toMatchObject({ ok: false, firstBadSeq: 4, problem: "Rows 4 to 5 were removed from the end" });
  });

  it("sees a removed end by the written heads when the counter was put back too", async () => {
    await appendMany(5);
    writeHead();
    await tampering(async () => {
      await run("DELETE FROM audit WHERE seq > 3");
      await run("UPDATE sqlite_sequence SET seq = 3 WHERE name = 'audit'");
    });
    expect(await verifyAudit()).toMatchObject({ ok: false, firstBadSeq: 4, problem: "The log once reached row 5, now it ends at row 3" });
  });

  it("sees an emptied log", async () => {
    await appendMany(5);
    writeHead();
    await tampering(() => run("DELETE FROM audit"));
    await run("DELETE FROM sqlite_sequence WHERE name = 'audit'");
    expect(await verifyAudit()).toMatchObject({ ok: false, firstBadSeq: 1 });
  });

  it("sees a whole log that was replaced by an older state of the same console", async () => {
    await appendMany(3);
    await run("VACUUM INTO '" + join(plane.directory, "older.sqlite") + "'");
    await appendMany(3);
    expect(await verifyAudit()).toMatchObject({ ok: true, rows: 6 });
    await run(`ATTACH '${join(plane.directory, "older.sqlite")}' AS older`);
    await tampering(async () => {
      await run("DELETE FROM audit");
      await run("INSERT INTO audit SELECT * FROM older.audit");
      await run("UPDATE sqlite_sequence SET seq = 3 WHERE name = 'audit'");
    });
    await appendMany(3);
    await run("DETACH older");
    expect(await verifyAudit()).toMatchObject({ ok: false, firstBadSeq: 6, problem: "Row 6 is not the one that was written down as head" });
  });

  it("sees a chain made anew with another key", async () => {
    await appendMany(2);
    const row = await controlPlane().selectFrom("audit").selectAll().where("seq", "=", 2).executeTakeFirstOrThrow();
    const { chainHash } = await import("@/server/audit-chain");
    const forged = chainHash({ ...row, detail: "nothing" }, { previousHash: row.previous_hash, key: Buffer.alloc(32) });
    await tampering(() => controlPlane().updateTable("audit").set({ detail: "nothing", hash: forged }).where("seq", "=", 2).execute());
    expect(await verifyAudit()).toMatchObject({ ok: false, firstBadSeq: 2 });
  });

  it("says when the file of heads is gone or spoilt", async () => {
    await appendMany(300);
    const kept = join(plane.directory, "kept-heads");
    copyFileSync(anchorPath(), kept);
    appendFileSync(anchorPath(), "not a head\n");
    expect(await verifyAudit()).toMatchObject({ ok: false });
    rmSync(anchorPath());
    expect((await verifyAudit()).problem).toContain("The file of heads is missing");
    writeFileSync(anchorPath(), readFileSync(kept));
    expect(await verifyAudit()).toMatchObject({ ok: true, rows: 300 });
  });

  it("is happy with an empty log", async () => {
    expect(await verifyAudit()).toMatchObject({ ok: true, rows: 0, head: null });
  });
});

describe("reading", () => {
  it("pages newest first, without a gap or a double", async () => {
    await appendMany(25);
    const seen: number[] = [];
    let before: number | undefined;
    do {
      const page = await listAudit({}, { before, limit: 10 });
      seen.push(...page.entries.map(({ seq }) => seq));
      before = page.nextBefore ?? undefined;
    } while (before !== undefined);
    expect(seen).toEqual(Array.from({ length: 25 }, (_, index) => 25 - index));
  });

  it("filters by everything the page offers", async () => {
    await append({ connection_id: "redis/main", action: "write", target: "session:100%_a", request_id: "req_FIND" });
    await append({ connection_id: "redis/staging", actor_id: "u2" });
    const { seq } = await append({ outcome: "started", connection_id: null, action: "restore" });
    await completeAudit(seq, { outcome: "failed", detail: "no space" });
    const count = async (filters: Parameters<typeof listAudit>[0]) => {
      const { entries } = await listAudit(filters);
      expect(await countAudit(filters)).toEqual({ count: entries.length, more: false });
      return entries.length;
    };
    expect(await count({})).toBe(3);
    expect(await count({ engine: "redis" })).toBe(2);
    expect(await count({ connectionId: "redis/main" })).toBe(1);
    expect(await count({ actorId: "u2" })).toBe(1);
    expect(await count({ actions: ["write", "restore"] })).toBe(2);
    expect(await count({ outcome: "failed" })).toBe(1);
    expect(await count({ outcome: "started" })).toBe(0);
    expect(await count({ search: "100%_A" })).toBe(1);
    expect(await count({ search: "%" })).toBe(1);
    expect(await count({ search: "req_find" })).toBe(1);
    expect(await count({ from: new Date(Date.now() - 60_000).toISOString(), to: new Date(Date.now() + 60_000).toISOString() })).toBe(3);
    expect(await count({ to: "2020-01-01T00:00:00.000Z" })).toBe(0);
    expect(await countAudit({}, 2)).toEqual({ count: 2, more: true });
  });

  it("reads a long log in slices without a gap, a double, or a long silence", async () => {
    await run(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000)
      INSERT INTO audit (at, actor_id, actor_name, action, procedure, target, input, outcome, detail, request_id, previous_hash, hash)
      SELECT strftime('%Y-%m-%dT%H:%M:%fZ', '2026-01-01', '+' || i || ' seconds'), 'u' || (i % 9000), 'x', 'read', 'p', 't', '{}', 'allowed', '', 'r', '', '' FROM n`);
    const found = async (filters: Parameters<typeof listAudit>[0], limit: number) => {
      const seen: number[] = [];
      for (let before: number | undefined, more = true; more;) {
        const page = await listAudit(filters, { before, limit });
        seen.push(...page.entries.map(({ seq }) => seq));
        more = page.nextBefore !== null;
        before = page.nextBefore ?? undefined;
      }
      return seen;
    };
    expect(await found({ actorId: "u17" }, 2)).toEqual([45_017, 36_017, 27_017, 18_017, 9_017, 17]);
    expect(await found({ from: "2026-01-01T07:00:00.000Z", to: "2026-01-01T07:00:03.000Z" }, 2)).toEqual([25_202, 25_201, 25_200]);
    expect(await countAudit({ actorId: "u17" })).toEqual({ count: 6, more: false });
    expect(await countAudit({})).toEqual({ count: 10_000, more: true });
    let turns = 0;
    const timer = setInterval(() => (turns += 1), 1);
    await listAudit({ search: "nothing like it" });
    clearInterval(timer);
    expect(turns).toBeGreaterThan(1);
  });
});
