import "server-only";

import { ArchiveError } from "@/app/(console)/manage-dbs/mongodb/archive/archive-format";
import { readArchive } from "@/app/(console)/manage-dbs/mongodb/archive/archive-reader";
import { type CollectionKind, parseMetadata } from "@/app/(console)/manage-dbs/mongodb/archive/metadata";
import type { Artefact, JobContext, ManifestContent, Verification } from "@/backups/engine";
import { AppError, throwIfCancelled } from "@/server/errors";

/** Headers, names and metadata beside the documents, with room to spare. */
const EXPANSION_ALLOWANCE_BYTES = 512 * 1024 * 1024;

/** Reads an archive from its first byte to its last, without a server. @throws AppError INVALID naming what is wrong */
export async function verifyBackup(artefact: Artefact, context: Pick<JobContext, "signal" | "progress">): Promise<Verification> {
  const objects: Verification["objects"] = [];
  const kinds = new Map<string, CollectionKind>();
  let items = 0;
  try {
    for await (const event of openArchive(artefact, context)) {
      if (event.kind === "prelude") for (const entry of event.collections) kinds.set(entry.collection, parseMetadata(entry).kind);
      if (event.kind === "documents") context.progress({ object: event.collection, itemsDone: (items += event.documents.length) });
      if (event.kind === "end" && !isOfServer(event.collection)) {
        const name = objectName(event.collection);
        objects.push(kinds.get(name) === "view" ? { name, count: null, checksum: null } : { name, count: event.count, checksum: event.crc });
      }
    }
  } catch (error) {
    throw asDamage(error, context.signal);
  }
  return { method: "archive read whole: structure, CRC-64 of every collection, counts", objects };
}

/** The archive's events, bounded by what its manifest says it holds. */
export function openArchive(artefact: Artefact, context: Pick<JobContext, "signal" | "progress">): ReturnType<typeof readArchive> {
  return readArchive(artefact.open(), {
    signal: context.signal,
    expandedBytesMax: expandedMax(artefact.manifest),
    onRead: (bytesDone) => context.progress({ bytesDone, bytesTotal: artefact.bytes }),
  });
}

function expandedMax(manifest: ManifestContent): number | undefined {
  const sizes = manifest.objects.map((object) => object.bytes ?? 0);
  if (sizes.length === 0) return undefined;
  return sizes.reduce((sum, bytes) => sum + bytes, 0) + EXPANSION_ALLOWANCE_BYTES;
}

/** Time series keep their documents under another name. */
export const objectName = (collection: string): string => (collection.startsWith("system.buckets.") ? collection.slice("system.buckets.".length) : collection);

/** Users, roles and the oplog of a full dump: never restored. */
export const isOfServer = (collection: string): boolean => collection.startsWith("$admin.system.");

export function asDamage(error: unknown, signal: AbortSignal): unknown {
  throwIfCancelled(signal);
  if (!(error instanceof ArchiveError)) return error;
  return new AppError("INVALID", `The backup file is not good: ${error.message}`, {
    fix: "Choose another backup; take a new one and look at the disk of the store.",
    cause: error,
  });
}
