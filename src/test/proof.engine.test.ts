/** Look inside, compare with live, prove, and take in again as a file of elsewhere: the console's half with four real engines. */
import { createReadStream } from "node:fs";
import { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Connection } from "@/server/connection";
import type { BackupRow } from "@/server/control-plane/backups.repo";
import { mongodbSubject } from "@/test/contract/mongodb.subject";
import { postgresSubject } from "@/test/contract/postgres.subject";
import { redisSubject } from "@/test/contract/redis.subject";
import { sqliteSubject } from "@/test/contract/sqlite.subject";
import type { ContractSubject } from "@/test/contract/subject";
import { temporaryControlPlane } from "@/test/control-plane";

const subjects: ContractSubject[] = [sqliteSubject, redisSubject, postgresSubject, mongodbSubject];
const user = { id: "test", name: "Test" };

let plane: Awaited<ReturnType<typeof temporaryControlPlane>>;
const { engineServers } = await import("@/trpc/engine-servers");
const { createBackup, storedArtefact } = await import("@/backups/backups.service");
const { startDrill } = await import("@/backups/drills.service");
const { compareWithLive, peekBackup } = await import("@/backups/inside.service");
const { receiveUpload } = await import("@/backups/uploads.service");
const { findBackup } = await import("@/server/control-plane/backups.repo");
const { findJob } = await import("@/server/control-plane/jobs.repo");

beforeAll(async () => {
  plane = await temporaryControlPlane();
});
afterAll(async () => {
  for (const engine of Object.values(engineServers)) await engine.close();
  await plane.remove();
});

const signal = () => AbortSignal.timeout(30_000);
async function ended(jobId: string) {
  for (let waited = 0; waited < 60_000; waited += 50) {
    const row = await findJob(jobId);
    if (row && row.ended_at !== null) return row;
    await delay(50);
  }
  throw new Error(`job ${jobId} does not end`);
}
async function backupRow(id: string): Promise<BackupRow> {
  const row = await findBackup(id);
  if (!row) throw new Error(`no backup ${id}`);
  return row;
}

describe.for(subjects)("$engine", (subject) => {
  const engine = engineServers[subject.engine].backup;
  let connection: Connection;
  let backup: BackupRow;

  beforeAll(async () => {
    await subject.open();
    // A name as connections have it: it is in the name of the file.
    connection = { ...subject.connection(), id: `${subject.engine}/proof`, name: "proof" };
    const started = await createBackup({ connection, engine, user });
    const job = await ended(started.jobId);
    if (job.state !== "succeeded") throw new Error(`the backup failed: ${job.error}`);
    backup = await backupRow(started.backupId);
  }, 120_000);
  afterAll(async () => {
    await engineServers[subject.engine].close();
    await subject.close();
  }, 60_000);

  test("every object can be looked into", async () => {
    const { manifest } = await storedArtefact(backup);
    for (const object of manifest.objects) {
      // A view holds no rows; some formats have nothing to show of it.
      if (object.count === null) continue;
      const peek = await peekBackup({ backup, engine, signal: signal() }, { object: object.name, limit: 2 });
      expect({ name: object.name, rows: peek.rows.length }).toEqual({ name: object.name, rows: Math.min(2, object.count) });
      expect({ name: object.name, hasMore: peek.hasMore }).toEqual({ name: object.name, hasMore: object.count > 2 });
      for (const row of peek.rows) expect(row).toHaveLength(peek.columns.length);
    }
  }, 120_000);

  test("nothing has changed since the backup, and the place is the one a restore may replace", async () => {
    const result = await compareWithLive(connection, { backup, engine, signal: signal() });
    const { artefact } = await storedArtefact(backup);
    expect(result.objects.filter(({ difference }) => difference === "only in backup" || difference === "only live")).toEqual([]);
    if (!result.liveIsEstimate) expect(result.counts.changed).toBe(0);
    expect(result.counts.same + result.counts.changed).toBeGreaterThan(0);
    const plan = await engine.plan(artefact, connection, { name: result.place, replace: true }, { signal: signal() });
    expect(plan.replaces).toBeTruthy();
  }, 60_000);

  test("a drill proves it and leaves nothing", async () => {
    const before = await subject.places();
    const job = await ended((await startDrill({ backup, connection, engine, user })).jobId);
    expect({ state: job.state, error: job.error }).toEqual({ state: "succeeded", error: null });
    const row = await backupRow(backup.id);
    expect(row.proved_at).not.toBeNull();
    expect(row.proved_how?.length).toBeGreaterThan(20);
    expect(await subject.places()).toEqual(before);
  }, 120_000);

  test("its file, taken in again, is recognised and as good", async () => {
    const { artefact, manifest } = await storedArtefact(backup);
    const body = Readable.toWeb(createReadStream(artefact.path)) as ReadableStream<Uint8Array>;
    const sent = await receiveUpload({ connection, engine, user, name: "again", body, length: artefact.bytes, signal: new AbortController().signal });
    const job = await ended(sent.jobId);
    expect({ state: job.state, error: job.error }).toEqual({ state: "succeeded", error: null });
    const row = await backupRow(sent.backupId);
    expect(row).toMatchObject({ state: "complete", origin: "upload", sha256: backup.sha256, format: manifest.format, item_count: backup.item_count });
    expect(row.file_name.endsWith(engine.extensions?.[manifest.format] ?? engine.extension)).toBe(true);
  }, 120_000);

  test("a file of another engine is refused in words", async () => {
    const foreign = Buffer.from(subject.engine === "postgres" ? `SQLite format 3\0${"\0".repeat(5_000)}` : `PGDMP${"\0".repeat(5_000)}`);
    const body = new Response(foreign).body as ReadableStream<Uint8Array>;
    const sent = await receiveUpload({ connection, engine, user, name: "foreign", body, length: null, signal: new AbortController().signal });
    const job = await ended(sent.jobId);
    expect(JSON.parse(job.error ?? "{}")).toMatchObject({ code: "INVALID" });
    expect(await backupRow(sent.backupId)).toMatchObject({ state: "failed", manifest: null });
  }, 60_000);
});
