import "server-only";
import type { Writable } from "node:stream";
import { finished } from "node:stream/promises";
import { BlockReader, READ_WHILE_WRITTEN, type ArchiveContent } from "@/app/(console)/manage-dbs/postgres/postgres.archive-blocks";
import { assertComplete, foundObjects } from "@/app/(console)/manage-dbs/postgres/postgres.backup-verify";
import {
  countLargeObjects,
  countRelations,
  LARGE_OBJECTS_NAME,
  listRelations,
  readDatabaseFacts,
  type DatabaseFacts,
  type DumpRelation,
} from "@/app/(console)/manage-dbs/postgres/postgres.backup-objects";
import { openOwnSession, reachedTarget, type Session } from "@/app/(console)/manage-dbs/postgres/postgres.client";
import { errorCode } from "@/app/(console)/manage-dbs/postgres/postgres.errors";
import { tellHeldBack } from "@/app/(console)/manage-dbs/postgres/postgres.held-back";
import { tellLockWaits } from "@/app/(console)/manage-dbs/postgres/postgres.lock-waits";
import { isGone, startTool, toolEnvironment, type ToolProcess } from "@/app/(console)/manage-dbs/postgres/postgres.processes";
import { readTextForm, type TextForm } from "@/app/(console)/manage-dbs/postgres/postgres.text-form";
import { findTools, type PostgresTools, type ToolSearch } from "@/app/(console)/manage-dbs/postgres/postgres.tools";
import type { ArtefactSink, JobContext, ManifestContent, ManifestObject } from "@/backups/engine";
import type { Connection } from "@/server/connection";
import { AppError } from "@/server/errors";
import { giveBack, inBatches } from "@/server/give-back";

/** Longer than a busy deployment holds a table, short enough that a forgotten session is named the same night. */
const LOCK_WAIT = "--lock-wait-timeout=600000";

/**
 * Writes `pg_dump -Fc` of one exported snapshot. In that same snapshot every table is counted, and the very bytes that go to the store are
 * read back beside it, block by block: a backup is good when the server's counts and the file's counts are equal. Rejects on any doubt.
 */
