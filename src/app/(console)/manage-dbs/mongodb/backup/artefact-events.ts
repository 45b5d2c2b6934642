import "server-only";

import { type ArchiveCollection, ArchiveError } from "@/app/(console)/manage-dbs/mongodb/archive/archive-format";
import type { ArchiveEvent } from "@/app/(console)/manage-dbs/mongodb/archive/archive-parser";
import { plainChunks, readArchive } from "@/app/(console)/manage-dbs/mongodb/archive/archive-reader";
import { readDumpFolder } from "@/app/(console)/manage-dbs/mongodb/archive/dump-folder";
import { FILE_START_BYTES, type FileKind, fileKindOf } from "@/app/(console)/manage-dbs/mongodb/archive/file-kind";
import { isAside } from "@/app/(console)/manage-dbs/mongodb/backup/aside-names";
import type { Artefact, JobContext, ManifestContent } from "@/backups/engine";
import { AppError, throwIfCancelled } from "@/server/errors";

/** An artefact as a stream of what is in it, whichever of the formats it has. */

/** Headers, names and metadata beside the documents, with room to spare. */
const EXPANSION_ALLOWANCE_BYTES = 512 * 1024 * 1024;

/** What a file is by its content. */
export async function recognise(artefact: Pick<Artefact, "open">): Promise<FileKind> {
  const parts: Buffer[] = [];
  for await (const chunk of artefact.open({ start: 0, end: FILE_START_BYTES - 1 })) parts.push(chunk as Buffer);
  return fileKindOf(Buffer.concat(parts));
}

/** The artefact's events, bounded by what its manifest says it holds. @throws ArchiveError at the first thing that is wrong */
export async function* openArchive(artefact: Artefact, context: Pick<JobContext, "signal" | "progress">): AsyncGenerator<ArchiveEvent> {
  const found = await recognise(artefact);
  if (found.kind === "other") throw new ArchiveError(`it is ${found.words}`);
  const options = { signal: context.signal, expandedBytesMax: expandedMax(artefact.manifest) };
  const onRead = (bytesDone: number) => context.progress({ bytesDone, bytesTotal: artefact.bytes });
  if (found.kind === "archive") yield* readArchive(artefact.open(), { ...options, onRead });
  else yield* readDumpFolder(() => plainChunks(artefact.open(), { ...options, onRead }));
}

function expandedMax(manifest: ManifestContent): number | undefined {
  const sizes = manifest.objects.map((object) => object.bytes ?? 0);
  if (sizes.length === 0) return undefined;
  return sizes.reduce((sum, bytes) => sum + bytes, 0) + EXPANSION_ALLOWANCE_BYTES;
}

/** Time series keep their documents under another name. */
export const objectName = (collection: string): string => (collection.startsWith("system.buckets.") ? collection.slice("system.buckets.".length) : collection);

export interface ArchiveScope {
  database: string;
  /** False for what belongs to a whole server (users, roles, the oplog, its own databases), and for what a restore had kept aside. */
  isOwn(entry: { database: string; collection: string }): boolean;
}

const SERVER_DATABASES = new Set(["", "admin", "config", "local"]);

/** Which database of an archive is meant. @throws AppError INVALID when it holds several, or none */
export function scopeOf(collections: readonly ArchiveCollection[]): ArchiveScope {
  const all = [...new Set(collections.map((entry) => entry.database))];
  const ofPeople = all.filter((name) => !SERVER_DATABASES.has(name));
  const [database, second] = ofPeople.length > 0 ? ofPeople : all;
  if (database === undefined)
    throw new AppError("INVALID", "The archive holds no collection", {
      fix: "Look at the name of the database it was taken of: mongodump writes an empty archive for a wrong one.",
    });
  if (second !== undefined) {
    throw new AppError("INVALID", `The archive holds ${ofPeople.length} databases: ${ofPeople.slice(0, 5).join(", ")}`, {
      fix: "Dump one database (mongodump --db), or restore it with mongorestore.",
    });
  }
  const isLeftOut = (name: string) => name.startsWith("$admin.system.") || isAside(name);
  return { database, isOwn: (entry) => entry.database === database && !isLeftOut(entry.collection) };
}

/** What is wrong with the file itself becomes INVALID, in words. */
export function asDamage(error: unknown, signal: AbortSignal): unknown {
  throwIfCancelled(signal);
  if (!(error instanceof ArchiveError)) return error;
  return new AppError("INVALID", `The backup file is not good: ${error.message}`, {
    fix: "Choose another backup; take a new one and look at the disk of the store.",
    cause: error,
  });
}
