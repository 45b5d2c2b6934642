/**
 * A proof drill that the console does not outlive: at any of its steps the console is killed, and at the next start nothing of the drill is
 * left on the server or on the disk, what is live is untouched, nothing says "proved", and the next drill goes through.
 */
import { readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "@playwright/test";
import { swapConsole, type SwapConsole } from "./swap-console.ts";

let served: SwapConsole;

test.beforeAll(async () => {
  test.setTimeout(120_000);
  served = await swapConsole("console-drill-");
});
test.afterAll(async () => served?.stop());

interface Backup {
  state: string;
  provedAt: string | null;
  drillError: { message: string } | null;
}

for (const engine of ["sqlite", "redis", "postgres", "mongodb"] as const) {
  test(`${engine}: killed at any step of a drill, nothing of it is left`, async () => {
    test.setTimeout(240_000);
    const { own, ask, ended, backUp, reached, subjectOf } = served;
    const subject = subjectOf(engine);
    await subject.write("first");
    const backupId = await backUp(subject);
    await subject.write("second");
    const drill = () => ask<{ jobId: string }>("POST", `/${engine}/backups/${backupId}/drill`, { connection: "swapped" });
    const backup = () => ask<Backup>("GET", `/${engine}/backups/${backupId}?connection=swapped`);
    const scratch = () => readdirSync(tmpdir()).filter((name) => name.startsWith("foundry-job-"));
    const seen: string[] = [];
    let cutOff = 0;
    for (const phase of ["Restore aside", "Compare content", "Remove the scratch place"]) {
      const provedBefore = (await backup()).provedAt;
      const { jobId } = await drill();
      await reached(jobId, phase);
      await own.kill();
      await own.start();
      const job = await ended({ jobId });
      seen.push(`${phase}: ${job.state}`);
      const where = seen.join("; ");
      // A server that was still at work for the killed console is asked again every minute.
      await expect.poll(() => subject.traces(jobId), { message: where, timeout: 90_000 }).toEqual([]);
      expect(await subject.leftovers(), where).toEqual([]);
      expect(await subject.read(), where).toEqual({ values: ["second"], count: subject.count });
      expect(
        scratch().filter((name) => name.includes(jobId)),
        where,
      ).toEqual([]);
      expect(readdirSync(join(served.data, "backups")).filter((name) => name.includes(".partial"))).toEqual([]);
      const { state, provedAt } = await backup();
      expect(state, where).toBe("complete");
      if (job.state === "succeeded") continue;
      cutOff += 1;
      expect(job).toMatchObject({ state: "failed", error: { message: "The console stopped while this ran" } });
      expect(provedAt, where).toBe(provedBefore);
    }
    expect(cutOff, `it was killed too late to tell anything: ${seen.join("; ")}`).toBeGreaterThan(0);
    const last = await drill();
    expect(await ended(last)).toMatchObject({ state: "succeeded", outcome: { word: "proved" } });
    expect((await backup()).provedAt).not.toBeNull();
    expect(await subject.traces(last.jobId)).toEqual([]);
    test.info().annotations.push({ type: "killed at", description: seen.join("; ") });
  });
}
