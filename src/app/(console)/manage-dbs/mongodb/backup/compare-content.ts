import "server-only";

import { hash } from "node:crypto";

import type { Db } from "mongodb";

import { Crc64, crcHex } from "@/app/(console)/manage-dbs/mongodb/archive/crc64-xz";
import { readAll } from "@/app/(console)/manage-dbs/mongodb/backup/backup-source";
import { asDamage, objectName, openArchive } from "@/app/(console)/manage-dbs/mongodb/backup/artefact-events";
import type { StagedCollection } from "@/app/(console)/manage-dbs/mongodb/backup/restore-staged";
import { batchSizeFor } from "@/app/(console)/manage-dbs/mongodb/mongodb.raw";
import type { Artefact, JobContext } from "@/backups/engine";
import { formatCount } from "@/lib/format";
import { AppError } from "@/server/errors";

const MODULUS_BITS = 128;

/** A digest of documents in any order: the sum of their SHA-256, cut to 128 bits. */
export class UnorderedDigest {
  count = 0;
  private sum = 0n;

  add(document: Uint8Array): void {
    const digest = hash("sha256", document, "buffer");
    this.sum = BigInt.asUintN(MODULUS_BITS, this.sum + (digest.readBigUInt64LE(0) | (digest.readBigUInt64LE(8) << 64n)));
    this.count++;
  }

  equals(other: UnorderedDigest): boolean {
    return this.count === other.count && this.sum === other.sum;
  }
}

interface Compared {
  db: Db;
  collections: readonly StagedCollection[];
  artefact: Artefact;
  context: Pick<JobContext, "signal" | "progress">;
}

/**
 * Reads every staged document again and compares with the archive: by the archive's own CRC-64 where the server hands the documents out
 * in their order, else by a digest that does not depend on order, for which the archive is read once more.
 * @throws AppError CONFLICT naming the collections that differ
 */
export async function compareContent(compared: Compared): Promise<{ method: string }> {
  const { collections, context } = compared;
  const reordered: StagedCollection[] = [];
  for (const entry of collections) {
    context.progress({ object: entry.name });
    const crc = new Crc64();
    for await (const batch of batchesOf(compared, entry)) for (const document of batch) crc.update(document);
    if (crcHex(crc.value()) !== (entry.checksum ?? crcHex(0n))) reordered.push(entry);
  }
  if (reordered.length > 0) await compareUnordered(compared, reordered);
  const inOrder = collections.length - reordered.length;
  const parts = [
    ...(inOrder > 0 || reordered.length === 0 ? [`CRC-64 of the raw documents of ${formatCount(inOrder)} collections`] : []),
    ...(reordered.length > 0
      ? [`sum of SHA-256 (128 bits) of every raw document, in any order, of ${formatCount(reordered.length)} collections whose order the server changed`]
      : []),
  ];
  return { method: parts.join("; ") };
}

function batchesOf({ db, context }: Compared, entry: StagedCollection): AsyncGenerator<Buffer[]> {
  const place = entry.queue?.place ?? { collection: entry.stagedName, rawData: false };
  const sent = entry.queue?.sent;
  const batchSize = batchSizeFor(sent && sent.count > 0 ? sent.bytes / sent.count : null);
  return readAll(db, place, { batchSize, signal: context.signal });
}

async function compareUnordered(compared: Compared, entries: readonly StagedCollection[]): Promise<void> {
  const { artefact, context } = compared;
  const inArchive = new Map(entries.map((entry) => [entry.name, new UnorderedDigest()]));
  try {
    for await (const event of openArchive(artefact, context)) {
      if (event.kind !== "documents") continue;
      const digest = inArchive.get(objectName(event.collection));
      if (digest) for (const document of event.documents) digest.add(document);
    }
  } catch (error) {
    throw asDamage(error, context.signal);
  }
  const different: string[] = [];
  for (const entry of entries) {
    const found = new UnorderedDigest();
    for await (const batch of batchesOf(compared, entry)) for (const document of batch) found.add(document);
    if (!inArchive.get(entry.name)?.equals(found)) different.push(entry.name);
  }
  if (different.length === 0) return;
  throw new AppError("CONFLICT", `${different.slice(0, 5).join(", ")}: the restored documents are not those of the backup`, {
    fix: "Take a new backup; this server or this file does not keep documents as they are.",
    detail: `${different.length} of ${compared.collections.length} collections differ`,
  });
}
