import "server-only";
import { z } from "zod";
import { objectName, type ArchiveToc } from "@/app/(console)/manage-dbs/postgres/postgres.archive";
import { BlockReader, type ArchiveContent } from "@/app/(console)/manage-dbs/postgres/postgres.archive-blocks";
import { LARGE_OBJECTS_NAME } from "@/app/(console)/manage-dbs/postgres/postgres.backup-objects";
import { readToc } from "@/app/(console)/manage-dbs/postgres/postgres.backup-verify";
import { reachedTarget, withOwnSession, type CatalogQuery } from "@/app/(console)/manage-dbs/postgres/postgres.client";
import { startTool, toolEnvironment } from "@/app/(console)/manage-dbs/postgres/postgres.processes";
import { readTextForm, textFormOf, textFormOptions } from "@/app/(console)/manage-dbs/postgres/postgres.text-form";
import { findTools, readVersion, type ToolSearch } from "@/app/(console)/manage-dbs/postgres/postgres.tools";
import type { Artefact, JobContext, ManifestObject } from "@/backups/engine";
import type { Connection } from "@/server/connection";
import { AppError } from "@/server/errors";
import { giveBack, inBatches } from "@/server/give-back";

interface Comparison {
  artefact: Artefact;
  connection: Connection;
  /** The staged database. */
  name: string;
  /** The manifest's objects that were restored. */
  objects: readonly ManifestObject[];
  context: JobContext;
  search: ToolSearch;
}

/**
 * Dumps the staged database again and compares what comes out with the artefact: every row, every large object, the state of every
 * sequence. Rejects with CONFLICT naming what differs; answers how it was compared, and for what only the counts could be.
 */
export async function compareContent(comparison: Comparison): Promise<{ method: string }> {
  const { objects, context } = comparison;
  context.progress({ phase: "Compare content", objectsTotal: objects.length, objectsDone: 0 });
  const staged = await dumpStaged(comparison);
  const tables = objects.filter((object) => object.count !== null && object.name !== LARGE_OBJECTS_NAME);
  assertCounts(tables, staged.content);
  const withSums = tables.filter((table) => table.checksum !== null);
  const suspects = withSums.filter((table) => staged.content.tables.get(table.name)?.checksum !== table.checksum);
  const hasLargeObjects = objects.some((object) => object.name === LARGE_OBJECTS_NAME);
  // Rows in another order have another CRC; read again they are compared in any order.
  const original = suspects.length > 0 || hasLargeObjects ? await readWhole(comparison) : null;
  const different = suspects.filter(({ name }) => staged.content.tables.get(name)?.sum !== original?.tables.get(name)?.sum).map(({ name }) => name);
  const formDiffers = staged.otherForm === null ? [] : different.filter((name) => staged.otherForm === "any" || staged.dependent.has(name));
  const wrong = [
    ...different.filter((name) => !formDiffers.includes(name)),
    ...(hasLargeObjects && staged.content.largeObjectsSum !== original?.largeObjectsSum ? [LARGE_OBJECTS_NAME] : []),
    ...differentSequences({
      original: original?.toc ?? (await readToc(comparison.artefact)),
      staged: staged.content.toc,
      isWhole: objects.length === comparison.artefact.manifest.objects.length,
    }),
  ];
  if (wrong.length > 0) {
    throw new AppError("CONFLICT", `${wrong.length} objects came out with other content: ${wrong.slice(0, 5).join(", ")}`, {
      fix: "Restore another backup, and report it with the log.",
      detail: wrong.slice(0, 50).join("; "),
    });
  }
  return { method: methodOf({ tables, withSums, suspects, formDiffers, hasLargeObjects, why: staged.why }) };
}

interface StagedDump {
  content: ArchiveContent;
  /** Null when values are printed as in the backup; else of all tables, or of those whose types depend on settings that are not known. */
  otherForm: "any" | "dependent" | null;
  dependent: ReadonlySet<string>;
  why: string;
}

/** Types whose text depends on settings, and those made of others. */
const DEPENDENT: CatalogQuery<{ schema: string; name: string }> = {
  row: z.object({ schema: z.string(), name: z.string() }),
  sql: `
    SELECT DISTINCT n.nspname AS schema, c.relname AS name
      FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_type t ON t.oid = a.atttypid
           LEFT JOIN pg_type e ON e.oid = t.typelem AND t.typcategory = 'A'
     WHERE c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
       AND (coalesce(e.typtype, t.typtype) NOT IN ('b', 'e') OR coalesce(e.typname, t.typname) IN ('timestamptz', 'timetz', 'bytea', 'money'))`,
};

