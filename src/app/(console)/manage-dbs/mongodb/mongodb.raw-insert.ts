import "server-only";

import type { Collection, Document } from "mongodb";
// Internal to the driver, whose version is pinned: the only way to send documents as the bytes they are. A test holds it.
import { DocumentSequence } from "mongodb/lib/cmap/commands.js";

import { AppError } from "@/server/errors";

export interface RawInsertOptions {
  /** Documents that old rules let in must come back even when today's validator refuses them. */
  bypassDocumentValidation?: boolean;
  /** Keeps a timestamp of zero as it is; servers that do not know the option refuse it. */
  bypassEmptyTsReplacement?: boolean;
  /** Buckets of a time series, on servers that keep them under its own name. */
  rawData?: boolean;
  /** Capped collections keep the order of their documents. */
  ordered?: boolean;
}

/**
 * Inserts raw documents unchanged, within the limits of one message.
 * @throws AppError INVALID naming the first refused document; MongoServerError when the command itself is refused
 */
export async function insertRaw(collection: Collection, documents: Buffer[], options: RawInsertOptions = {}): Promise<void> {
  if (documents.length === 0) return;
  const sequence = new DocumentSequence("documents");
  for (const document of documents) sequence.push({}, document);
  const command = { insert: collection.collectionName, ordered: false, ...options, documents: sequence };
  const answer = await collection.db.command(command);
  const errors = (answer["writeErrors"] ?? []) as Document[];
  const concern = answer["writeConcernError"] as Document | undefined;
  const failed = errors[0] ?? concern;
  if (failed || answer["n"] !== documents.length) {
    throw new AppError(
      "INVALID",
      `${collection.collectionName}: ${documents.length - Number(answer["n"] ?? 0)} of ${documents.length} documents were refused`,
      {
        fix: "The details name the first reason.",
        detail: failed ? `${failed["code"] ?? ""} ${String(failed["errmsg"] ?? "").slice(0, 300)}`.trim() : "fewer were written than sent",
      },
    );
  }
}
