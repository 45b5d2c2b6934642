import "server-only";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { stagingName } from "@/app/(console)/manage-dbs/postgres/postgres.aside-names";
import type { ArchiveToc } from "@/app/(console)/manage-dbs/postgres/postgres.archive";
import { countLargeObjects, countRelations, LARGE_OBJECTS_NAME, listRelations } from "@/app/(console)/manage-dbs/postgres/postgres.backup-objects";
import { nameProblem, readNeeds, wantedOf, type Details, type RestoreNeeds } from "@/app/(console)/manage-dbs/postgres/postgres.backup-plan";
import { chosenObjects, restoreList } from "@/app/(console)/manage-dbs/postgres/postgres.chosen";
import { compareContent } from "@/app/(console)/manage-dbs/postgres/postgres.compare-content";
import { readLive, replaceProblem, tablespaceOf } from "@/app/(console)/manage-dbs/postgres/postgres.replace-plan";
import { swapStaged, type AtPoint } from "@/app/(console)/manage-dbs/postgres/postgres.swap";
import { readToc, toolsForArchive } from "@/app/(console)/manage-dbs/postgres/postgres.backup-verify";
import { browse, reachedTarget, withOwnSession } from "@/app/(console)/manage-dbs/postgres/postgres.client";
import { startTool, toolEnvironment, writeOrGone } from "@/app/(console)/manage-dbs/postgres/postgres.processes";
import type { PostgresTools, ToolSearch } from "@/app/(console)/manage-dbs/postgres/postgres.tools";
import type { Artefact, JobContext, Journal, LeftBehind, RestoreTarget, Staged } from "@/backups/engine";
import type { Connection } from "@/server/connection";
import { AppError } from "@/server/errors";
import { quoteIdentifier, textLiteral } from "@/sql/identifiers";

/** Restores into a new database beside the live ones and counts it. On failure the database is dropped again. */
export async function stageRestore(options: {
  artefact: Artefact;
  connection: Connection;
  target: RestoreTarget;
  context: JobContext;
  search: ToolSearch;
  at: AtPoint;
}): Promise<Staged> {
  const { artefact, connection, target, context, search, at } = options;
  const wanted = wantedOf(await readToc(artefact), artefact.manifest, target);
  const { toc, details, skipped } = wanted;
  if (target.objects && target.replace)
    throw new AppError("INVALID", "Chosen objects cannot replace a database", { fix: "Restore them under a new name, or the whole backup in its place." });
  const manifestObjects = chosenObjects(artefact.manifest.objects, target);
  const tools = await toolsForArchive(toc, search);
  const { needs, live } = await browse(connection, context, async (session) => ({
    needs: await readNeeds(session, toc, details),
    live: target.replace ? await readLive(session) : null,
  }));
  const problem = live ? replaceProblem(target.name, live.name) : nameProblem(target.name, needs.databases);
  if (problem !== null) throw new AppError("CONFLICT", `The name ${target.name} cannot be used: ${problem}`, { fix: "Choose another name." });
  const name = stagingName(target.name, context.jobId);
  context.progress({ phase: "Create a database beside" });
  const owner = live?.owner ?? needs.databaseOwner;
  await createDatabase(connection, { name, details, owner, tablespace: live && tablespaceOf(live), context });
  try {
    context.progress({ phase: "Restore with pg_restore" });
    await runRestore({ artefact, connection, name, needs, list: target.objects ? restoreList(wanted) : null, tools, context });
    // What replaces a live database takes that one's settings, when it does.
    if (!live) await carrySettings(connection, { name, toc, context });
    context.progress({ phase: "Count every table" });
    const counted = await countDatabase({ connection, name, context });
    // What the backup has no count of cannot be compared.
    const uncounted = new Set(manifestObjects.filter((object) => object.count === null).map((object) => object.name));
    return {
      objects: counted.map((object) => (uncounted.has(object.name) ? { ...object, count: null } : object)),
      skipped: skipped.map((entry) => ({ ...entry, count: 1 })),
      keep: () => keepAs({ connection, name, target: target.name }),
      compareContent: () => compareContent({ artefact, connection, name, objects: manifestObjects, context, search }),
      ...(live ? { swap: (journal: Journal) => swapStaged({ connection, name, target: target.name, context, journal, at }) } : {}),
      discard: () => dropDatabase(connection, name),
    };
  } catch (error) {
    await dropDatabase(connection, name).catch((failure: unknown) => {
      const words = (thrown: unknown) => (thrown instanceof Error ? thrown.message : String(thrown));
      // A CONFLICT is shown also when the job was cancelled: somebody must remove the database.
      throw new AppError("CONFLICT", `The restore did not succeed, and the database ${name} it had made could not be removed: ${words(failure)}`, {
        fix: `When the server is back: DROP DATABASE ${quoteIdentifier(name)}.`,
        detail: words(error),
        cause: failure,
      });
    });
    throw error;
  }
}