async function dumpStaged(comparison: Comparison): Promise<StagedDump> {
  const { artefact, connection, name, context, search } = comparison;
  const wanted = textFormOf(artefact.manifest);
  const facts = await withOwnSession(connection, { database: name, signal: context.signal }, async (session) => ({
    form: await readTextForm(session),
    major: Math.floor(Number((await session.rows("SHOW server_version_num"))[0]?.[0]) / 10_000),
    dependent: new Set((await session.all(DEPENDENT)).map((table) => objectName(table.schema, table.name))),
    encoding: (await session.rows("SHOW server_encoding"))[0]?.[0] ?? "",
  }));
  const tools = await findTools(facts.major, search);
  const { target, encrypted } = await reachedTarget(connection, context);
  const options = wanted ? textFormOptions(wanted, facts.form) : null;
  const environment = await toolEnvironment({ target: { ...target, database: name }, encrypted, scratchDir: context.scratchDir });
  const dump = startTool({
    file: tools.pgDump,
    arguments: [
      "--format=custom",
      "--compress=0",
      "--verbose",
      "--no-password",
      ...(facts.encoding === "UTF8" || facts.encoding === "SQL_ASCII" ? [] : ["--encoding=UTF8"]),
    ],
    environment: { ...environment, ...(options === null ? {} : { PGOPTIONS: options }) },
    secret: target.password,
    onLine: (line, isComplaint) => {
      const table = /^pg_dump: dumping contents of table "(.*)"$/.exec(line)?.[1];
      if (table !== undefined) context.progress({ object: table });
      else if (isComplaint) context.log(line);
    },
    context,
  });
  dump.stdin.end();
  const content = await readDump({ chunks: dump.stdout, context, stop: () => dump.kill(), done: () => dump.done });
  const from = [
    readVersion(`(PostgreSQL) ${artefact.manifest.server.version}`)?.major,
    readVersion(artefact.manifest.tool.replace("pg_dump", "(PostgreSQL)"))?.major,
  ];
  const isOtherMajor = from.some((major) => major !== undefined && major !== facts.major) || from[1] !== tools.major;
  return {
    content,
    otherForm: isOtherMajor ? "any" : wanted ? null : "dependent",
    dependent: facts.dependent,
    why: isOtherMajor
      ? `PostgreSQL ${facts.major} may print values otherwise than ${artefact.manifest.server.version}`
      : "the file does not say under which time zone and settings its values were printed",
  };
}

async function readWhole({ artefact, context }: Comparison): Promise<ArchiveContent> {
  const stream = artefact.open();
  return readDump({ chunks: stream, context, stop: () => stream.destroy(), done: async () => undefined });
}

async function readDump(source: { chunks: NodeJS.ReadableStream; context: JobContext; stop: () => void; done: () => Promise<void> }): Promise<ArchiveContent> {
  const { chunks, context, stop, done } = source;
  const reader = new BlockReader({ sums: true });
  context.signal.addEventListener("abort", stop, { once: true });
  try {
    let bytes = 0;
    for await (const chunk of inBatches(chunks as AsyncIterable<Buffer>, BATCH_BYTES)) {
      context.signal.throwIfAborted();
      await reader.write(chunk);
      bytes += chunk.length;
      giveBack(chunk);
      context.progress({ bytesDone: bytes, itemsDone: reader.rows });
    }
    await done();
    return reader.end();
  } catch (error) {
    if (context.signal.aborted) throw new AppError("CANCELLED", "Cancelled", { cause: error });
    // A tool that failed ends its output too early: its own words say why.
    await done();
    throw error;
  } finally {
    context.signal.removeEventListener("abort", stop);
    reader.stop();
    stop();
  }
}

const BATCH_BYTES = 512 * 1024;

function assertCounts(tables: readonly ManifestObject[], { tables: found }: ArchiveContent): void {
  const wrong = tables.filter((table) => found.get(table.name)?.rows !== table.count);
  if (wrong.length === 0) return;
  const words = wrong.map((table) => `${table.name}: ${table.count} rows in the backup, ${found.get(table.name)?.rows ?? "no"} restored`);
  throw new AppError("CONFLICT", `${wrong.length} tables came out with other rows`, { fix: "Restore another backup.", detail: words.slice(0, 50).join("; ") });
}

/** `setval` of each sequence, as both archives have it. Of chosen objects only those that came along are compared. */
function differentSequences({ original, staged, isWhole }: { original: ArchiveToc; staged: ArchiveToc; isWhole: boolean }): string[] {
  const wanted = sequences(original);
  const found = sequences(staged);
  const names = isWhole ? [...new Set([...wanted.keys(), ...found.keys()])] : [...found.keys()];
  return names.filter((name) => wanted.get(name) !== found.get(name)).map((name) => `sequence ${name}`);
}

const sequences = (toc: ArchiveToc): Map<string, string> =>
  new Map(
    toc.entries.filter((entry) => entry.kind === "SEQUENCE SET").map((entry) => [objectName(entry.schema ?? "", entry.name), (entry.definition ?? "").trim()]),
  );

function methodOf(parts: {
  tables: readonly unknown[];
  withSums: readonly unknown[];
  suspects: readonly { name: string }[];
  formDiffers: readonly string[];
  hasLargeObjects: boolean;
  why: string;
}): string {
  const { tables, withSums, suspects, formDiffers, hasLargeObjects, why } = parts;
  const byCount = tables.length - withSums.length;
  const inAnyOrder = suspects.length - formDiffers.length;
  return [
    `CRC-32 over the rows of ${withSums.length - formDiffers.length} tables${inAnyOrder > 0 ? ` (${inAnyOrder} of them row by row, in any order)` : ""}, sequences${hasLargeObjects ? " and large objects" : ""}`,
    ...(formDiffers.length > 0 ? [`${formDiffers.length} by their counts only, because ${why}`] : []),
    ...(byCount > 0 ? [`${byCount} by their counts only, because the backup has no checksum of them`] : []),
  ].join("; ");
}
