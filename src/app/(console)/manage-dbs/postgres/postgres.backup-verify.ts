import "server-only";
import { ArchiveWalk, damaged, type ArchiveToc } from "@/app/(console)/manage-dbs/postgres/postgres.archive";
import { BlockReader, type ArchiveContent } from "@/app/(console)/manage-dbs/postgres/postgres.archive-blocks";
import { RowCounter } from "@/app/(console)/manage-dbs/postgres/postgres.archive-rows";
import { LARGE_OBJECTS_NAME, relationsOfArchive } from "@/app/(console)/manage-dbs/postgres/postgres.backup-objects";
import { startTool, writeOrGone, type ToolProcess } from "@/app/(console)/manage-dbs/postgres/postgres.processes";
import { findAllTools, type PostgresTools, type ToolSearch } from "@/app/(console)/manage-dbs/postgres/postgres.tools";
import type { Artefact, JobContext, Verification } from "@/backups/engine";
import { AppError } from "@/server/errors";

/** Only data leaves pg_restore: no function body, comment or rights that could look like rows. */
const READ_ARGUMENTS = [
  "--data-only",
  "--no-owner",
  "--no-privileges",
  "--no-comments",
  "--no-security-labels",
  "--no-publications",
  "--no-subscriptions",
  "-f",
  "-",
];

/**
 * Reads an archive whole from the bytes it is given: its borders here, its compressed rows in pg_restore, whose output is counted.
 * `write` takes the next bytes and waits when it must; `end` resolves with what was found or throws INTERNAL; `stop` ends the process.
 */
interface ArchiveReader {
  write(chunk: Buffer): Promise<void>;
  end(): Promise<ArchiveContent>;
  stop(): void;
  /** Rows read so far. */
  readonly rows: number;
}

function openArchiveReader(toc: ArchiveToc, tools: PostgresTools, context: Pick<JobContext, "child" | "scratchDir">): ArchiveReader {
  const counts = isCountedInside(toc) ? countBlocks() : countText();
  const process = startTool({
    file: tools.pgRestore,
    arguments: READ_ARGUMENTS,
    environment: { LC_ALL: "C", HOME: context.scratchDir },
    context,
    background: true,
  });
  const taken = takeAll(process, (chunk) => counts.text(chunk));
  // What is wrong is said with the next bytes, not only after the last.
  let failure: unknown;
  taken.catch((error: unknown) => {
    failure = error;
    process.kill();
  });
  process.done.catch((error: unknown) => {
    failure ??= unreadable(error);
  });
  return {
    async write(chunk) {
      await counts.archive(chunk);
      await writeOrGone(process.stdin, chunk);
      if (failure !== undefined) throw failure instanceof Error ? failure : unreadable(failure);
    },
    async end() {
      const content = counts.end();
      process.stdin.end();
      await taken;
      await process.done.catch((error: unknown) => {
        throw unreadable(error);
      });
      const found = content();
      assertComplete(found);
      return found;
    },
    stop() {
      counts.stop();
      process.kill();
    },
    get rows() {
      return counts.rows();
    },
  };
}

/** Where rows are not COPY, or names are in another encoding, pg_restore's text cannot be told apart by its lines. */
const isCountedInside = (toc: ArchiveToc): boolean =>
  !["UTF8", "SQL_ASCII"].includes(toc.encoding) || toc.entries.some((entry) => entry.kind === "TABLE DATA" && entry.hasData && entry.copyStatement === null);

interface Counts {
  /** Bytes of the file. */
  archive(chunk: Buffer): Promise<void>;
  /** Bytes of pg_restore's text. */
  text(chunk: Buffer): void;
  /** Call after the last byte of the file; what it answers, after the last of the text. */
  end(): () => ArchiveContent;
  rows(): number;
  stop(): void;
}

function countText(): Counts {
  const walk = new ArchiveWalk();
  const counter = new RowCounter();
  return {
    archive: async (chunk) => walk.push(chunk),
    text: (chunk) => counter.push(chunk),
    end() {
      const toc = walk.end();
      return () => {
        counter.end();
        return { toc, tables: counter.tables, largeObjects: counter.largeObjects, largeObjectsSum: null };
      };
    },
    rows: () => counter.rows,
    stop: () => undefined,
  };
}

