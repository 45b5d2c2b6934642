import "server-only";

import type { Db } from "mongodb";

import { parseMetadata } from "@/app/(console)/manage-dbs/mongodb/archive/metadata";
import { readAll } from "@/app/(console)/manage-dbs/mongodb/backup/backup-source";
import { ContentSum, InsertQueue } from "@/app/(console)/manage-dbs/mongodb/backup/restore-insert";
import { buildIndexes, createCollection } from "@/app/(console)/manage-dbs/mongodb/backup/restore-options";
import type { KeptCollection } from "@/app/(console)/manage-dbs/mongodb/backup/swap-record";
import { toEjson } from "@/app/(console)/manage-dbs/mongodb/bson-ejson";
import { batchSizeFor, rawCommand } from "@/app/(console)/manage-dbs/mongodb/mongodb.raw";
import { AppError } from "@/server/errors";

/**
 * For servers that forget the options of a collection they rename, and only for options that cannot be given back afterwards
 * (capped, collation, clustered): a collection with these options is made under the name and filled from the one aside, which goes
 * when everything is there. Interrupted, the one aside is still whole, and the copy is made again.
 */
export async function landByCopy(db: Db, entry: KeptCollection, makeDurable: () => Promise<void>): Promise<void> {
  const indexes = await rawCommand(db, { listIndexes: entry.aside });
  const metadata = parseMetadata({
    collection: entry.name,
    type: "collection",
    metadata: `{"options":${entry.options ?? "{}"},"indexes":[${indexes.map((index) => toEjson(index)).join(",")}]}`,
  });
  await createCollection(db, entry.name, metadata);
  const queue = new InsertQueue(db, { collection: entry.name, rawData: false }, metadata);
  try {
    for await (const batch of readAll(db, { collection: entry.aside, rawData: false }, { batchSize: batchSizeFor(null) })) await queue.add(batch);
    await queue.finish();
  } finally {
    await queue.abandon();
  }
  const found = new ContentSum();
  for await (const batch of readAll(db, queue.place, { batchSize: batchSizeFor(null) })) for (const document of batch) found.add(document);
  if (!found.equals(queue.sent))
    throw new AppError("CONFLICT", `${entry.name} came out different when it was copied`, { fix: "Stop what writes to it, and try again." });
  await buildIndexes(db, { shown: entry.name, stagedName: entry.name, indexes: metadata.indexes }, new AbortController().signal);
  await makeDurable();
  await db.command({ drop: entry.aside });
}