export async function writeBackup(options: { connection: Connection; sink: ArtefactSink; context: JobContext; search: ToolSearch }): Promise<ManifestContent> {
  const { connection, sink, context, search } = options;
  const { target, encrypted } = await reachedTarget(connection, context);
  const own = await openOwnSession(connection, context);
  let clean = false;
  try {
    const { session } = own;
    context.progress({ phase: "Take snapshot" });
    // Counting must not take the second processor from pg_dump and the read-back; rows that row security hides make it fail, as they do pg_dump.
    await session.run("SET max_parallel_workers_per_gather = 0; SET row_security = off; BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    const snapshot = (await session.rows("SELECT pg_catalog.pg_export_snapshot()"))[0]?.[0] ?? "";
    if (!/^[0-9A-F-]+$/i.test(snapshot)) throw new AppError("INTERNAL", "PostgreSQL gave no snapshot", { fix: "Try again." });
    const facts = await readDatabaseFacts(session);
    const relations = await listRelations(session);
    const textForm = await readTextForm(session);
    const tools = await findTools(Math.floor(facts.database.version_number / 10_000), search);
    context.log(`snapshot ${snapshot} of ${relations.length} relations, pg_dump ${tools.version}`);
    const environment = await toolEnvironment({ target, encrypted, scratchDir: context.scratchDir });
    const { content, counts, largeObjects } = await dumpAndCount({
      connection,
      session,
      sink,
      context,
      tools,
      relations,
      snapshot,
      encoding: encodingArguments(facts),
      environment,
      secret: target.password,
    });
    await session.run("COMMIT");
    clean = true;
    context.progress({ phase: "Compare counts" });
    const objects = manifestObjects({ relations, counts, largeObjects, content });
    assertEqualCounts(objects, content);
    return manifestContent({ facts, relations, objects, content, tools, textForm, database: target.database });
  } catch (error) {
    if (context.signal.aborted) throw new AppError("CANCELLED", "Cancelled", { cause: error });
    throw own.explain(error);
  } finally {
    await own.end({ clean });
  }
}

/** Names in the archive must be comparable with the server's. SQL_ASCII has no encoding to convert from: its bytes go as they are. */
function encodingArguments(facts: DatabaseFacts): string[] {
  return facts.database.encoding === "UTF8" || facts.database.encoding === "SQL_ASCII" ? [] : ["--encoding=UTF8"];
}

const WRITE_PHASE = "Write with pg_dump";

interface DumpRun {
  connection: Connection;
  session: Session;
  sink: ArtefactSink;
  context: JobContext;
  tools: PostgresTools;
  relations: DumpRelation[];
  snapshot: string;
  encoding: readonly string[];
  environment: Record<string, string>;
  secret: string | undefined;
}

interface DumpResult {
  content: ArchiveContent;
  counts: Map<string, number>;
  largeObjects: number;
}

async function dumpAndCount(run: DumpRun): Promise<DumpResult> {
  const { session, context, tools } = run;
  context.progress({ phase: WRITE_PHASE, objectsTotal: run.relations.filter((relation) => relation.countFrom !== null).length, ...rowsExpected(run) });
  const output = run.sink.stream();
  const reader = new BlockReader();
  const dump = startTool({
    file: tools.pgDump,
    arguments: ["--format=custom", "--verbose", "--no-password", LOCK_WAIT, ...run.encoding, `--snapshot=${run.snapshot}`],
    environment: run.environment,
    secret: run.secret,
    onLine: (line, isComplaint) => reportLine({ line, isComplaint, context }),
    context,
  });
  dump.stdin.end();
  const cancelled = Promise.withResolvers<never>();
  cancelled.promise.catch(() => undefined);
  const stop = (): void => {
    dump.kill();
    reader.stop();
    // A store that hangs never answers what it was given, and nothing here waits for that.
    cancelled.reject(new AppError("CANCELLED", "Cancelled"));
  };
  context.signal.addEventListener("abort", stop, { once: true });
  const quiet = [tellLockWaits(run.connection, context, WRITE_PHASE), tellHeldBack(run.connection, context)];
  // The snapshot lives as long as its session: without it pg_dump's own death may go unnoticed for long.
  const lost = new Promise<never>((_resolve, reject) => {
    session.client.once("error", reject);
  });
  lost.catch(() => undefined);
  try {
    const copied = copy({ dump, output, reader, context });
    const counted = countInSnapshot(run);
    // Whichever fails first stops the others; none is left running.
    const [content, { counts, largeObjects }] = await Promise.race([Promise.all([copied, counted]), lost, cancelled.promise]);
    return { content, counts, largeObjects };
  } catch (error) {
    stop();
    output.destroy(error instanceof Error ? error : new Error(String(error)));
    // A process counts as ended when nobody has anything of it left to read.
    dump.stdout.destroy();
    await dump.done.catch(() => undefined);
    throw storeError(error);
  } finally {
    for (const end of quiet) end();
    context.signal.removeEventListener("abort", stop);
  }
}

/** The rows that are to come: counted where the count is there already, else estimated. Unknown as long as one table is neither. */
function rowsExpected({ relations }: DumpRun, counts: ReadonlyMap<string, number> = new Map()): { itemsTotal?: number } {
  let total = 0;
  for (const relation of relations.filter((each) => each.countFrom !== null)) {
    const rows = counts.get(relation.name) ?? relation.estimate;
    if (rows === null) return {};
    total += rows;
  }
  return { itemsTotal: total };
}

async function countInSnapshot(run: DumpRun): Promise<{ counts: Map<string, number>; largeObjects: number }> {
  const { session, relations, context } = run;
  const counts = await countRelations(session, relations);
  context.progress(rowsExpected(run, counts));
  return { counts, largeObjects: await countLargeObjects(session) };
}

/** Each byte goes to the store and to the reader; the slower one sets the pace. */
async function copy(streams: { dump: ToolProcess; output: Writable; reader: BlockReader; context: JobContext }): Promise<ArchiveContent> {
  const { dump, output, reader, context } = streams;
  const stored = finished(output, { readable: false });
  stored.catch(() => undefined);
  const behind = readBehind(reader);
  let bytes = 0;
  for await (const chunk of inBatches(dump.stdout, BATCH_BYTES)) {
    bytes += chunk.length;
    const written = writeWhole(output, chunk);
    const [taken] = await Promise.all([output.writableNeedDrain ? written : !isGone(output), behind.add(chunk, written)]);
    if (!taken) await stored.then(() => Promise.reject(new Error("the store closed its file")));
    context.progress({ bytesDone: bytes, itemsDone: reader.rows });
  }
  await dump.done;
  output.end();
  context.log(`${bytes} bytes from pg_dump`);
  const [content] = await Promise.all([behind.end().then(() => reader.end()), stored]);
  assertComplete(content);
  context.progress({ bytesDone: bytes, bytesTotal: bytes, itemsDone: reader.rows });
  return content;
}

const BATCH_BYTES = 512 * 1024;

/** How far the reader may be behind the dump, in bytes: what is held in memory at most. */
const BEHIND_MAX = 32 * 1024 * 1024;

/** True once the chunk is in the file, false when the file does not take it any more: its own error says why. */
const writeWhole = (output: Writable, chunk: Buffer): Promise<boolean> => new Promise((resolve) => void output.write(chunk, (error) => resolve(!error)));

/** Gives bytes to the reader without making the dump wait for it, up to a bound. Throws what the reader throws. */
function readBehind(reader: BlockReader): { add(chunk: Buffer, written: Promise<boolean>): Promise<void>; end(): Promise<void> } {
  let waiting = 0;
  let failure: unknown;
  let last: Promise<void> = Promise.resolve();
  return {
    async add(chunk, written) {
      if (failure !== undefined) await last;
      waiting += chunk.length;
      last = last.then(async () => {
        const { length } = chunk;
        await reader.write(chunk);
        waiting -= length;
        if (await written) giveBack(chunk);
      });
      last.catch((error: unknown) => {
        failure ??= error;
      });
      if (waiting > BEHIND_MAX) await last;
    },
    end: () => last,
  };
}

function reportLine({ line, isComplaint, context }: { line: string; isComplaint: boolean; context: JobContext }): void {
  const table = /^pg_dump: dumping contents of table "(.*)"$/.exec(line)?.[1];
  if (table !== undefined) context.progress({ object: table });
  else if (isComplaint) context.log(line);
}

function storeError(error: unknown): unknown {
  if (errorCode(error) !== "ENOSPC") return error;
  return new AppError("LIMIT_EXCEEDED", "The disk of the backup store is full", {
    fix: "Free space there, or delete old backups, then try again.",
    detail: "ENOSPC",
    cause: error,
  });
}

function manifestObjects(found: { relations: DumpRelation[]; counts: Map<string, number>; largeObjects: number; content: ArchiveContent }): ManifestObject[] {
  const { relations, counts, largeObjects, content } = found;
  const objects = relations.map((relation): ManifestObject => {
    const table = content.tables.get(relation.name);
    return {
      name: relation.name,
      kind: relation.kind,
      count: counts.get(relation.name) ?? null,
      bytes: table?.bytes ?? null,
      checksum: table?.checksum ?? null,
    };
  });
  if (largeObjects > 0) objects.push({ name: LARGE_OBJECTS_NAME, kind: "large objects", count: largeObjects, bytes: null, checksum: null });
  return objects;
}

/** The server's counts in the snapshot against what was read out of the file. Throws INTERNAL naming what differs. */
function assertEqualCounts(objects: readonly ManifestObject[], content: ArchiveContent): void {
  const found = new Map(foundObjects(content).map((object) => [object.name, object.count]));
  const wrong = objects
    .filter((object) => !found.has(object.name) || found.get(object.name) !== object.count)
    .map((object) => `${object.name}: server ${object.count ?? "none"}, file ${found.get(object.name) ?? "none"}`);
  const known = new Set(objects.map((object) => object.name));
  const extra = [...found.keys()].filter((name) => !known.has(name)).map((name) => `${name}: only in the file`);
  const differences = [...wrong, ...extra];
  if (differences.length === 0) return;
  throw new AppError("INTERNAL", `${differences.length} objects in the file are not what the server has in the snapshot`, {
    fix: "Take the backup again; if it stays, report it with the detail.",
    detail: differences.slice(0, 5).join("; "),
  });
}

function manifestContent(parts: {
  facts: DatabaseFacts;
  relations: DumpRelation[];
  objects: ManifestObject[];
  content: ArchiveContent;
  tools: PostgresTools;
  textForm: TextForm;
  database: string;
}): ManifestContent {
  const { facts, relations, objects, content, tools, textForm } = parts;
  const { database } = facts;
  return {
    format: "pg_dump-custom",
    server: { product: "PostgreSQL", version: database.version.split(" ")[0] ?? database.version },
    source: parts.database,
    tool: `pg_dump ${tools.version}`,
    consistency: "snapshot",
    objects,
    skipped: [
      ...relations.flatMap((relation) => (relation.withoutRows === null ? [] : [{ name: relation.name, reason: relation.withoutRows }])),
      ...(database.subscriptions === null ? [] : [{ name: database.subscriptions, reason: "subscriptions come back disabled" }]),
    ],
    details: {
      archiveVersion: content.toc.version,
      databaseBytes: database.bytes,
      encoding: database.encoding,
      collate: database.collate,
      ctype: database.ctype,
      provider: database.provider,
      locale: database.locale,
      sequences: database.sequences,
      extensions: facts.extensions,
      roles: facts.roles,
      textForm,
      readBack: { method: READ_WHILE_WRITTEN, objects: foundObjects(content) },
    },
  };
}
