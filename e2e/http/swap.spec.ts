/**
 * Replacing live data over REST, as somebody on call does: the old state comes back on undo with everything written since, a console that is
 * killed at any moment leaves exactly the old or exactly the restored state and says which, and nothing stays behind.
 */
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "@playwright/test";
import { rest } from "./client.ts";
import { ownConsole, type OwnConsole } from "./own-console.ts";
import { startSwapSubjects, type SwapSubject, type SwapSubjects } from "./swap-subjects.ts";

const folder = mkdtempSync(join(tmpdir(), "console-swap-"));
let own: OwnConsole;
let subjects: SwapSubjects;

test.beforeAll(async () => {
  test.setTimeout(120_000);
  subjects = await startSwapSubjects(folder);
  own = await ownConsole({ data: join(folder, "data") });
  await own.start();
  for (const { engine, url } of subjects.all) await ask("POST", "/connections", { engine, name: "swapped", environment: "development", url });
});

test.afterAll(async () => {
  await own?.stop();
  await subjects?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const ask = <T>(method: string, path: string, body?: unknown): Promise<T> =>
  rest<T>(method, path, { baseURL: own.baseURL, token: own.token, ...(body === undefined ? {} : { body }) });

interface Job {
  state: string;
  endedAt: string | null;
  progress: { phase?: string };
  outcome: { word?: string } | null;
  error: { message: string } | null;
}

async function ended({ jobId }: { jobId: string }): Promise<Job> {
  let job: Job | null = null;
  await expect.poll(async () => (job = await ask<Job>("GET", `/jobs/${jobId}`)).endedAt, { timeout: 60_000, intervals: [50] }).not.toBeNull();
  return job as unknown as Job;
}

async function backUp({ engine }: SwapSubject): Promise<string> {
  const started = await ask<{ jobId: string; backupId: string }>("POST", `/${engine}/backups`, { connection: "swapped" });
  expect(await ended(started)).toMatchObject({ state: "succeeded" });
  return started.backupId;
}

const restore = ({ engine, target }: SwapSubject, backupId: string) =>
  ask<{ jobId: string }>("POST", `/${engine}/backups/${backupId}/restore`, { connection: "swapped", target, replace: true, confirm: target });

const change = ({ engine, target }: SwapSubject, jobId: string, kind: "undo" | "drop") =>
  ask<{ jobId: string }>("POST", `/${engine}/restores/${jobId}/${kind}`, { connection: "swapped", confirm: target });

const engines = ["sqlite", "redis", "postgres", "mongodb"] as const;
const subjectOf = (engine: (typeof engines)[number]): SwapSubject => subjects.all.find((subject) => subject.engine === engine) as SwapSubject;

for (const engine of engines) {
  test(`${engine}: replaced, undone, put back again, dropped`, async () => {
    test.setTimeout(120_000);
    const subject = subjectOf(engine);
    await subject.write("first");
    const backupId = await backUp(subject);
    await subject.write("second");
    const plan = await ask<{ replaces: { place: string } | null; undo: { how: string } | null; checks: { result: string; title: string }[] }>(
      "POST",
      `/${engine}/backups/${backupId}/plan`,
      { connection: "swapped", target: subject.target, replace: true },
    );
    expect(plan.checks.filter(({ result }) => result === "fail")).toEqual([]);
    expect(plan.replaces).not.toBeNull();
    expect(plan.undo?.how).toBeTruthy();
    // The name of something else is not what the connection opens.
    await expect(
      ask("POST", `/${engine}/backups/${backupId}/restore`, { connection: "swapped", target: subject.target, replace: true, confirm: "other" }),
    ).rejects.toThrow(/name/);

    const started = await restore(subject, backupId);
    expect(await ended(started)).toMatchObject({ state: "succeeded", outcome: { word: "restored" } });
    expect(await subject.read()).toEqual({ values: ["first"], count: subject.count });
    expect(await ended(await change(subject, started.jobId, "undo"))).toMatchObject({ state: "succeeded", outcome: { word: "undone" } });
    expect(await subject.read()).toEqual({ values: ["second"], count: subject.count });
    await subject.write("third");
    expect(await ended(await change(subject, started.jobId, "undo"))).toMatchObject({ state: "succeeded", outcome: { word: "restored" } });
    expect(await subject.read()).toEqual({ values: ["first"], count: subject.count });
    expect(await ended(await change(subject, started.jobId, "undo"))).toMatchObject({ state: "succeeded" });
    expect(await subject.read(), "what was written since the restore is not lost by undo").toEqual({ values: ["third"], count: subject.count });
    expect(await ended(await change(subject, started.jobId, "drop"))).toMatchObject({ state: "succeeded" });
    expect(await subject.read()).toEqual({ values: ["third"], count: subject.count });
    expect(await subject.leftovers()).toEqual([]);
    await expect(change(subject, started.jobId, "undo")).rejects.toThrow(/409/);
  });

  test(`${engine}: a console that is killed leaves exactly the old or the restored state, and says which`, async () => {
    test.setTimeout(240_000);
    const subject = subjectOf(engine);
    await subject.write("first");
    const backupId = await backUp(subject);
    const seen: string[] = [];
    for (const [phase, wait] of [
      ["Restore aside", 0],
      ["Swap", 0],
      ["Swap", 10],
      ["Swap", 40],
      ["Swap", 120],
    ] as const) {
      await subject.write("second");
      const { jobId } = await restore(subject, backupId);
      await reached(jobId, phase);
      await delay(wait);
      await own.kill();
      await own.start();
      const job = await ended({ jobId });
      const live = await subject.read();
      const word = job.state === "succeeded" ? "restored" : "nothing changed";
      seen.push(`${phase} +${wait} ms: ${word}`);
      expect(live, seen.join("; ")).toEqual({ values: [word === "restored" ? "first" : "second"], count: subject.count });
      if (word === "restored") {
        expect(await ended(await change(subject, jobId, "undo"))).toMatchObject({ state: "succeeded" });
        expect(await subject.read()).toEqual({ values: ["second"], count: subject.count });
        expect(await ended(await change(subject, jobId, "drop"))).toMatchObject({ state: "succeeded" });
      }
      expect(await subject.leftovers(), seen.join("; ")).toEqual([]);
      expect(readdirSync(join(folder, "data", "backups")).filter((name) => name.includes(".partial"))).toEqual([]);
    }
    test.info().annotations.push({ type: "killed at", description: seen.join("; ") });
  });
}

/** Asks as fast as it can until the job is in this phase, or past it. */
async function reached(jobId: string, phase: string): Promise<void> {
  for (;;) {
    const job = await ask<Job>("GET", `/jobs/${jobId}`);
    if (job.progress.phase === phase || job.endedAt !== null) return;
  }
}
