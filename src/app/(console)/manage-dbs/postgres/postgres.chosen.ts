import "server-only";
import { objectName, type ArchiveToc, type TocEntry } from "@/app/(console)/manage-dbs/postgres/postgres.archive";
import type { RestoreTarget } from "@/backups/engine";
import { AppError } from "@/server/errors";
import { LARGE_OBJECTS_NAME } from "@/app/(console)/manage-dbs/postgres/postgres.backup-objects";

/**
 * What of an archive is restored when only some objects are wanted: these with their rows, indexes, triggers and rights, and what they
 * rest on (schemas, types, functions, sequences, extensions, parent tables). Tables that are only rested on come without rows.
 */
export interface Chosen {
  /** The archive's contents, with only the entries that are restored. */
  toc: ArchiveToc;
  /** What was left out although it belongs to a chosen object, and why. */
  skipped: { name: string; reason: string }[];
}

/** Of chosen objects that are wanted live. */
export const CHOSEN_FIX =
  "Restore them into a new database, and copy from there what is wanted (pg_dump --table, or INSERT after a look); or restore the whole backup in its place.";

const RELATIONS = new Set(["TABLE", "VIEW", "MATERIALIZED VIEW", "FOREIGN TABLE"]);
const LARGE = new Set(["BLOB", "BLOBS", "BLOB METADATA"]);
/** Belongs to what it depends on, and is restored with it. */
const ATTACHED = new Set([
  "DEFAULT",
  "CONSTRAINT",
  "CHECK CONSTRAINT",
  "INDEX",
  "INDEX ATTACH",
  "TABLE ATTACH",
  "TRIGGER",
  "RULE",
  "POLICY",
  "ROW SECURITY",
  "STATISTICS",
  "SEQUENCE",
  "SEQUENCE SET",
  "SEQUENCE OWNED BY",
  "COMMENT",
  "ACL",
  "SECURITY LABEL",
]);
/** May be needed without being among the dependencies: operator classes of an extension, functions that the body of another one calls. */
const UNRECORDED = new Set(["EXTENSION", "FUNCTION", "PROCEDURE", "AGGREGATE"]);
const ROWS = new Set(["TABLE DATA", "MATERIALIZED VIEW DATA"]);

/** Throws nothing: names that are not in the archive choose nothing. */
export function chooseEntries(toc: ArchiveToc, names: readonly string[]): Chosen {
  const wanted = new Set(names);
  const byId = new Map(toc.entries.map((entry) => [entry.id, entry]));
  const withRows = new Set<number>(toc.entries.filter((entry) => RELATIONS.has(entry.kind) && wanted.has(nameOf(entry))).map((entry) => entry.id));
  addPartitions(toc, withRows);
  const kept = new Set<number>();
  const keep = (id: number): void => {
    const entry = byId.get(id);
    if (!entry || kept.has(id)) return;
    kept.add(id);
    for (const other of entry.dependencies) keep(other);
  };
  for (const id of withRows) keep(id);
  for (const entry of toc.entries) if (UNRECORDED.has(entry.kind) && !restsOnRelation(entry, byId)) keep(entry.id);
  if (wanted.has(LARGE_OBJECTS_NAME)) for (const entry of toc.entries) if (LARGE.has(entry.kind)) kept.add(entry.id);
  const { known, attached } = attachedEntries(toc);
  for (let before = -1; before !== kept.size;) {
    before = kept.size;
    for (const entry of attached) if (owners(entry, known).some((id) => kept.has(id)) && isWhole(entry, { known, kept, byId })) keep(entry.id);
    keepSchemas(toc, kept);
  }
  for (const entry of toc.entries) if (ROWS.has(entry.kind) && entry.dependencies.some((id) => withRows.has(id))) kept.add(entry.id);
  const keys = keepForeignKeys(toc, { byId, kept, withRows });
  return { toc: { ...toc, entries: toc.entries.filter((entry) => kept.has(entry.id)) }, skipped: [...keys, ...reasons(toc, { byId, kept, withRows })] };
}

function restsOnRelation(entry: TocEntry, byId: ReadonlyMap<number, TocEntry>, seen = new Set<number>()): boolean {
  return entry.dependencies.some((id) => {
    const other = byId.get(id);
    if (!other || seen.has(id)) return false;
    seen.add(id);
    return RELATIONS.has(other.kind) || restsOnRelation(other, byId, seen);
  });
}

const nameOf = (entry: TocEntry): string => objectName(entry.schema ?? "", entry.name);

/** The rows of a partitioned table are in its partitions, and theirs in their own. */
function addPartitions(toc: ArchiveToc, chosen: Set<number>): void {
  const attachments = toc.entries.filter((entry) => entry.kind === "TABLE ATTACH");
  for (let before = -1; before !== chosen.size;) {
    before = chosen.size;
    // The partition comes first, its parent second.
    for (const { dependencies } of attachments) {
      const [partition, parent] = dependencies;
      if (partition !== undefined && parent !== undefined && chosen.has(parent)) chosen.add(partition);
    }
  }
}

