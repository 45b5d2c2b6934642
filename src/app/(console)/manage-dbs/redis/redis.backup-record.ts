import "server-only";
import type { BackupRecord } from "./redis.backup-format";
import { dumpType } from "./redis.dump";
import { longestBytes, portableBytes, type PortableRecord } from "./redis.portable-format";

/** A key with its DUMP payload, or typed values of a key or of a part of it. */
export type AnyRecord = BackupRecord | PortableRecord;

export function isPortableRecord(record: AnyRecord): record is PortableRecord {
  return "elements" in record;
}

/** As the TYPE command names it. */
export function recordType(record: AnyRecord): string {
  return isPortableRecord(record) ? record.type : dumpType(record.dump);
}

/** When nothing of it is left, in ms as digits; null for never. */
export function recordEnd(record: AnyRecord): string | null {
  return isPortableRecord(record) ? record.endsAtMs : record.expiresAtMs;
}

/** Whether a key is whole with it: keys are counted by this. */
export function endsKey(record: AnyRecord): boolean {
  return !isPortableRecord(record) || record.isLast;
}

/** Bytes that it takes, about. */
export function recordSize(record: AnyRecord): number {
  return isPortableRecord(record) ? portableBytes(record) : record.dump.length + record.key.length;
}

/** The longest value that a server has to take in one piece. */
export function longestOf(record: AnyRecord): number {
  return isPortableRecord(record) ? longestBytes(record) : Math.max(record.dump.length, record.key.length);
}