async function createDatabase(
  connection: Connection,
  options: { name: string; details: Details; owner: string | null; tablespace: string | null; context: JobContext },
): Promise<void> {
  const { name, details, owner, tablespace, context } = options;
  const words = [
    `CREATE DATABASE ${quoteIdentifier(name)} TEMPLATE template0`,
    details.encoding === null ? "" : `ENCODING ${textLiteral(details.encoding)}`,
    details.provider === "i" && details.locale !== null ? `LOCALE_PROVIDER icu ICU_LOCALE ${textLiteral(details.locale)}` : "",
    details.provider === "b" && details.locale !== null ? `LOCALE_PROVIDER builtin BUILTIN_LOCALE ${textLiteral(details.locale)}` : "",
    details.collate === null ? "" : `LC_COLLATE ${textLiteral(details.collate)}`,
    details.ctype === null ? "" : `LC_CTYPE ${textLiteral(details.ctype)}`,
    owner === null ? "" : `OWNER ${quoteIdentifier(owner)}`,
    tablespace === null ? "" : `TABLESPACE ${quoteIdentifier(tablespace)}`,
  ];
  await withOwnSession(connection, { signal: context.signal }, (session) => session.run(words.filter((word) => word !== "").join(" ")));
  context.log(`created ${name}`);
}

interface RestoreRun {
  artefact: Artefact;
  connection: Connection;
  name: string;
  needs: RestoreNeeds;
  /** Of the entries to restore; null for all. */
  list: string | null;
  tools: PostgresTools;
  context: JobContext;
}

/** The archive goes in by stdin: its path is no argument, and what is restored is what was opened. */
async function runRestore(run: RestoreRun): Promise<void> {
  const { artefact, connection, name, needs, list, tools, context } = run;
  const { target, encrypted } = await reachedTarget(connection, context);
  const listFile = join(context.scratchDir, "restore.list");
  if (list !== null) await writeFile(listFile, list, { mode: 0o600 });
  const restore = startTool({
    file: tools.pgRestore,
    arguments: [
      "--exit-on-error",
      "--verbose",
      "--no-password",
      ...(needs.withoutOwners.length > 0 ? ["--no-owner", "--no-privileges"] : needs.withoutRights.length > 0 ? ["--no-privileges"] : []),
      ...(needs.missingTablespaces.length > 0 ? ["--no-tablespaces"] : []),
      ...(list === null ? [] : [`--use-list=${listFile}`]),
      `--dbname=${name}`,
    ],
    environment: await toolEnvironment({ target: { ...target, database: name }, encrypted, scratchDir: context.scratchDir }),
    secret: target.password,
    onLine: (line, isComplaint) => {
      const table = /^pg_restore: processing data for table "(.*)"$/.exec(line)?.[1];
      if (table !== undefined) context.progress({ object: table });
      else if (isComplaint) context.log(line);
    },
    context,
  });
  const stop = (): void => restore.kill();
  context.signal.addEventListener("abort", stop, { once: true });
  restore.stdout.resume();
  try {
    let bytes = 0;
    for await (const chunk of artefact.open()) {
      if (context.signal.aborted || !(await writeOrGone(restore.stdin, chunk as Buffer))) break;
      bytes += (chunk as Buffer).length;
      context.progress({ bytesDone: bytes, bytesTotal: artefact.bytes });
    }
    restore.stdin.end();
    await restore.done;
  } catch (error) {
    if (context.signal.aborted) throw new AppError("CANCELLED", "Cancelled", { cause: error });
    throw error;
  } finally {
    context.signal.removeEventListener("abort", stop);
    restore.kill();
  }
}

