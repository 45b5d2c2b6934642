import "server-only";
import { damagedRdb, Encoding, type RdbCursor } from "./redis.rdb-cursor";

/** Three bytes of LZF stand for 264 at most. */
const UNPACK_RATIO_MAX = 88;

/**
 * What a string's bytes stand for: whole numbers become digits, packed bytes are unpacked.
 * @param read the encoding and lengths that stood before the bytes
 */
export function readString(read: Pick<RdbCursor, "encoding" | "unpackedLength">, bytes: Buffer): Buffer {
  switch (read.encoding) {
    case Encoding.plain:
      return bytes;
    case Encoding.int8:
      return Buffer.from(String(bytes.readInt8()));
    case Encoding.int16:
      return Buffer.from(String(bytes.readInt16LE()));
    case Encoding.int32:
      return Buffer.from(String(bytes.readInt32LE()));
    default:
      return unpackLzf(bytes, read.unpackedLength);
  }
}

/**
 * LZF: runs of plain bytes, and references to what was unpacked before.
 * @param length of the unpacked bytes, as the file says @param limit unpacks only so many
 * @throws INVALID when the packed bytes are damaged
 */
export function unpackLzf(packed: Buffer, length: number, limit = length): Buffer {
  if (length > packed.length * UNPACK_RATIO_MAX) throw damagedRdb("a packed string is shorter than it says");
  const size = Math.min(length, limit);
  const unpacked = Buffer.allocUnsafe(size);
  let at = 0;
  let written = 0;
  while (at < packed.length && written < size) {
    const control = packed[at++] ?? 0;
    if (control < 32) {
      const run = control + 1;
      if (at + run > packed.length) throw damagedRdb("a packed string is cut");
      written += packed.copy(unpacked, written, at, Math.min(at + run, at + size - written));
      at += run;
      continue;
    }
    const more = control >> 5 === 7 ? (packed[at++] ?? 0) : 0;
    const back = ((control & 31) << 8) + (packed[at++] ?? 0) + 1;
    const end = Math.min(size, written + (control >> 5) + more + 2);
    if (back > written) throw damagedRdb("a packed string refers to what is not there");
    // Byte by byte: a reference may run into what it has just written.
    for (; written < end; written++) unpacked[written] = unpacked[written - back] ?? 0;
  }
  if (written < size) throw damagedRdb("a packed string is shorter than it says");
  return unpacked;
}
