import "server-only";
import { isUtf8 } from "node:buffer";
import { z } from "zod";
import type { Artefact, Peek } from "@/backups/engine";
import { formatBytes, formatCount } from "@/lib/format";
import { AppError } from "@/server/errors";
import { isPortableRecord, recordType, type AnyRecord } from "./redis.backup-record";
import { readKeyRecords } from "./redis.backup-source";
import { readObjectName } from "./redis.backup-target";
import { dumpType } from "./redis.dump";
import { dumpedStringLength, dumpElements, type Element } from "./redis.dump-elements";
import { portableBytes, type PortableRecord } from "./redis.portable-format";

const CELL_CHARACTERS_MAX = 500;
/** Enough for a cell, whatever the characters. */
const CELL_BYTES_MAX = CELL_CHARACTERS_MAX * 4;

/** The first keys of one type of one logical database, in the artefact's order. Reads no further than it must. @throws NOT_FOUND */
export async function peekKeys(artefact: Artefact, object: string, { limit, signal }: { limit: number; signal?: AbortSignal | undefined }): Promise<Peek> {
  const wanted = readObjectName(object);
  if (!artefact.manifest.objects.some(({ name }) => name === object))
    throw new AppError("NOT_FOUND", `The backup does not hold "${object.slice(0, 100)}"`, { fix: "Choose an object of the backup's list." });
  if (!wanted) return peekLibraries(artefact, limit);
  const rows: Peek["rows"] = [];
  const columns = ["key", "type", "expires", "size", "value"];
  for await (const records of readKeyRecords(artefact, { signal })) {
    for (const record of records) {
      if (record.db !== wanted.db || recordType(record) !== wanted.type) continue;
      if (isPortableRecord(record)) {
        // Of a key in parts the first one shows enough; what was void comes again.
        if (record.isVoid) rows.pop();
        if (!record.isFirst) continue;
      }
      if (rows.length === limit) return { columns, rows, hasMore: true };
      rows.push(rowOf(record));
    }
  }
  return { columns, rows, hasMore: false };
}

/** What belongs to no logical database: functions. */
function peekLibraries({ manifest }: Artefact, limit: number): Peek {
  const libraries = z.array(z.string()).catch([]).parse(manifest.details["libraries"]);
  return { columns: ["library"], rows: libraries.slice(0, limit).map((name) => [cut(name)]), hasMore: libraries.length > limit };
}

function rowOf(record: AnyRecord): Peek["rows"][number] {
  const { key, expiresAtMs } = record;
  if (isPortableRecord(record))
    return [
      cut(keyText(key)),
      record.type,
      expiryText(expiresAtMs),
      `${record.isLast ? "" : "over "}${formatBytes(portableBytes(record))}`,
      portableText(record),
    ];
  const { dump } = record;
  return [cut(keyText(key)), dumpType(dump), expiryText(expiresAtMs), formatBytes(dumpedStringLength(dump) ?? dump.length), valueText(dump)];
}

/** Beyond what a Date holds the milliseconds say it. */
function expiryText(ms: string | null): string | null {
  if (ms === null) return null;
  const date = new Date(Number(ms));
  return Number.isNaN(date.getTime()) ? `${ms} ms` : date.toISOString();
}

function keyText(key: Buffer): string {
  if (isText(key)) return key.toString("utf8");
  // oxlint-disable-next-line no-control-regex -- control characters are what is escaped here
  return key
    .subarray(0, CELL_CHARACTERS_MAX)
    .toString("latin1")
    .replace(/[^\x20-\x7e]/g, (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`);
}

function portableText({ type, elements, stream, isLast }: PortableRecord): string {
  const [only] = elements;
  if (type === "string" && only?.[0] && !isText(only[0])) return `binary, ${isLast ? "" : "over "}${formatCount(only[0].length)} bytes`;
  let text = "";
  for (const { id, fields } of stream?.entries ?? []) {
    if (fields !== null) text += `${text === "" ? "" : ", "}${id} ${fields.map(bytesText).join(" ")}`;
    if (text.length > CELL_CHARACTERS_MAX) break;
  }
  for (const element of elements) {
    text += `${text === "" ? "" : ", "}${elementText(type, element)}`;
    if (text.length > CELL_CHARACTERS_MAX) break;
  }
  return cut(text);
}

function valueText(dump: Buffer): string {
  const type = dumpType(dump);
  try {
    let text = "";
    for (const element of dumpElements(dump, CELL_BYTES_MAX) ?? [null]) {
      if (element === null || (type === "string" && !isText(element[0] ?? dump)))
        return `binary, ${formatCount(dumpedStringLength(dump) ?? dump.length)} bytes`;
      text += `${text === "" ? "" : ", "}${elementText(type, element)}`;
      if (text.length > CELL_CHARACTERS_MAX) break;
    }
    return cut(text);
  } catch {
    // A payload that cannot be looked into is shown by its size: the restore does not look into it either.
    return `binary, ${formatCount(dump.length)} bytes`;
  }
}

function elementText(type: string, [first = Buffer.alloc(0), second]: Element): string {
  return second === undefined ? bytesText(first) : `${bytesText(first)}${type === "zset" ? " " : ": "}${bytesText(second)}`;
}

function bytesText(bytes: Buffer): string {
  return isText(bytes) ? bytes.toString("utf8") : `binary, ${bytes.length < CELL_BYTES_MAX ? "" : "over "}${formatCount(bytes.length)} bytes`;
}

/** A character may be cut at the end, where a long value was. */
function isText(bytes: Buffer): boolean {
  const whole = bytes.length < CELL_BYTES_MAX ? bytes : bytes.subarray(0, bytes.length - 4 + firstWhole(bytes.subarray(-4)));
  // oxlint-disable-next-line no-control-regex -- a value with these is no text
  return isUtf8(whole) && !/[\x00-\x08\x0e-\x1f\x7f]/.test(whole.toString("latin1").slice(0, CELL_BYTES_MAX));
}

/** Where the last character of four bytes begins. */
function firstWhole(tail: Buffer): number {
  let at = tail.length - 1;
  while (at > 0 && ((tail[at] ?? 0) & 0xc0) === 0x80) at--;
  return at;
}

function cut(text: string): string {
  if (text.length <= CELL_CHARACTERS_MAX) return text;
  const isPair = /[\ud800-\udbff]/.test(text.charAt(CELL_CHARACTERS_MAX - 1));
  return `${text.slice(0, CELL_CHARACTERS_MAX - (isPair ? 1 : 0))}…`;
}
