import "server-only";
import { damagedRdb } from "./redis.rdb-cursor";

/** The packed forms of small lists, sets, hashes and sorted sets: one string that holds all elements. Numbers come as their digits. */

/** Redis 7 and newer, Valkey. */
export function* listpackElements(pack: Buffer): Generator<Buffer> {
  let at = 6;
  while (at < pack.length && pack[at] !== 0xff) {
    const entry = listpackEntry(pack, at);
    yield entry.value;
    at = entry.end + backLengthBytes(entry.end - at);
  }
  if (at !== pack.length - 1) throw damagedRdb("a packed value is cut");
}

interface Entry {
  value: Buffer;
  /** Behind the value's bytes. */
  end: number;
}

function listpackEntry(pack: Buffer, at: number): Entry {
  const first = pack[at] ?? 0;
  if (first < 0x80) return { value: digits(first), end: at + 1 };
  if (first < 0xc0) return text(pack, at + 1, first & 63);
  if (first < 0xe0) {
    const unsigned = ((first & 31) << 8) | (pack[at + 1] ?? 0);
    return { value: digits(unsigned >= 4096 ? unsigned - 8192 : unsigned), end: at + 2 };
  }
  if (first < 0xf0) return text(pack, at + 2, ((first & 15) << 8) | (pack[at + 1] ?? 0));
  if (first === 0xf0) return text(pack, at + 5, readUInt(pack, at + 1, 4));
  const bytes = { 0xf1: 2, 0xf2: 3, 0xf3: 4, 0xf4: 8 }[first];
  if (bytes === undefined) throw damagedRdb("a packed value has an element of unknown form");
  return { value: signed(pack, at + 1, bytes), end: at + 1 + bytes };
}

/** Each element is followed by its own length, seven bits a byte. */
function backLengthBytes(length: number): number {
  if (length < 128) return 1;
  if (length < 16_384) return 2;
  if (length < 2_097_152) return 3;
  return length < 268_435_456 ? 4 : 5;
}

/** Redis 6 and older. */
export function* ziplistElements(list: Buffer): Generator<Buffer> {
  let at = 10;
  while (at < list.length && list[at] !== 0xff) {
    const entry = ziplistEntry(list, at + (list[at] === 0xfe ? 5 : 1));
    yield entry.value;
    at = entry.end;
  }
  if (at !== list.length - 1) throw damagedRdb("a packed value is cut");
}

function ziplistEntry(list: Buffer, at: number): Entry {
  const first = list[at] ?? 0;
  if (first < 0x40) return text(list, at + 1, first);
  if (first < 0x80) return text(list, at + 2, ((first & 63) << 8) | (list[at + 1] ?? 0));
  if (first === 0x80) return text(list, at + 5, list.length < at + 5 ? list.length : list.readUInt32BE(at + 1));
  if (first > 0xf0 && first < 0xfe) return { value: digits((first & 15) - 1), end: at + 1 };
  const bytes = { 0xc0: 2, 0xd0: 4, 0xe0: 8, 0xf0: 3, 0xfe: 1 }[first];
  if (bytes === undefined) throw damagedRdb("a packed value has an element of unknown form");
  return { value: signed(list, at + 1, bytes), end: at + 1 + bytes };
}

/** Sets of whole numbers: bytes a number, how many, then the numbers. */
export function* intsetElements(set: Buffer): Generator<Buffer> {
  const bytes = readUInt(set, 0, 4);
  const count = readUInt(set, 4, 4);
  if (![2, 4, 8].includes(bytes) || set.length !== 8 + bytes * count) throw damagedRdb("a set of numbers is cut");
  for (let index = 0; index < count; index++) yield signed(set, 8 + index * bytes, bytes);
}

function text(pack: Buffer, at: number, length: number): Entry {
  if (at + length > pack.length) throw damagedRdb("a packed value is cut");
  return { value: pack.subarray(at, at + length), end: at + length };
}

function signed(pack: Buffer, at: number, bytes: number): Buffer {
  if (at + bytes > pack.length) throw damagedRdb("a packed value is cut");
  return Buffer.from(String(bytes === 8 ? pack.readBigInt64LE(at) : pack.readIntLE(at, bytes)));
}

function readUInt(pack: Buffer, at: number, bytes: number): number {
  if (at + bytes > pack.length) throw damagedRdb("a packed value is cut");
  return pack.readUIntLE(at, bytes);
}

const digits = (value: number): Buffer => Buffer.from(String(value));
