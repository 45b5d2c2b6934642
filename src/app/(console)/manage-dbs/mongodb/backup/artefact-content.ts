import "server-only";

import { createReadStream } from "node:fs";

import type { ArchiveHeader } from "@/app/(console)/manage-dbs/mongodb/archive/archive-format";
import { parseMetadata, type CollectionKind } from "@/app/(console)/manage-dbs/mongodb/archive/metadata";
import { isAside } from "@/app/(console)/manage-dbs/mongodb/backup/aside-names";
import { type ArchiveScope, asDamage, objectName, openArchive, recognise, scopeOf } from "@/app/(console)/manage-dbs/mongodb/backup/artefact-events";
import { ARCHIVE_FORMAT, FOLDER_FORMAT, FOLDER_GZIP_FORMAT, PLAIN_ARCHIVE_FORMAT } from "@/app/(console)/manage-dbs/mongodb/backup/formats";
import type { Artefact, JobContext, ManifestContent, ManifestObject, Verification } from "@/backups/engine";
import { formatCount } from "@/lib/format";
import { AppError } from "@/server/errors";

/** What is in an artefact, read from its first byte to its last and without a server. */

interface Content {
  header: ArchiveHeader;
  scope: ArchiveScope;
  objects: ManifestObject[];
  indexes: Record<string, number>;
  skipped: { name: string; reason: string }[];
}

/** @throws AppError INVALID naming what is wrong */
async function readContent(artefact: Artefact, context: Pick<JobContext, "signal" | "progress">): Promise<Content> {
  const objects = new Map<string, ManifestObject>();
  const indexes: Content["indexes"] = {};
  const kinds = new Map<string, CollectionKind>();
  const skipped = new Set<string>();
  let [header, scope]: [ArchiveHeader | null, ArchiveScope | null] = [null, null];
  let items = 0;
  try {
    for await (const event of openArchive(artefact, context)) {
      if (event.kind === "prelude") {
        [header, scope] = [event.header, scopeOf(event.collections)];
        for (const entry of event.collections.filter((one) => scope?.isOwn(one))) {
          const metadata = parseMetadata(entry);
          kinds.set(entry.collection, metadata.kind);
          indexes[entry.collection] = metadata.indexes.length + (metadata.idIndex ? 1 : 0);
        }
      } else if (!scope?.isOwn(event)) {
        skipped.add(event.database === scope?.database || event.database === "" ? event.collection : `${event.database}.${event.collection}`);
      } else if (event.kind === "documents") context.progress({ object: event.collection, itemsDone: (items += event.documents.length) });
      else addObject(objects, { kind: kinds.get(objectName(event.collection)) ?? "collection", event });
    }
  } catch (error) {
    throw asDamage(error, context.signal);
  }
  if (!header || !scope) throw new AppError("INVALID", "The backup file is not good: it has no header");
  return {
    header,
    scope,
    objects: [...objects.values()],
    indexes,
    skipped: [...skipped].map((name) => ({ name, reason: isAside(name) ? "kept aside by a restore" : "of the server, not of the database" })),
  };
}

/** A time series may have a second, empty namespace beside the one with its documents. */
function addObject(
  objects: Map<string, ManifestObject>,
  { kind, event }: { kind: CollectionKind; event: { collection: string; count: number; bytes: number; crc: string } },
): void {
  const name = objectName(event.collection);
  const object =
    kind === "view" ? { name, kind, count: null, bytes: null, checksum: null } : { name, kind, count: event.count, bytes: event.bytes, checksum: event.crc };
  if (event.count > 0 || !objects.has(name)) objects.set(name, object);
}

/** Reads an artefact whole. @throws AppError INVALID naming what is wrong */
export async function verifyBackup(artefact: Artefact, context: Pick<JobContext, "signal" | "progress">): Promise<Verification> {
  const { objects } = await readContent(artefact, context);
  const found = await recognise(artefact);
  const method =
    found.kind === "tar"
      ? "dump folder read whole: structure of every document, counts; a dump folder carries no checksums"
      : "archive read whole: structure, CRC-64 of every collection, counts";
  return { method, objects: objects.map(({ name, count, checksum }) => ({ name, count, checksum })) };
}

/** Reads a file that was made elsewhere: a mongodump archive, plain or gzip, or a dump folder as tar. @throws AppError INVALID in words */
export async function describeFile(file: { path: string; bytes: number }, context: JobContext): Promise<ManifestContent> {
  const open: Artefact["open"] = (range) => createReadStream(file.path, { highWaterMark: 1024 * 1024, ...range });
  const found = await recognise({ open });
  if (found.kind === "other") {
    throw new AppError("INVALID", `This is ${found.words}, not a backup of MongoDB`, {
      fix: "Send what mongodump --archive wrote, plain or with --gzip, or its dump folder packed with tar.",
    });
  }
  const format = found.kind === "archive" ? (found.gzip ? ARCHIVE_FORMAT : PLAIN_ARCHIVE_FORMAT) : found.gzip ? FOLDER_GZIP_FORMAT : FOLDER_FORMAT;
  const content: ManifestContent = {
    format,
    server: { product: "MongoDB", version: "unknown" },
    source: "",
    tool: "mongodump",
    consistency: "per collection",
    objects: [],
    skipped: [],
    details: {},
  };
  const { header, scope, objects, indexes, skipped } = await readContent({ ...file, manifest: content, open }, context);
  const isOurs = header.toolVersion.startsWith("foundry-console");
  context.log(`${formatCount(objects.length)} collections of ${scope.database}, written by ${isOurs ? header.toolVersion : `mongodump ${header.toolVersion}`}`);
  return {
    ...content,
    server: { product: "MongoDB", version: header.serverVersion },
    source: scope.database,
    tool: isOurs ? header.toolVersion : `mongodump ${header.toolVersion}`,
    objects,
    skipped,
    details: { database: scope.database, mongoVersion: header.serverVersion, indexes },
  };
}
