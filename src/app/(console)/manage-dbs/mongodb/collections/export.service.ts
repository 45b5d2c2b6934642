import "server-only";

import { toEjson } from "@/app/(console)/manage-dbs/mongodb/bson-ejson";
import type { ExportInput } from "@/app/(console)/manage-dbs/mongodb/collections/collections.schema";
import { findByKey } from "@/app/(console)/manage-dbs/mongodb/collections/documents.service";
import { parseFilter } from "@/app/(console)/manage-dbs/mongodb/ejson-input";
import { connectedClient, requireDatabase } from "@/app/(console)/manage-dbs/mongodb/mongodb.client";
import { toAppError } from "@/app/(console)/manage-dbs/mongodb/mongodb.errors";
import { rawBatches, rawFind } from "@/app/(console)/manage-dbs/mongodb/mongodb.raw";
import type { CallContext, Connection } from "@/server/connection";
import { AppError } from "@/server/errors";

const CHUNK_CHARACTERS = 64 * 1024;

/**
 * A collection as lines of Extended JSON in its natural order, made from raw documents in bounded memory (one batch of the
 * server, at most 16 MiB, and one chunk). The next batch is fetched when the reader asks for more.
 * @throws AppError whenever it cannot go on; it never ends short
 */
export async function* exportCollection(connection: Connection, input: ExportInput, context: CallContext): AsyncGenerator<Uint8Array> {
  const relaxed = input.format === "relaxed";
  if (input.key !== undefined) {
    const document = await findByKey(connection, { ...input, key: input.key }, context);
    yield Buffer.from(`${line(document, relaxed, input.collection)}\n`);
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
    let chunk = "";
    for await (const batch of rawBatches(rawFind(db.collection(input.collection), { filter, signal: context.signal, comment: "foundry-console export" }))) {
      for (const document of batch) {
        chunk += `${line(document, relaxed, input.collection)}\n`;
        if (chunk.length < CHUNK_CHARACTERS) continue;
        yield Buffer.from(chunk);
        chunk = "";
      }
    }
    if (chunk !== "") yield Buffer.from(chunk);
  } catch (error) {
    throw toAppError(error, { address: connection.address, doing: `${input.collection}: export` });
  }
}

function line(document: Buffer, relaxed: boolean, collection: string): string {
  try {
    return toEjson(document, { relaxed });
  } catch (error) {
    throw new AppError("INVALID", `${collection}: a document cannot be written as Extended JSON`, {
      fix: "Back the collection up instead: a backup carries documents as they are.",
      detail: String(error),
      cause: error,
    });
  }
}
