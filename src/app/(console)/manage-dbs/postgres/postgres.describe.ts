import "server-only";
import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { gunzipSync } from "node:zlib";
import type { ArchiveToc } from "@/app/(console)/manage-dbs/postgres/postgres.archive";
import type { ArchiveContent } from "@/app/(console)/manage-dbs/postgres/postgres.archive-blocks";
import { rolesOfArchive } from "@/app/(console)/manage-dbs/postgres/postgres.archive-roles";
import { LARGE_OBJECTS_NAME, relationsOfArchive } from "@/app/(console)/manage-dbs/postgres/postgres.backup-objects";
import { readArtefact } from "@/app/(console)/manage-dbs/postgres/postgres.backup-verify";
import type { ToolSearch } from "@/app/(console)/manage-dbs/postgres/postgres.tools";
import type { JobContext, ManifestContent, ManifestObject } from "@/backups/engine";
import { AppError } from "@/server/errors";

/** A pg_dump archive that was made elsewhere, read whole and described as if the console had written it. */

/** Throws INVALID, naming what the file looks like, for anything that is not a whole archive; TOOL_MISSING without a pg_restore that reads it. */
export async function describeArchive(file: { path: string; bytes: number }, context: JobContext, search: ToolSearch): Promise<ManifestContent> {
  const strange = strangeFile(await headOf(file.path));
  if (strange) throw new AppError("INVALID", strange.message, { fix: strange.fix });
  const artefact = { ...file, open: (range?: { start?: number; end?: number }) => createReadStream(file.path, { ...range, highWaterMark: 1 << 20 }) };
  try {
    return contentOf(await readArtefact(artefact, context, search));
  } catch (error) {
    if (!(error instanceof AppError) || (error.code !== "INTERNAL" && error.code !== "UNSUPPORTED")) throw error;
    throw new AppError("INVALID", error.message.replace("backup file", "file"), {
      fix: error.message.startsWith("The backup file is damaged")
        ? "Copy it again, or make it again with pg_dump -Fc."
        : (error.fix ?? "Make it with pg_dump -Fc."),
      ...(error.detail === undefined ? {} : { detail: error.detail }),
      cause: error,
    });
  }
}

/** The format byte of an archive's header. */
const DIRECTORY = 5;
const HEAD_BYTES = 64 * 1024;

