/** What the contract test needs to know about an engine: how to start it, what the seed put into it, and how to look at it. */
import { mkdtempSync } from "node:fs";
import { chmod, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { JobContext } from "@/backups/engine";
import type { EngineId } from "@/engines";
import type { Connection } from "@/server/connection";

/** Exact texts by label: how two ways of looking at the same values are compared. */
export type Values = Map<string, string>;

export interface ContractSubject {
  engine: EngineId;
  /** Starts or takes a server and seeds it. */
  open(): Promise<void>;
  /** Ends what `open` started and drops what it made. */
  close(): Promise<void>;
  connection(): Connection;
  /** Connections that cannot work, each with the code that says why. */
  wrong(): { title: string; connection: Connection; code: string }[];
  /** Names that `objects` must hold. */
  holds: string[];
  objects(connection: Connection): Promise<string[]>;
  /** The awkward values the server was given. */
  expected(): Promise<Values>;
  /** The same as the screens read them. `restored`: where a restore put them. */
  browse(connection: Connection, restored?: boolean): Promise<Values>;
  exports: { title: string; request: unknown; values: (text: string) => Values }[];
  /** A free place to restore into. */
  target(): string;
  /** Targets that a restore must refuse, because something is there or the name cannot be. */
  refused(): string[];
  /** The name an object of the origin's manifest has in a backup of the restored place. */
  restoredName: (name: string) => string;
  restored(kept: { connection?: { url: string; database: string | null } }): Connection;
  /** Every place there is (files, databases, collections, keys by database): equal before and after means that nothing was left. */
  places(): Promise<string[]>;
  /** A server of its own that can be taken away; null where there is no server. */
  outage: Outage;
}

export interface Outage {
  /** Starts it with enough in it that an export and a backup take a while. */
  open(): Promise<Connection>;
  /** The export that reads all of it. */
  request: unknown;
  /** Takes it away at once, as a crash does; true when what runs may still end well, because the data stays readable. */
  crash(): Promise<void>;
  survivesCrash: boolean;
  /** Brings it back at the same address. */
  start(): Promise<void>;
  close(): Promise<void>;
}

/** A directory for servers that run as another user too. */
export async function serverDirectory(label: string): Promise<{ directory: string; remove: () => Promise<void> }> {
  const directory = mkdtempSync(join(tmpdir(), `contract-${label}-`));
  await chmod(directory, 0o711);
  return { directory, remove: () => rm(directory, { recursive: true, force: true, maxRetries: 5 }) };
}

export interface TestJob {
  context: JobContext;
  abort(): void;
  lines: string[];
  children: number[];
  phases: string[];
}

/** The context a job runs in, for calling an engine directly. */
export function testJob(scratchDir: string, jobId: string): TestJob {
  const controller = new AbortController();
  const job: Omit<TestJob, "context"> = { abort: () => controller.abort(), lines: [], children: [], phases: [] };
  const context: JobContext = {
    signal: controller.signal,
    jobId,
    scratchDir,
    progress(change) {
      if (change.phase !== undefined) job.phases.push(change.phase);
    },
    log: (line) => void job.lines.push(line),
    child: (pid) => void job.children.push(pid),
  };
  return { ...job, context };
}