function countBlocks(): Counts {
  const reader = new BlockReader();
  return {
    archive: (chunk) => reader.write(chunk),
    text: () => undefined,
    end() {
      const content = reader.end();
      return () => content;
    },
    rows: () => reader.rows,
    stop: () => reader.stop(),
  };
}

const unreadable = (error: unknown): AppError =>
  damaged(`pg_restore cannot read it: ${error instanceof AppError ? (error.detail ?? error.message) : String(error)}`, error);

async function takeAll(process: ToolProcess, take: (chunk: Buffer) => void): Promise<void> {
  for await (const chunk of process.stdout) take(chunk as Buffer);
}

/** Every table that the table of contents promises rows of was read, and no other. */
export function assertComplete({ toc, tables }: ArchiveContent): void {
  const relations = relationsOfArchive(toc);
  for (const [name, relation] of relations) if (relation.hasData && !tables.has(name)) throw damaged(`the rows of ${name} are missing`);
  for (const name of tables.keys()) if (!relations.get(name)?.hasData) throw damaged(`it holds rows of ${name}, which its table of contents does not name`);
}

/** The objects of an archive by the manifest's names. */
export function foundObjects(content: ArchiveContent): { name: string; count: number | null; checksum: string | null }[] {
  const relations = [...relationsOfArchive(content.toc).keys()].map((name) => {
    const table = content.tables.get(name);
    return { name, count: table?.rows ?? null, checksum: table?.checksum ?? null };
  });
  return content.largeObjects > 0 ? [...relations, { name: LARGE_OBJECTS_NAME, count: content.largeObjects, checksum: null }] : relations;
}

const VERIFY_METHOD = "read whole with pg_restore, rows of every table counted";

/** Reads a stored artefact whole. Throws INTERNAL for a damaged one, TOOL_MISSING without a pg_restore that reads it. */
export async function verifyArtefact(artefact: Artefact, context: JobContext, search: ToolSearch): Promise<Verification> {
  const content = await readArtefact(artefact, context, search);
  return { method: VERIFY_METHOD, objects: foundObjects(content) };
}

/** What a stored artefact holds, read whole by pg_restore and by us. */
export async function readArtefact(artefact: Omit<Artefact, "manifest">, context: JobContext, search: ToolSearch): Promise<ArchiveContent> {
  const toc = await readToc(artefact);
  const tools = await toolsForArchive(toc, search);
  const reader = openArchiveReader(toc, tools, context);
  const stop = (): void => reader.stop();
  context.signal.addEventListener("abort", stop, { once: true });
  try {
    let bytes = 0;
    for await (const chunk of artefact.open()) {
      context.signal.throwIfAborted();
      await reader.write(chunk as Buffer);
      bytes += (chunk as Buffer).length;
      context.progress({ bytesDone: bytes, bytesTotal: artefact.bytes, itemsDone: reader.rows });
    }
    if (bytes !== artefact.bytes) throw damaged(`it has ${bytes} bytes instead of ${artefact.bytes}`);
    return await reader.end();
  } catch (error) {
    if (context.signal.aborted) throw new AppError("CANCELLED", "Cancelled", { cause: error });
    throw error;
  } finally {
    context.signal.removeEventListener("abort", stop);
    reader.stop();
  }
}

/** The table of contents at the head of an artefact; what follows is not read. Throws INTERNAL for anything that is no archive. */
export async function readToc(artefact: Pick<Artefact, "open">): Promise<ArchiveToc> {
  const walk = new ArchiveWalk();
  const stream = artefact.open();
  try {
    for await (const chunk of stream) {
      walk.push(chunk as Buffer);
      if (walk.toc) return walk.toc;
    }
  } finally {
    stream.destroy();
  }
  return walk.end();
}

/** The newest tools, when they read this archive. Throws TOOL_MISSING. */
export async function toolsForArchive(toc: ArchiveToc, search: ToolSearch): Promise<PostgresTools> {
  const [newest] = await findAllTools(search);
  const fix = `Install the package postgresql-client-${toc.toolMajor} (or newer), or set POSTGRES_TOOLS_DIR.`;
  if (!newest) throw new AppError("TOOL_MISSING", "pg_restore is not installed on the console's machine", { fix });
  if (newest.major < toc.toolMajor)
    throw new AppError("TOOL_MISSING", `pg_restore ${newest.version} is older than the backup (pg_dump ${toc.dumpVersion})`, { fix });
  return newest;
}
