import "server-only";
import { Crc64 } from "./redis.rdb-crc";

/**
 * What a DUMP payload says without a server: type byte, RDB value, two bytes RDB version, eight bytes CRC64 of all before,
 * both little-endian.
 */
export const DUMP_FOOTER_BYTES = 10;

/** The type by RDB type byte. 6 and 7 are modules, whose name follows in the payload. */
const TYPES: Record<number, string> = {
  0: "string",
  ...Object.fromEntries([1, 10, 14, 18].map((byte) => [byte, "list"])),
  ...Object.fromEntries([2, 11, 20].map((byte) => [byte, "set"])),
  ...Object.fromEntries([3, 5, 12, 17].map((byte) => [byte, "zset"])),
  ...Object.fromEntries([4, 9, 13, 16, 22, 23, 24, 25].map((byte) => [byte, "hash"])),
  ...Object.fromEntries([15, 19, 21].map((byte) => [byte, "stream"])),
};

export const CORE_TYPES: ReadonlySet<string> = new Set(Object.values(TYPES));

/** What Redis 5 to 6.2 write; newer servers are asked. */
export const RDB_VERSION_BEFORE_7 = 9;

/** The type as the TYPE command names it; "type-26" for a byte that is newer than this list. */
export function dumpType(dump: Buffer): string {
  const byte = dump[0] ?? 0;
  const type = TYPES[byte];
  if (type !== undefined) return type;
  return byte === 6 || byte === 7 ? moduleType(dump) : `type-${byte}`;
}

/** The RDB version the payload is written in; a server refuses versions above its own. */
export function dumpVersion(dump: Buffer): number {
  return dump.length < DUMP_FOOTER_BYTES ? 0 : dump.readUInt16LE(dump.length - DUMP_FOOTER_BYTES);
}

/** Whether the payload has its footer and the checksum fits: the check that RESTORE makes. */
export function isSoundDump(dump: Buffer): boolean {
  return dump.length > DUMP_FOOTER_BYTES && new Crc64().update(dump).isZero;
}

const MODULE_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/** A module id is nine letters of six bits and ten bits of version, as a length in 64 bits. */
function moduleType(dump: Buffer): string {
  if (dump[1] !== 0x81 || dump.length < 10) return "module";
  const id = dump.readBigUInt64BE(2);
  let name = "";
  for (let letter = 0n; letter < 9n; letter++) name += MODULE_LETTERS[Number((id >> (58n - letter * 6n)) & 63n)] ?? "";
  return name;
}

/** The RDB value (type byte first) as a payload: `body` has room for the footer at its end, which is written here. */
export function writeDumpFooter(body: Buffer, rdbVersion: number): void {
  const at = body.length - DUMP_FOOTER_BYTES;
  body.writeUInt16LE(rdbVersion, at);
  new Crc64().update(body, 0, at + 2).writeTo(body, at + 2);
}
