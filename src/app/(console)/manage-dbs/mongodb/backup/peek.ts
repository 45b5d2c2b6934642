import "server-only";

import { parseMetadata } from "@/app/(console)/manage-dbs/mongodb/archive/metadata";
import { asDamage, objectName, openArchive, scopeOf } from "@/app/(console)/manage-dbs/mongodb/backup/artefact-events";
import { toCutEjson } from "@/app/(console)/manage-dbs/mongodb/bson-ejson";
import type { Artefact, Peek } from "@/backups/engine";
import { AppError, throwIfCancelled } from "@/server/errors";

const CELL_CHARACTERS = 500;
/** More than enough text for a cell; the rest of a large document is not written out at all. */
const CUT = { wholeBytesMax: 2_048, textMax: 4_096, prefix: 1_024 };

/**
 * The first documents of one collection as canonical Extended JSON, read from the artefact up to there and no further. A view has none.
 * @throws AppError NOT_FOUND for a name that is not in it, INVALID when the file is damaged before that
 */
export async function peekCollection(artefact: Artefact, object: string, options: { limit: number; signal?: AbortSignal | undefined }): Promise<Peek> {
  const { limit } = options;
  const signal = options.signal ?? new AbortController().signal;
  const rows: string[][] = [];
  let database = "";
  const answer = (hasMore: boolean): Peek => ({ columns: ["document"], rows, hasMore });
  try {
    for await (const event of openArchive(artefact, { signal, progress: () => undefined })) {
      if (event.kind === "prelude") {
        const scope = scopeOf(event.collections);
        const found = event.collections.find((entry) => scope.isOwn(entry) && entry.collection === object);
        if (!found) throw new AppError("NOT_FOUND", `The backup does not hold ${object}`, { fix: "Choose one of its list." });
        if (parseMetadata(found).kind === "view") return answer(false);
        database = scope.database;
      } else if (event.database === database && objectName(event.collection) === object) {
        if (event.kind === "end" && (event.count > 0 || event.collection === object)) return answer(false);
        if (event.kind !== "documents") continue;
        for (const document of event.documents) {
          if (rows.length >= limit) return answer(true);
          rows.push([cell(document)]);
        }
      }
    }
  } catch (error) {
    throwIfCancelled(options.signal);
    throw asDamage(error, signal);
  }
  return answer(false);
}

function cell(document: Buffer): string {
  const { text, cuts } = toCutEjson(document, CUT);
  return text.length > CELL_CHARACTERS || cuts.length > 0 ? `${text.slice(0, CELL_CHARACTERS).replace(/[\uD800-\uDBFF]$/, "")}…` : text;
}
