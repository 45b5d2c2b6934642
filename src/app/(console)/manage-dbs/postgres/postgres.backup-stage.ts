import "server-only";
import { analyze, analyzeAside } from "@/app/(console)/manage-dbs/postgres/postgres.analyze";
import { stagingName } from "@/app/(console)/manage-dbs/postgres/postgres.aside-names";
import type { ArchiveToc } from "@/app/(console)/manage-dbs/postgres/postgres.archive";
import { countLargeObjects, countRelations, LARGE_OBJECTS_NAME, listRelations } from "@/app/(console)/manage-dbs/postgres/postgres.backup-objects";
import { nameProblem, readNeeds, wantedOf, type Details } from "@/app/(console)/manage-dbs/postgres/postgres.backup-plan";
import { CHOSEN_FIX, chosenObjects, restoreList } from "@/app/(console)/manage-dbs/postgres/postgres.chosen";
import { compareContent } from "@/app/(console)/manage-dbs/postgres/postgres.compare-content";
import { readLive, replaceProblem, tablespaceOf } from "@/app/(console)/manage-dbs/postgres/postgres.replace-plan";
import { swapStaged, type AtPoint } from "@/app/(console)/manage-dbs/postgres/postgres.swap";
import { readToc, toolsForArchive } from "@/app/(console)/manage-dbs/postgres/postgres.backup-verify";
import { browse, withOwnSession } from "@/app/(console)/manage-dbs/postgres/postgres.client";
import { jobsFor, runRestore } from "@/app/(console)/manage-dbs/postgres/postgres.restore-run";
import type { ToolSearch } from "@/app/(console)/manage-dbs/postgres/postgres.tools";
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
  if (target.objects && target.replace) throw new AppError("INVALID", "Chosen objects cannot replace a database", { fix: CHOSEN_FIX });
  const manifestObjects = chosenObjects(artefact.manifest.objects, target);
  const tools = await toolsForArchive(toc, search);
  const { needs, live } = await browse(connection, context, async (session) => ({
    needs: await readNeeds(session, toc, details),
    live: target.replace ? await readLive(session) : null,
  }));
  const problem = live ? replaceProblem(target.name, live.name) : nameProblem(target.name, needs.databases);
  if (problem !== null) throw new AppError("CONFLICT", `The name ${target.name} cannot be used: ${problem}`, { fix: "Choose another name." });
  const name = stagingName(target.name, context.jobId);
  context.progress({ phase: "Create a database aside" });
  const owner = live?.owner ?? needs.databaseOwner;
  const create = (): Promise<void> => createDatabase(connection, { name, details, owner, tablespace: live && tablespaceOf(live), context });
  await create();
  try {
    context.progress({ phase: "Restore with pg_restore" });
    const run = { artefact, connection, name, needs, toc, list: target.objects ? restoreList(wanted) : null, tools, context };
    const jobs = jobsFor(toc, artefact.manifest.objects);
    await runRestore({ ...run, jobs }).catch(async (error: unknown) => {
      if (jobs === 1 || !mayGoAlone(error, context)) throw error;
      context.log(`with ${jobs} processes it did not go (${error instanceof Error ? error.message : String(error)}); again, one thing after the other`);
      await dropDatabase(connection, name);
      await create();
      await runRestore({ ...run, jobs: 1 });
    });
    // What replaces a live database takes that one's settings, when it does.
    if (!live) await carrySettings(connection, { name, toc, context });
    context.progress({ phase: "Count every table" });
    // Its first queries are to be planned well: at once where applications come with the swap, after it has its name where nobody waits for it.
    const [counted] = await Promise.all([countDatabase({ connection, name, context }), live ? analyze(connection, name, context.signal) : null]);
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

/** Things that only go in the archive's own order (a check that reads another table), or sessions that were too many. */
const mayGoAlone = (error: unknown, { signal }: JobContext): boolean =>
  !signal.aborted && !(error instanceof AppError && ["CANCELLED", "LIMIT_EXCEEDED", "TOOL_MISSING"].includes(error.code));

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

/** Exact rows of the restored database by the manifest's names. */
async function countDatabase(options: { connection: Connection; name: string; context: JobContext }): Promise<{ name: string; count: number | null }[]> {
  const { connection, name, context } = options;
  return withOwnSession(connection, { signal: context.signal, database: name }, async (session) => {
    await session.run("SET row_security = off; BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    const relations = await listRelations(session);
    let done = 0;
    const counts = await countRelations(session, relations, (object) => context.progress({ object, objectsDone: (done += 1) }));
    const largeObjects = await countLargeObjects(session);
    await session.run("COMMIT");
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
  // Autovacuum does it within its minute where this does not come to its end.
  void analyzeAside(connection, target).catch(() => undefined);
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
