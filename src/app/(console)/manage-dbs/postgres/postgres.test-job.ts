/** A job and a store for tests of the backup engine, as the console's own make them. */
import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Transform, type Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Artefact, ArtefactSink, JobContext, ManifestContent, Progress } from "@/backups/engine";

export interface TestJob {
  context: JobContext;
  controller: AbortController;
  lines: string[];
  progress: Progress;
  children: number[];
  directory: string;
  remove(): Promise<void>;
}

export async function makeJob(): Promise<TestJob> {
  const directory = await mkdtemp(join(tmpdir(), "pg-job-"));
  const controller = new AbortController();
  const job: TestJob = {
    controller,
    lines: [],
    progress: {},
    children: [],
    directory,
    context: {
      signal: controller.signal,
      progress: (change) => Object.assign(job.progress, change),
      log: (line) => job.lines.push(line),
      jobId: Math.random().toString(16).slice(2, 10).padEnd(8, "0"),
      scratchDir: directory,
      child: (pid) => job.children.push(pid),
    },
    remove: () => rm(directory, { recursive: true, force: true }),
  };
  return job;
}

/** A sink that writes into the job's directory; `wrap` puts a stream between, to slow or break it. */
export function makeSink(job: TestJob, name = "backup.dump"): ArtefactSink & { finished(): Promise<{ bytes: number; sha256: string }> } {
  const path = join(job.directory, name);
  const hash = createHash("sha256");
  let written: Promise<void> | undefined;
  return {
    path,
    stream(): Writable {
      const tap = new Transform({
        highWaterMark: 1 << 20,
        transform(chunk: Buffer, _encoding, done) {
          hash.update(chunk);
          done(null, chunk);
        },
      });
      written = pipeline(tap, createWriteStream(path, { flags: "wx", highWaterMark: 1 << 20 }));
      written.catch(() => undefined);
      return tap;
    },
    async finished() {
      await written;
      return { bytes: (await stat(path)).size, sha256: hash.digest("hex") };
    },
  };
}

export async function artefactAt(path: string, manifest: ManifestContent): Promise<Artefact> {
  return { path, bytes: (await stat(path)).size, manifest, open: (range) => createReadStream(path, range) };
}
