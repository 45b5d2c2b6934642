/** Deleting backups: never the last good one, never under a reader, and nothing left of what is gone. */
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { afterAll, describe, expect, test } from "vitest";
import type { Principal } from "@/server/auth/principal";
import { codeOf } from "@/test/outcomes";
import { sqliteConsole } from "@/test/sqlite-console";

const shop = await sqliteConsole();
const { applyRetention, removeBackup } = await import("@/backups/retention.service");
const { startJob } = await import("@/backups/jobs");
const { artefactPath } = await import("@/backups/store");
const { sweepAfterCrash } = await import("@/backups/sweep");
const { holdArtefact } = await import("@/backups/uses");
const { controlPlane } = await import("@/server/control-plane/database");
const { updateBackup } = await import("@/server/control-plane/backups.repo");
const { writeSetting } = await import("@/server/control-plane/settings.repo");
const { principalOf } = await import("@/test/people");
const { createCaller } = await import("@/trpc/root");

afterAll(() => shop.remove());

const ids = async () => (await controlPlane().selectFrom("backups").select("id").orderBy("id").execute()).map(({ id }) => id);
const filesOf = (name: string) => [artefactPath(name), `${artefactPath(name)}.manifest.json`].filter((path) => existsSync(path));
async function removeAll(): Promise<void> {
  for (const { file_name } of await controlPlane().selectFrom("backups").select("file_name").execute()) for (const path of filesOf(file_name)) rmSync(path);
  await controlPlane().deleteFrom("backups").execute();
}

describe("deleting by hand", () => {
  test("takes the row, the file and the manifest", async () => {
    const [backup, other] = [await shop.complete(), await shop.complete()];
    await removeBackup(backup.id);
    expect(await ids()).not.toContain(backup.id);
    expect(filesOf(backup.file_name)).toEqual([]);
    expect(filesOf(other.file_name)).toHaveLength(2);
    expect(await codeOf(removeBackup(backup.id))).toBe("NOT_FOUND");
    expect(await controlPlane().selectFrom("settings").select("key").where("key", "like", "removed%").execute()).toEqual([]);
  });

  test("is refused for the last good one: a failed, an unverified, one without its file and one from elsewhere do not count", async () => {
    await removeAll();
    const [last, failed, unverified, lost] = [await shop.complete(), await shop.complete(), await shop.complete(), await shop.complete()];
    const uploaded = await shop.complete();
    await controlPlane().updateTable("backups").set({ origin: "upload" }).where("id", "=", uploaded.id).execute();
    await updateBackup(failed.id, { state: "failed" });
    await updateBackup(unverified.id, { verified_at: null });
    rmSync(artefactPath(lost.file_name));
    expect(await codeOf(removeBackup(last.id))).toBe("CONFLICT");
    expect(filesOf(last.file_name)).toHaveLength(2);
    for (const { id } of [failed, unverified, lost, uploaded]) await removeBackup(id);
    expect(await ids()).toEqual([last.id]);
  });

  test("of the last two at the same moment leaves one", async () => {
    await removeAll();
    const [one, two] = [await shop.complete(), await shop.complete()];
    const codes = await Promise.all([codeOf(removeBackup(one.id)), codeOf(removeBackup(two.id))]);
    expect(codes.toSorted()).toEqual(["CONFLICT", "ok"]);
    expect(await ids()).toHaveLength(1);
  });

  test("F17: is refused while it is downloaded, and while a job reads it", async () => {
    const [backup] = [await shop.complete(), await shop.complete()];
    const release = holdArtefact(backup.id);
    expect(await codeOf(removeBackup(backup.id))).toBe("CONFLICT");
    release();
    let go: () => void = () => {};
    const gone = new Promise<void>((resolve) => (go = resolve));
    const { jobId } = await startJob({ kind: "restore", connection: shop.connection, user: shop.user, request: { backupId: backup.id } }, async () => {
      await gone;
      return {};
    });
    expect(await codeOf(removeBackup(backup.id))).toBe("CONFLICT");
    expect(filesOf(backup.file_name)).toHaveLength(2);
    go();
    await shop.ended(jobId);
    await removeBackup(backup.id);
  });

  test("that a crash cut off is finished at the next start", async () => {
    const name = "sq-main-20260101-0000-aaaaaa.sqlite";
    writeFileSync(artefactPath(name), "x");
    writeFileSync(`${artefactPath(name)}.manifest.json`, "{}");
    await writeSetting(`removed file|${name}`, "sq-main-20260101-0000-aaaaaa");
    await sweepAfterCrash(() => shop.engine);
    expect(filesOf(name)).toEqual([]);
    expect(await controlPlane().selectFrom("settings").select("key").where("key", "like", "removed%").execute()).toEqual([]);
  });

  test("needs the typed id and a fresh sign-in", async () => {
    const [backup] = [await shop.complete(), await shop.complete()];
    const admin = principalOf({ id: "admin", name: "Admin", email: "a@b.c", role: "admin" });
    const as = (principal: Principal) => createCaller({ principal, requestId: "test", address: "::1" }).sqlite.backups;
    expect(await codeOf(as(admin).remove({ id: backup.id, confirm: "main" }))).toBe("BAD_REQUEST");
    const stale = { ...admin, signedInAt: "2026-01-01T00:00:00.000Z" };
    expect(await codeOf(as(stale).remove({ id: backup.id, confirm: backup.id }))).toBe("FORBIDDEN");
    expect(await codeOf(as(admin).remove({ connection: "control-plane", id: backup.id, confirm: backup.id }))).toBe("NOT_FOUND");
    expect(filesOf(backup.file_name)).toHaveLength(2);
    expect(await codeOf(as(admin).remove({ id: backup.id, confirm: backup.id }))).toBe("ok");
  });
});

describe("retention", () => {
  test("J7: deletes what the schedule made and no longer keeps, with its audit rows; what is being read stays for the next time", async () => {
    await removeAll();
    const hand = await shop.complete();
    const made: string[] = [];
    for (let night = 0; night < 4; night += 1) {
      const { id } = await shop.complete();
      await updateBackup(id, { schedule_id: "s", started_at: `2026-01-0${night + 1}T03:00:00.000Z` });
      made.push(id);
    }
    const lines: string[] = [];
    const apply = () => applyRetention("sqlite/main", { id: "s", keep_last: 2, keep_days: null }, { log: (line) => lines.push(line) });
    const release = holdArtefact(made[0] ?? "");
    expect(await apply()).toBe(1);
    expect(lines.join("\n")).toContain(`left ${made[0]}`);
    release();
    expect(await apply()).toBe(1);
    expect(await ids()).toEqual([hand.id, made[2], made[3]].toSorted());
    const rows = await controlPlane()
      .selectFrom("audit")
      .select(["outcome", "target", "actor_name"])
      .where("procedure", "=", "retention")
      .orderBy("seq")
      .execute();
    expect(rows.map(({ outcome, target }) => `${outcome} ${made.indexOf(target)}`).toSorted()).toEqual(
      ["started 0", "started 1", "failed 0", "allowed 1", "started 0", "allowed 0"].toSorted(),
    );
    expect(new Set(rows.map(({ actor_name }) => actor_name))).toEqual(new Set(["the console"]));
  });
});