function attachedEntries(toc: ArchiveToc): { known: ReadonlySet<number>; attached: TocEntry[] } {
  return { known: new Set(toc.entries.map((entry) => entry.id)), attached: toc.entries.filter((entry) => ATTACHED.has(entry.kind)) };
}

const owners = (entry: TocEntry, known: ReadonlySet<number>): number[] => entry.dependencies.filter((id) => known.has(id));

/** A rule, trigger or attachment that names another relation comes only when that one does. */
function isWhole(
  entry: TocEntry,
  { known, kept, byId }: { known: ReadonlySet<number>; kept: ReadonlySet<number>; byId: ReadonlyMap<number, TocEntry> },
): boolean {
  return owners(entry, known).every((id) => kept.has(id) || !needsChoosing(byId.get(id)));
}

const needsChoosing = (entry: TocEntry | undefined): boolean =>
  entry !== undefined && (RELATIONS.has(entry.kind) || entry.kind === "CONSTRAINT" || entry.kind === "INDEX" || entry.kind === "SCHEMA");

/** An object's schema is not always among what it depends on. */
function keepSchemas(toc: ArchiveToc, kept: Set<number>): void {
  const schemas = new Set(toc.entries.filter((entry) => kept.has(entry.id)).map((entry) => entry.schema));
  for (const entry of toc.entries) if (entry.kind === "SCHEMA" && schemas.has(entry.name)) kept.add(entry.id);
}

interface State {
  byId: ReadonlyMap<number, TocEntry>;
  kept: Set<number>;
  withRows: ReadonlySet<number>;
}

/** A foreign key holds only when both tables come with their rows. */
function keepForeignKeys(toc: ArchiveToc, { byId, kept, withRows }: State): { name: string; reason: string }[] {
  const skipped: { name: string; reason: string }[] = [];
  for (const entry of toc.entries.filter((each) => each.kind === "FK CONSTRAINT")) {
    const tables = entry.dependencies.filter((id) => byId.get(id)?.kind === "TABLE");
    if (!tables.some((id) => kept.has(id))) continue;
    const missing = tables.filter((id) => !withRows.has(id)).flatMap((id) => byId.get(id) ?? []);
    if (missing.length === 0) {
      kept.add(entry.id);
      continue;
    }
    for (const id of kept) if (byId.get(id)?.kind === "COMMENT" && byId.get(id)?.dependencies.includes(entry.id)) kept.delete(id);
    if (tables.some((id) => withRows.has(id))) skipped.push({ name: `foreign key ${entry.name}`, reason: `${missing.map(nameOf).join(", ")} is not chosen` });
  }
  return skipped;
}

function reasons(toc: ArchiveToc, { byId, kept, withRows }: State): { name: string; reason: string }[] {
  const without = toc.entries.filter((entry) => entry.kind === "TABLE" && kept.has(entry.id) && !withRows.has(entry.id));
  const left = toc.entries.filter((entry) => ATTACHED.has(entry.kind) && !kept.has(entry.id) && entry.dependencies.some((id) => withRows.has(id)));
  const published = toc.entries.filter((entry) => entry.kind === "PUBLICATION TABLE" && entry.dependencies.some((id) => withRows.has(id)));
  return [
    ...without.map((entry) => ({ name: `rows of ${nameOf(entry)}`, reason: "it is not chosen, and comes empty because a chosen object rests on it" })),
    ...left.map((entry) => {
      const missing = entry.dependencies.flatMap((id) => (kept.has(id) ? [] : (byId.get(id) ?? []))).map(nameOf);
      return { name: `${entry.kind.toLowerCase()} ${entry.name}`, reason: `${missing.join(", ") || "what it rests on"} is not chosen` };
    }),
    ...published.map((entry) => ({ name: `publication of ${entry.name}`, reason: "publications are not chosen" })),
  ];
}

/** The manifest's objects that are asked for: all, or the chosen ones. Throws INVALID for a name that is not among them. */
export function chosenObjects<O extends { name: string }>(objects: readonly O[], target: RestoreTarget): O[] {
  if (!target.objects) return [...objects];
  const wanted = new Set(target.objects);
  const found = objects.filter((object) => wanted.delete(object.name));
  const [unknown] = wanted;
  if (unknown !== undefined) throw new AppError("INVALID", `The backup does not hold ${unknown}`, { fix: "Choose objects of its list." });
  return found;
}

/** For pg_restore's --use-list: one id a line, in the archive's own order. */
export const restoreList = ({ toc }: Chosen): string => toc.entries.map((entry) => `${entry.id};\n`).join("");
