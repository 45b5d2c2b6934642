import "server-only";

/**
 * What a DUMP payload says without a server: type byte, RDB value, two bytes RDB version, eight bytes CRC64 of all before,
 * both little-endian.
 */
const FOOTER_BYTES = 10;

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
  return dump.length < FOOTER_BYTES ? 0 : dump.readUInt16LE(dump.length - FOOTER_BYTES);
}

/** Whether the payload has its footer and the checksum fits: the check that RESTORE makes. */
export function isSoundDump(dump: Buffer): boolean {
  // The CRC of something followed by its own CRC is zero: reflected, without final inversion.
  return dump.length > FOOTER_BYTES && isCrcZero(dump);
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

/** CRC64 "Jones" (reflected polynomial 95ac9329ac4bc9b5), split in halves because JavaScript's bit operations have 32 bits. */
const POLYNOMIAL_HIGH = 0x95ac9329;
const POLYNOMIAL_LOW = 0xac4bc9b5;
const { high: TABLE_HIGH, low: TABLE_LOW } = makeTables();

/** As 16 hexadecimal digits, most significant first. */
export function crc64(bytes: Buffer): string {
  const [high, low] = runCrc(bytes);
  return (high >>> 0).toString(16).padStart(8, "0") + (low >>> 0).toString(16).padStart(8, "0");
}

function isCrcZero(bytes: Buffer): boolean {
  const [high, low] = runCrc(bytes);
  return high === 0 && low === 0;
}

function runCrc(bytes: Buffer): [high: number, low: number] {
  let high = 0;
  let low = 0;
  for (let index = 0; index < bytes.length; index++) {
    const entry = (low ^ (bytes[index] ?? 0)) & 255;
    low = ((low >>> 8) | (high << 24)) ^ (TABLE_LOW[entry] ?? 0);
    high = (high >>> 8) ^ (TABLE_HIGH[entry] ?? 0);
  }
  return [high, low];
}

function makeTables(): { high: Int32Array; low: Int32Array } {
  const tables = { high: new Int32Array(256), low: new Int32Array(256) };
  for (let byte = 0; byte < 256; byte++) {
    let high = 0;
    let low = byte;
    for (let bit = 0; bit < 8; bit++) {
      const carry = low & 1;
      low = (low >>> 1) | ((high & 1) << 31);
      high >>>= 1;
      if (carry === 1) {
        low ^= POLYNOMIAL_LOW;
        high ^= POLYNOMIAL_HIGH;
      }
    }
    tables.high[byte] = high;
    tables.low[byte] = low;
  }
  return tables;
}
