/** What the console gives an engine's backup half, made of plain files: for tests without the console's store and jobs. */
import { createReadStream, createWriteStream } from "node:fs";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { Artefact, ArtefactSink, JobContext, ManifestContent, Progress } from "@/backups/engine";

export interface TestJob extends JobContext {
  lines: string[];
  last: Progress;
  abort(): void;
}

export function testJob(): TestJob {
  const controller = new AbortController();
  const job: TestJob = {
    signal: controller.signal,
    lines: [],
    last: {},
    progress: (change) => void Object.assign(job.last, change),
    log: (line) => void job.lines.push(line),
    jobId: Math.random().toString(16).slice(2, 10),
    scratchDir: tmpdir(),
    child: () => undefined,
    abort: () => controller.abort(),
  };
  return job;
}

export async function testDirectory(): Promise<{ path(name: string): string; remove(): Promise<void> }> {
  const directory = await mkdtemp(join(tmpdir(), "mongodb-backup-"));
  return { path: (name) => join(directory, name), remove: () => rm(directory, { recursive: true, force: true }) };
}

export const sinkAt = (path: string): ArtefactSink => ({ path, stream: () => createWriteStream(path) });

export async function artefactAt(path: string, manifest: ManifestContent): Promise<Artefact> {
  return { path, bytes: (await stat(path)).size, manifest, open: (range) => createReadStream(path, { highWaterMark: 1 << 20, ...range }) };
}

/** For files of other tools, which have no manifest. */
export const emptyManifest: ManifestContent = {
  format: "mongodump-archive-gzip",
  server: { product: "MongoDB", version: "0" },
  source: "",
  tool: "",
  consistency: "per collection",
  objects: [],
  skipped: [],
  details: {},
};
