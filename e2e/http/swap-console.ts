/** A console of a test's own with one small connection of each engine, and what its tests ask it over REST. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "@playwright/test";
import { rest } from "./client.ts";
import { ownConsole, type OwnConsole } from "./own-console.ts";
import { startSwapSubjects, type SwapSubject } from "./swap-subjects.ts";

interface Job {
  state: string;
  endedAt: string | null;
  progress: { phase?: string };
  outcome: { word?: string } | null;
  error: { message: string } | null;
}

export interface SwapConsole {
  own: OwnConsole;
  /** Of the console: control plane and backups. */
  data: string;
  subjectOf: (engine: SwapSubject["engine"]) => SwapSubject;
  ask: <T>(method: string, path: string, body?: unknown) => Promise<T>;
  /** The job when it has ended. */
  ended: (started: { jobId: string }) => Promise<Job>;
  /** The id of a good backup of the subject's connection. */
  backUp: (subject: SwapSubject) => Promise<string>;
  /** Asks as fast as it can until the job is in this phase, or has ended. */
  reached: (jobId: string, phase: string) => Promise<void>;
  stop: () => Promise<void>;
}

/** Every subject is the connection `swapped` of its engine. */
export async function swapConsole(label: string): Promise<SwapConsole> {
  const folder = mkdtempSync(join(tmpdir(), label));
  const data = join(folder, "data");
  const subjects = await startSwapSubjects(folder);
  const own = await ownConsole({ data });
  const ask = <T>(method: string, path: string, body?: unknown): Promise<T> =>
    rest<T>(method, path, { baseURL: own.baseURL, token: own.token, ...(body === undefined ? {} : { body }) });
  const stop = async () => {
    await own.stop();
    await subjects.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  async function ended({ jobId }: { jobId: string }): Promise<Job> {
    let job: Job | null = null;
    await expect.poll(async () => (job = await ask<Job>("GET", `/jobs/${jobId}`)).endedAt, { timeout: 60_000, intervals: [50] }).not.toBeNull();
    return job as unknown as Job;
  }
  try {
    await own.start();
    for (const { engine, url } of subjects.all) await ask("POST", "/connections", { engine, name: "swapped", environment: "development", url });
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    own,
    data,
    subjectOf: (engine) => subjects.all.find((subject) => subject.engine === engine) as SwapSubject,
    ask,
    ended,
    async backUp({ engine }) {
      const started = await ask<{ jobId: string; backupId: string }>("POST", `/${engine}/backups`, { connection: "swapped" });
      expect(await ended(started)).toMatchObject({ state: "succeeded" });
      return started.backupId;
    },
    async reached(jobId, phase) {
      for (;;) {
        const job = await ask<Job>("GET", `/jobs/${jobId}`);
        if (job.progress.phase === phase || job.endedAt !== null) return;
      }
    },
    stop,
  };
}
