import "server-only";

import { appendEjson } from "@/app/(console)/manage-dbs/mongodb/bson-ejson";
import { EjsonOutput } from "@/app/(console)/manage-dbs/mongodb/ejson-output";
import type { ExportInput } from "@/app/(console)/manage-dbs/mongodb/collections/collections.schema";
import { findByKey } from "@/app/(console)/manage-dbs/mongodb/collections/documents.service";
import { parseFilter } from "@/app/(console)/manage-dbs/mongodb/ejson-input";
import { connectedClient, requireDatabase } from "@/app/(console)/manage-dbs/mongodb/mongodb.client";
import { toAppError } from "@/app/(console)/manage-dbs/mongodb/mongodb.errors";
import { attempt, numberOf } from "@/app/(console)/manage-dbs/mongodb/mongodb.figures";
import { batchSizeFor, rawBatches, rawFind } from "@/app/(console)/manage-dbs/mongodb/mongodb.raw";
import type { CallContext, Connection } from "@/server/connection";
import { AppError } from "@/server/errors";

const CHUNK_BYTES = 64 * 1024;

/**
 * A collection as lines of Extended JSON in its natural order, made from raw documents in bounded memory (one batch of the
 * server, at most 16 MiB, and one chunk). The next batch is fetched when the reader asks for more.
 * @throws AppError whenever it cannot go on; it never ends short
 */
export async function* exportCollection(connection: Connection, input: ExportInput, context: CallContext): AsyncGenerator<Uint8Array> {
  const relaxed = input.format === "relaxed";
  if (input.key !== undefined) {
    const document = await findByKey(connection, { ...input, key: input.key }, context);
    const single = new EjsonOutput();
    appendLine(single, document, { relaxed, collection: input.collection });
    yield single.takeBytes();
    return;
  }
  const filter = parseFilter(input.filter);
  const database = requireDatabase(connection, input.database);
  try {
    const db = (await connectedClient(connection)).db(database);
    if ((await db.listCollections({ name: input.collection }, { nameOnly: true }).toArray()).length === 0) {
      throw new AppError("NOT_FOUND", `${database} has no collection ${JSON.stringify(input.collection)}`, {
        fix: "Reload the list: it may have been renamed or dropped.",
      });
    }
    const stats = await attempt(db.command({ collStats: input.collection, maxTimeMS: 1_000 }));
    const batchSize = batchSizeFor(numberOf(stats?.["avgObjSize"]));
    const lines = new EjsonOutput();
    for await (const batch of rawBatches(
      rawFind(db.collection(input.collection), { filter, batchSize, signal: context.signal, comment: "foundry-console export" }),
    )) {
      for (const document of batch) {
        appendLine(lines, document, { relaxed, collection: input.collection });
        if (lines.position >= CHUNK_BYTES) yield lines.takeBytes();
      }
    }
    if (lines.position > 0) yield lines.takeBytes();
  } catch (error) {
    throw toAppError(error, { address: connection.address, doing: `${input.collection}: export` });
  }
}

function appendLine(lines: EjsonOutput, document: Buffer, options: { relaxed: boolean; collection: string }): void {
  try {
    appendEjson(lines, document, { relaxed: options.relaxed });
    lines.ascii("\n");
  } catch (error) {
    throw new AppError("INVALID", `${options.collection}: a document cannot be written as Extended JSON`, {
      fix: "Back the collection up instead: a backup carries documents as they are.",
      detail: String(error),
      cause: error,
    });
  }
}
