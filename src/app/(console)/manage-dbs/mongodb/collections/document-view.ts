import "server-only";

import { toCutEjson } from "@/app/(console)/manage-dbs/mongodb/bson-ejson";
import { BsonError, findTopLevel, packValue } from "@/app/(console)/manage-dbs/mongodb/bson-walk";
import { toDriverValue } from "@/app/(console)/manage-dbs/mongodb/bson-values";
import type { DocumentView } from "@/app/(console)/manage-dbs/mongodb/collections/collections.schema";
import { LIMITS } from "@/server/limits";

const KEY_BYTES_MAX = 64 * 1024;

/** A document as it travels; one that is damaged does not spoil its page. */
export function documentView(document: Buffer, limits: { wholeBytesMax: number; textMax: number }): DocumentView {
  try {
    return { key: keyOf(document), problem: null, ...toCutEjson(document, { ...limits, prefix: LIMITS.cellPrefix }) };
  } catch (error) {
    if (!(error instanceof BsonError)) throw error;
    return {
      key: safely(() => keyOf(document)),
      text: "{}",
      bytes: document.length,
      cuts: [],
      problem: `This document cannot be shown: ${error.message}. An export or a backup carries it as it is.`,
    };
  }
}

/** The opaque key of a document: its `_id` as raw bytes, so that any type comes back exactly. Null when it cannot be looked up. */
function keyOf(document: Buffer): string | null {
  const id = findTopLevel(document, "_id");
  if (!id || id.end - id.start > KEY_BYTES_MAX) return null;
  return safely(() => {
    toDriverValue(id);
    return packValue(id).toString("base64url");
  });
}

function safely<T>(run: () => T): T | null {
  try {
    return run();
  } catch (error) {
    if (error instanceof BsonError) return null;
    throw error;
  }
}