/**
 * ALTER DATABASE SET of the origin (its search_path, for one) makes its applications work the same here. The statements are pg_dump's,
 * with the name changed; what this server does not know is said in the log. Limits and rights of the database itself stay behind.
 */
async function carrySettings(connection: Connection, options: { name: string; toc: ArchiveToc; context: JobContext }): Promise<void> {
  const { name, toc, context } = options;
  const statements = toc.entries.flatMap((entry) => (entry.kind === "DATABASE PROPERTIES" ? databaseSettings(entry.definition ?? "", toc.database) : []));
  if (statements.length === 0) return;
  await withOwnSession(connection, { signal: context.signal }, async (session) => {
    for (const statement of statements) {
      await session
        .run(`ALTER DATABASE ${quoteIdentifier(name)} SET ${statement}`)
        .catch((error: unknown) => context.log(`a setting was left out: ${String(error)}`));
    }
  });
}

/** One statement with its semicolon; what stands in quotes may hold anything. */
const STATEMENT = /(?:E'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|[^;'"])+;/gs;

/** What follows SET in each `ALTER DATABASE name SET ...;` of pg_dump. */
export function databaseSettings(definition: string, database: string): string[] {
  const prefixes = [database, quoteIdentifier(database)].map((name) => `ALTER DATABASE ${name} SET `);
  return (definition.match(STATEMENT) ?? []).flatMap((match) => {
    const statement = match.trim().replace(/;$/, "");
    const prefix = prefixes.find((start) => statement.startsWith(start));
    return prefix === undefined ? [] : [statement.slice(prefix.length)];
  });
}

/** Exact rows of the restored database by the manifest's names; ANALYZE on the way, so that its first queries are planned well. */
async function countDatabase(options: { connection: Connection; name: string; context: JobContext }): Promise<{ name: string; count: number | null }[]> {
  const { connection, name, context } = options;
  return withOwnSession(connection, { signal: context.signal, database: name }, async (session) => {
    await session.run("SET row_security = off; BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    const relations = await listRelations(session);
    let done = 0;
    const counts = await countRelations(session, relations, (object) => context.progress({ object, objectsDone: (done += 1) }));
    const largeObjects = await countLargeObjects(session);
    await session.run("COMMIT");
    await session.run("ANALYZE");
    const found = relations.map((relation) => ({ name: relation.name, count: counts.get(relation.name) ?? null }));
    return largeObjects > 0 ? [...found, { name: LARGE_OBJECTS_NAME, count: largeObjects }] : found;
  });
}

async function keepAs(options: {
  connection: Connection;
  name: string;
  target: string;
}): Promise<{ place: string; connection: { url: string; database: string | null } }> {
  const { connection, name, target } = options;
  await withOwnSession(connection, {}, (session) => session.run(`ALTER DATABASE ${quoteIdentifier(name)} RENAME TO ${quoteIdentifier(target)}`));
  const url = new URL(connection.url.reveal());
  url.pathname = `/${encodeURIComponent(target)}`;
  return { place: `database ${target} on ${connection.address}`, connection: { url: url.toString(), database: null } };
}

async function dropDatabase(connection: Connection, name: string): Promise<void> {
  await withOwnSession(connection, {}, (session) => session.run(`DROP DATABASE IF EXISTS ${quoteIdentifier(name)} WITH (FORCE)`));
}

/** Drops the database that a crashed restore left; the name carries the job's id, so it can be nobody else's. */
export async function sweepRestore(connection: Connection, left: LeftBehind): Promise<void> {
  await dropDatabase(connection, stagingName(left.target, left.jobId));
}
