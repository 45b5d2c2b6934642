import "server-only";

import { constants, gunzipSync } from "node:zlib";

import { ARCHIVE_MAGIC } from "@/app/(console)/manage-dbs/mongodb/archive/archive-format";

/** What a file is by its first bytes, whatever its name says. */
export type FileKind = { kind: "archive" | "tar"; gzip: boolean } | { kind: "other"; words: string };

/** Bytes of the start that are needed: enough to expand a tar header of a compressed file. */
export const FILE_START_BYTES = 4_096;
const TAR_MARK_AT = 257;

export function fileKindOf(start: Buffer): FileKind {
  if (start.length === 0) return { kind: "other", words: "an empty file" };
  const gzip = start[0] === 0x1f && start[1] === 0x8b;
  const plain = gzip ? expanded(start) : start;
  if (plain === null) return { kind: "other", words: "a damaged gzip file" };
  if (gzip && plain.length === 0) return { kind: "other", words: "an empty gzip file" };
  if (plain.length >= 4 && plain.readUInt32LE(0) === ARCHIVE_MAGIC) return { kind: "archive", gzip };
  if (plain.subarray(TAR_MARK_AT, TAR_MARK_AT + 5).toString("latin1") === "ustar") return { kind: "tar", gzip };
  return { kind: "other", words: `${foreignWords(plain)}${gzip ? ", compressed with gzip" : ""}` };
}

/** Null when even its beginning cannot be expanded. */
function expanded(start: Buffer): Buffer | null {
  try {
    return gunzipSync(start, { finishFlush: constants.Z_SYNC_FLUSH });
  } catch {
    return null;
  }
}

const MARKS: readonly [mark: string, words: string][] = [
  ["PGDMP", "a PostgreSQL dump (pg_dump -Fc)"],
  ["REDIS", "a Redis snapshot (RDB)"],
  ["VALKEY", "a Valkey snapshot (RDB)"],
  ["SQLite format 3", "an SQLite database"],
  ["PK\u0003\u0004", "a ZIP file"],
  ["%PDF", "a PDF"],
  ["(\u00b5/\u00fd", "a file compressed with zstd"],
  ["\u00fd7zXZ", "a file compressed with xz"],
  ["BZh", "a file compressed with bzip2"],
];

function foreignWords(plain: Buffer): string {
  const start = plain.toString("latin1", 0, 512);
  const mark = MARKS.find(([bytes]) => start.startsWith(bytes));
  if (mark) return mark[1];
  if (/^\s*<(?:!doctype|html|\?xml)/i.test(start)) return "a web page, perhaps the error of a server";
  if (/^\s*(?:--|CREATE |INSERT |SET )/i.test(start)) return "SQL text";
  if (/^\s*[[{]/.test(start)) return "JSON text: mongoexport writes that, and it loses types";
  const length = plain.length >= 5 ? plain.readInt32LE(0) : 0;
  if (length >= 5 && length <= 16 * 1024 * 1024 && (plain.length < length || plain[length - 1] === 0))
    return "a single .bson file: put the whole dump folder into a tar file";
  return /^[\t\n\r -~]*$/.test(start) ? "text" : "something this console does not know";
}
