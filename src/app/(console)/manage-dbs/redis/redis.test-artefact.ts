/** A job's surroundings for backup tests: a directory, a sink and the artefact that comes of it. */
import { createReadStream, createWriteStream } from "node:fs";
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Artefact, JobContext, ManifestContent, Progress } from "@/backups/engine";
import type { Connection } from "@/server/connection";
import { redisBackup } from "./redis.backup";
import { writeBackup } from "./redis.backup-write";
import { PORTABLE_FORMAT } from "./redis.portable-format";

export interface TestJob extends JobContext {
  controller: AbortController;
  lines: string[];
  last: Progress;
  onProgress: (progress: Progress) => void;
}

export function testJob(jobId = Math.random().toString(16).slice(2, 10)): TestJob {
  const controller = new AbortController();
  const job: TestJob = {
    controller,
    signal: controller.signal,
    lines: [],
    last: {},
    onProgress: () => undefined,
    jobId,
    scratchDir: tmpdir(),
    progress(change) {
      Object.assign(job.last, change);
      job.onProgress(job.last);
    },
    log: (line) => job.lines.push(line),
    child: () => undefined,
  };
  return job;
}

export interface TestDir {
  path: string;
  remove(): Promise<void>;
}

export async function testDir(): Promise<TestDir> {
  const path = await mkdtemp(join(tmpdir(), "console-redis-backup-"));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

/** Key by key, also where the server would give a snapshot. */
export async function writeArtefact(connection: Connection, path: string, job = testJob()): Promise<Artefact> {
  return artefactAt(path, await writeBackup(connection, { path, stream: () => createWriteStream(path) }, job));
}

/** As the console does it: a snapshot where there is one to be had. */
export async function writeSnapshotArtefact(connection: Connection, path: string, job = testJob()): Promise<Artefact> {
  return artefactAt(path, await redisBackup.write(connection, { path, stream: () => createWriteStream(path) }, job));
}

/** Typed values, as a person may ask for them. */
export async function writePortableArtefact(connection: Connection, path: string, job = testJob()): Promise<Artefact> {
  return artefactAt(path, await redisBackup.write(connection, { path, stream: () => createWriteStream(path) }, job, PORTABLE_FORMAT));
}

export async function artefactAt(path: string, manifest: ManifestContent): Promise<Artefact> {
  return { path, bytes: (await stat(path)).size, manifest, open: (range) => createReadStream(path, { highWaterMark: 1 << 20, ...range }) };
}

/** The same artefact with other bytes. */
export async function alteredArtefact(artefact: Artefact, bytes: Buffer): Promise<Artefact> {
  const path = `${artefact.path}.altered`;
  await writeFile(path, bytes);
  return artefactAt(path, artefact.manifest);
}
