import "server-only";
import { once } from "node:events";
import type { Writable } from "node:stream";
import { finished } from "node:stream/promises";
import type { ArtefactSink, JobContext, ManifestContent, Verification } from "@/backups/engine";
import type { Connection } from "@/server/connection";
import { AppError, throwIfCancelled } from "@/server/errors";
import { writeBackup } from "./redis.backup-write";
import { closeOnCancel, openJobClient } from "./redis.client";
import { RdbCounter, RDB_FORMAT, rdbContent } from "./redis.rdb-content";
import { MAGIC_BYTES, readMagic } from "./redis.rdb-types";
import { RdbWalker } from "./redis.rdb-walk";
import { databaseCounts, serverFacts } from "./redis.server-facts";
import { withSnapshot } from "./redis.sync-client";

const TOOL = "foundry-console redis-rdb 1";

/** A snapshot where the server gives one, else key by key. */
export async function writeSnapshotOrScan(connection: Connection, sink: ArtefactSink, context: JobContext): Promise<ManifestContent> {
  const snapshot = await writeSnapshot(connection, sink, context);
  if ("content" in snapshot) return snapshot.content;
  context.log(`no snapshot here (${snapshot.refused}): reading key by key while the server goes on, so the backup is fuzzy`);
  return writeBackup(connection, sink, context);
}

/** How a snapshot was read back while it was written; null for what was not. */
export function readWhileWriting(content: ManifestContent): Verification | null {
  if (content.format !== RDB_FORMAT) return null;
  const checked =
    content.details["hasChecksum"] === true ? "structure, counts and CRC64 of the whole file" : "structure and counts (the server writes no CRC64)";
  return { method: `walked whole as it came: ${checked}`, objects: content.objects.map(({ name, count }) => ({ name, count })) };
}

/** The RDB as the server streams it to a replica, stored as it is. Nothing is written when it is refused. */
async function writeSnapshot(connection: Connection, sink: ArtefactSink, context: JobContext): Promise<{ content: ManifestContent } | { refused: string }> {
  const { facts, valkeyVersion, keys } = await askServer(connection, context);
  if (facts.isCluster) return { refused: "this is one node of a cluster" };
  context.progress({ phase: "Wait for the snapshot" });
  try {
    const answer = await withSnapshot(connection, { signal: context.signal, valkeyVersion }, async (snapshot) => {
      const chunks = snapshot.chunks[Symbol.asyncIterator]();
      const start = await readStart(chunks);
      const refused = refusedVersion(start);
      if (refused !== null) return { refused };
      if (snapshot.totalBytes !== null) context.log("the server saves the snapshot to its own dump file first: its repl-diskless-sync is off");
      context.progress({ phase: "Receive the snapshot", itemsTotal: keys, ...(snapshot.totalBytes === null ? {} : { bytesTotal: snapshot.totalBytes }) });
      const { walker, counter } = await writeChunks({ first: start, chunks, output: sink.stream(), context });
      const server = { product: facts.product, version: facts.version };
      return { content: rdbContent({ facts: walker.end(), counter, server, tool: TOOL, evictionPolicy: facts.evictionPolicy }) };
    });
    return answer.refused === null ? answer.result : { refused: answer.refused };
  } catch (error) {
    throwIfCancelled(context.signal);
    throw error;
  }
}

async function askServer(connection: Connection, { signal }: JobContext) {
  using client = openJobClient(connection, 0);
  using _cancel = closeOnCancel(client, signal);
  const info = await client.info();
  return { facts: serverFacts(info), valkeyVersion: info.get("valkey_version") ?? null, keys: databaseCounts(info).reduce((sum, { keys }) => sum + keys, 0) };
}

/** Enough to know its version before anything is written. */
async function readStart(chunks: AsyncIterator<Buffer>): Promise<Buffer> {
  let start: Buffer = Buffer.alloc(0);
  while (start.length < MAGIC_BYTES) {
    const step = await chunks.next();
    if (step.done) break;
    start = Buffer.concat([start, step.value]);
  }
  return start;
}

function refusedVersion(start: Buffer): string | null {
  try {
    return readMagic(start) === null ? "what the server sends is no RDB" : null;
  } catch (error) {
    if (error instanceof AppError && error.code === "UNSUPPORTED") return error.message;
    throw error;
  }
}

interface Flow {
  first: Buffer;
  chunks: AsyncIterator<Buffer>;
  output: Writable;
  context: JobContext;
}

/** What comes is often a few kilobytes: gathered, because walking and writing each of them costs more than the bytes do. */
const PIECE_BYTES = 64 * 1024;

async function* inPieces(first: Buffer, chunks: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  let gathered: Buffer[] = [];
  let bytes = 0;
  for (let step: IteratorResult<Buffer> = { done: false, value: first }; !step.done; step = await chunks.next()) {
    gathered.push(step.value);
    bytes += step.value.length;
    if (bytes < PIECE_BYTES) continue;
    yield Buffer.concat(gathered, bytes);
    gathered = [];
    bytes = 0;
  }
  if (bytes > 0) yield Buffer.concat(gathered, bytes);
}

/** Each piece is walked before it is written; the server is read no faster than the disk takes it. */
async function writeChunks({ first, chunks, output, context }: Flow): Promise<{ walker: RdbWalker; counter: RdbCounter }> {
  const counter = new RdbCounter();
  const walker = new RdbWalker(counter);
  // Also when a disk stands still a cancel is heard.
  const written = finished(output, { signal: context.signal });
  written.catch(() => undefined);
  // A write under way may fail once more after the end.
  output.on("error", () => undefined);
  let bytesDone = 0;
  try {
    for await (const piece of inPieces(first, chunks)) {
      throwIfCancelled(context.signal);
      walker.push(piece);
      bytesDone += piece.length;
      context.progress({ itemsDone: walker.keys, bytesDone });
      if (!output.write(piece)) await Promise.race([once(output, "drain"), written]);
    }
    walker.end();
    output.end();
    await written;
    return { walker, counter };
  } catch (error) {
    output.destroy();
    throw error;
  }
}