async function headOf(path: string): Promise<Buffer> {
  const handle = await open(path, "r");
  try {
    const head = Buffer.alloc(HEAD_BYTES);
    const { bytesRead } = await handle.read(head, 0, HEAD_BYTES, 0);
    return head.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}

interface Strange {
  message: string;
  fix: string;
}

const MAKE = "Make it with pg_dump -Fc (--format=custom), which is checked whole and restored all or nothing.";
const PLAIN_SQL = {
  message: "Plain SQL is not taken: a file that was cut restores half without an error, and it may hold commands for psql's own machine",
  fix: MAKE,
};

const MAGICS: [Buffer, string][] = [
  [Buffer.from("SQLite format 3"), "a SQLite database"],
  [Buffer.from("REDIS0"), "a Redis snapshot (RDB)"],
  [Buffer.from("VALKEY"), "a Valkey snapshot (RDB)"],
  [Buffer.from("6de29981", "hex"), "a mongodump archive"],
  [Buffer.from("PK\x03\x04"), "a ZIP file"],
  [Buffer.from("28b52ffd", "hex"), "a file compressed with zstd"],
  [Buffer.from("fd377a585a00", "hex"), "a file compressed with xz"],
  [Buffer.from("BZh"), "a file compressed with bzip2"],
];

/** What a file is that does not begin as a custom-format archive; null for one that does. */
export function strangeFile(head: Buffer): Strange | null {
  if (head.length === 0) return { message: "The file is empty", fix: MAKE };
  if (head.subarray(0, 5).equals(Buffer.from("PGDMP")))
    return head[10] === DIRECTORY ? { message: "The file is the toc.dat of pg_dump's directory format (-Fd)", fix: MAKE } : null;
  if (head.subarray(257, 262).toString("latin1") === "ustar") return strangeTar(head);
  if (head.subarray(0, 2).equals(Buffer.from("1f8b", "hex"))) return strangeGzip(head);
  const byteOrder = head.subarray(0, 2).toString("hex");
  if (byteOrder === "fffe" || byteOrder === "feff")
    return {
      message: "The file is UTF-16 text: Windows PowerShell rewrites what a program prints into a file with >",
      fix: "Give pg_dump the file itself: pg_dump -Fc -f file.",
    };
  const magic = MAGICS.find(([bytes]) => head.subarray(0, bytes.length).equals(bytes))?.[1];
  if (magic !== undefined) return { message: `The file is ${magic}, not a pg_dump archive`, fix: MAKE };
  const text = head.subarray(0, 4_096).toString("latin1");
  if (/^\s*</.test(text)) return { message: "The file is a web page, not a pg_dump archive: a download has gone wrong", fix: MAKE };
  if (isSql(text)) return PLAIN_SQL;
  const what = /^[\x09-\x0d\x20-\x7e\x80-\xff]+$/.test(text) ? `text ("${text.slice(0, 40).replace(/\s+/g, " ").trim()}")` : "something else";
  return { message: `The file is not a pg_dump archive but ${what}`, fix: MAKE };
}

const isSql = (text: string): boolean =>
  /^(\ufeff|\xef\xbb\xbf)?\s*(--|\/\*|\\(un)?(restrict|connect|c )|(set|create|begin|copy|insert|drop|alter|select|start|do|grant|comment)\b)/i.test(text);

/** pg_dump's tar and directory formats both keep their table of contents as toc.dat. */
function strangeTar(head: Buffer): Strange {
  const name = head.subarray(0, 100).toString("latin1").replace(/\0.*$/s, "");
  if (name === "toc.dat") return { message: "The file is pg_dump's tar format (-Ft)", fix: MAKE };
  if (/(^|\/)(toc\.dat|\d+\.dat(\.gz|\.lz4|\.zst)?|blobs\.toc)?$/.test(name))
    return { message: "The file is a tar of pg_dump's directory format (-Fd)", fix: MAKE };
  return { message: `The file is a tar that begins with ${name}, not a pg_dump archive`, fix: MAKE };
}

function strangeGzip(head: Buffer): Strange {
  const inside = inflatedHead(head);
  if (inside === null) return { message: "The file is compressed with gzip, and cannot be read", fix: MAKE };
  if (inside.subarray(0, 5).equals(Buffer.from("PGDMP"))) return { message: "The file is a pg_dump archive inside gzip", fix: "Unpack it with gunzip first." };
  const what = strangeFile(inside);
  return { message: `The file is compressed with gzip. ${what?.message ?? "It is empty"}`, fix: MAKE };
}

/** Only the first bytes: what they inflate to is bounded by them. */
function inflatedHead(head: Buffer): Buffer | null {
  try {
    return gunzipSync(head.subarray(0, 8_192), { finishFlush: 2, maxOutputLength: 16 * 1024 * 1024 }).subarray(0, HEAD_BYTES);
  } catch {
    return null;
  }
}

function contentOf(content: ArchiveContent): ManifestContent {
  const { toc } = content;
  const relations = relationsOfArchive(toc);
  const objects = [...relations].map(([name, relation]): ManifestObject => {
    const table = content.tables.get(name);
    return { name, kind: relation.kind, count: table?.rows ?? null, bytes: table?.bytes ?? null, checksum: table?.checksum ?? null };
  });
  if (content.largeObjects > 0) objects.push({ name: LARGE_OBJECTS_NAME, kind: "large objects", count: content.largeObjects, bytes: null, checksum: null });
  const subscriptions = toc.entries.filter((entry) => entry.kind === "SUBSCRIPTION").map((entry) => entry.name);
  return {
    format: "pg_dump-custom",
    server: { product: "PostgreSQL", version: firstWord(toc.serverVersion) },
    source: toc.database,
    tool: `pg_dump ${firstWord(toc.dumpVersion)}`,
    consistency: "snapshot",
    objects,
    skipped: [
      ...[...relations].flatMap(([name, relation]) => (reasonOf(relation) === null ? [] : [{ name, reason: reasonOf(relation) ?? "" }])),
      ...(subscriptions.length > 0 ? [{ name: subscriptions.join(", "), reason: "subscriptions come back disabled" }] : []),
    ],
    details: {
      archiveVersion: toc.version,
      databaseBytes: null,
      ...localeOf(toc),
      sequences: toc.entries.filter((entry) => entry.kind === "SEQUENCE").length,
      extensions: toc.entries.filter((entry) => entry.kind === "EXTENSION").map((entry) => entry.name),
      roles: rolesOfArchive(toc.entries),
    },
  };
}

const firstWord = (text: string): string => text.split(" ")[0] ?? text;

/** Why an object of the list has no count, where a person would expect one. */
function reasonOf({ kind, hasData, withoutCount }: { kind: string; hasData: boolean; withoutCount: string | null }): string | null {
  if (withoutCount !== null || hasData) return withoutCount;
  if (kind === "foreign table") return "its rows live on a foreign server";
  return kind === "table" ? "the file has no rows of it: it was made with --schema-only or without this table's data" : null;
}

/** From `CREATE DATABASE ... ENCODING = 'UTF8' LOCALE_PROVIDER = libc LOCALE = 'C.UTF-8'`, which a dump of chosen tables does not have. */
function localeOf(toc: ArchiveToc): Record<"encoding" | "collate" | "ctype" | "provider" | "locale", string | null> {
  const definition = toc.entries.find((entry) => entry.kind === "DATABASE")?.definition ?? "";
  const value = (word: string): string | null => new RegExp(String.raw` ${word} = '((?:[^']|'')*)'`).exec(definition)?.[1]?.replaceAll("''", "'") ?? null;
  const provider = / LOCALE_PROVIDER = (libc|icu|builtin)\b/.exec(definition)?.[1];
  return {
    encoding: value("ENCODING"),
    collate: value("LC_COLLATE") ?? value("LOCALE"),
    ctype: value("LC_CTYPE") ?? value("LOCALE"),
    provider: provider === "icu" ? "i" : provider === "builtin" ? "b" : provider === "libc" ? "c" : null,
    locale: value("ICU_LOCALE") ?? value("BUILTIN_LOCALE"),
  };
}
