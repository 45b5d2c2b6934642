/**
 * Replacing live data over REST, as somebody on call does: the old state comes back on undo with everything written since, a console that is
 * killed at any moment leaves exactly the old or exactly the restored state and says which, and nothing stays behind.
 */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "@playwright/test";
import { swapConsole, type SwapConsole } from "./swap-console.ts";
import type { SwapSubject } from "./swap-subjects.ts";

let served: SwapConsole;

test.beforeAll(async () => {
  test.setTimeout(120_000);
  served = await swapConsole("console-swap-");
});
test.afterAll(async () => served?.stop());

const restore = ({ engine, target }: SwapSubject, backupId: string) =>
  served.ask<{ jobId: string }>("POST", `/${engine}/backups/${backupId}/restore`, { connection: "swapped", target, replace: true, confirm: target });

const change = ({ engine, target }: SwapSubject, jobId: string, kind: "undo" | "drop") =>
  served.ask<{ jobId: string }>("POST", `/${engine}/restores/${jobId}/${kind}`, { connection: "swapped", confirm: target });

const engines = ["sqlite", "redis", "postgres", "mongodb"] as const;

for (const engine of engines) {
  test(`${engine}: replaced, undone, put back again, dropped`, async () => {
    test.setTimeout(120_000);
    const { ask, ended, backUp, subjectOf } = served;
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
    const { own, ended, backUp, reached, subjectOf } = served;
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
      expect(readdirSync(join(served.data, "backups")).filter((name) => name.includes(".partial"))).toEqual([]);
    }
    test.info().annotations.push({ type: "killed at", description: seen.join("; ") });
  });
}
