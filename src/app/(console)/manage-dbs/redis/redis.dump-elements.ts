import "server-only";
import { hash } from "node:crypto";
import { DUMP_FOOTER_BYTES, dumpType, dumpVersion } from "./redis.dump";
import { intsetElements, listpackElements, ziplistElements } from "./redis.dump-packed";
import { damagedRdb, Encoding, RdbCursor } from "./redis.rdb-cursor";
import { readString, unpackLzf } from "./redis.rdb-string";

/**
 * An element in its parts: [value] of a string, list or set, [field, value] of a hash, [member, score] of a sorted set. A field that
 * may expire has a third: when, in ms, 0 or less for never.
 */
export type Element = Buffer[];

/** Behind this number Valkey counts RDB versions of its own, and gives type 22 another meaning. */
const VALKEY_VERSIONS_FROM = 80;

/**
 * The elements of a value, one after another, from the server's DUMP payload. Null for types whose payload is not looked into:
 * streams, modules, and what is newer than this.
 * @param stringMax strings outside of packed values are cut to so many bytes
 * @throws INVALID when the payload is damaged
 */
export function dumpElements(dump: Buffer, stringMax = Number.POSITIVE_INFINITY): Iterable<Element> | null {
  const reader = new ValueReader(dump, stringMax);
  switch (dump[0]) {
    case 0:
      return singles(reader.strings(1));
    case 1:
    case 2:
      return singles(reader.strings(reader.count()));
    case 4:
      return inParts(reader.strings(reader.count() * 2), 2);
    case 3:
      return reader.textScores();
    case 5:
      return reader.scores();
    case 10:
      return singles(ziplistElements(reader.whole()));
    case 11:
      return singles(intsetElements(reader.whole()));
    case 12:
      return scored(ziplistElements(reader.whole()));
    case 13:
      return inParts(ziplistElements(reader.whole()), 2);
    case 14:
      return singles(reader.ziplists());
    case 16:
      return inParts(listpackElements(reader.whole()), 2);
    case 17:
      return scored(listpackElements(reader.whole()));
    case 18:
      return singles(reader.nodes());
    case 20:
      return singles(listpackElements(reader.whole()));
    case 22:
      return dumpVersion(dump) >= VALKEY_VERSIONS_FROM ? reader.fieldsBeforeExpiry() : null;
    case 24:
      return reader.fieldsAfterExpiry();
    case 25:
      return inParts(listpackElements(reader.packedFields()), 3);
    default:
      return null;
  }
}

/** The length of a string value in bytes; null for other types. */
export function dumpedStringLength(dump: Buffer): number | null {
  if (dump[0] !== 0) return null;
  const cursor = new RdbCursor();
  cursor.open(dump.subarray(1));
  if (!cursor.readStringStart()) return null;
  if (cursor.encoding === Encoding.plain || cursor.encoding === Encoding.lzf) return cursor.unpackedLength;
  return [...(dumpElements(dump) ?? [])][0]?.[0]?.length ?? null;
}

/**
 * A hash over all elements that is equal for equal values, however a server laid them out: sets, hashes and sorted sets in any
 * order, fields that have expired left out. Null as in `dumpElements`.
 */
export function elementsDigest(dump: Buffer, nowMs: bigint): string | null {
  const elements = dumpElements(dump);
  if (elements === null) return null;
  const type = dumpType(dump);
  const isOrdered = type === "list";
  const lanes = new Uint32Array(8);
  let count = 0;
  for (const parts of elements) {
    const expiry = parts.length > 2 ? BigInt(parts[2]?.toString("latin1") ?? 0) : 0n;
    if (expiry > 0n && expiry <= nowMs) continue;
    const place = Buffer.from(isOrdered ? `${count} ` : "");
    const digest = hash("sha256", Buffer.concat([place, ...parts.flatMap((part) => [Buffer.from(`${part.length}:`), part])]), "buffer");
    // Sums of the eight words do not depend on the order.
    for (let lane = 0; lane < 8; lane++) lanes[lane] = (lanes[lane] ?? 0) + digest.readUInt32LE(lane * 4);
    count += 1;
  }
  return `${type} ${count} ${Buffer.from(lanes.buffer).toString("hex")}`;
}

class ValueReader {
  readonly #cursor = new RdbCursor();
  readonly #stringMax: number;

  constructor(dump: Buffer, stringMax: number) {
    this.#cursor.open(dump.subarray(1, Math.max(1, dump.length - DUMP_FOOTER_BYTES)));
    this.#stringMax = stringMax;
  }

  count(): number {
    if (!this.#cursor.readCount()) throw damagedRdb("a value is cut");
    return this.#cursor.length;
  }

  *strings(times: number): Generator<Buffer> {
    for (let done = 0; done < times; done++) yield this.#string(this.#stringMax);
  }

  /** A packed value is needed whole. */
  whole(): Buffer {
    return this.#string(Number.POSITIVE_INFINITY);
  }

  *ziplists(): Generator<Buffer> {
    const count = this.count();
    for (let done = 0; done < count; done++) yield* ziplistElements(this.whole());
  }

  /** Each node is one long string (1) or a listpack (2). */
  *nodes(): Generator<Buffer> {
    const count = this.count();
    for (let done = 0; done < count; done++) {
      if (this.count() === 1) yield this.#string(this.#stringMax);
      else yield* listpackElements(this.whole());
    }
  }

  *scores(): Generator<Element> {
    const count = this.count();
    for (let done = 0; done < count; done++) yield [this.#string(this.#stringMax), scoreText(this.#raw(8).readDoubleLE())];
  }

  *textScores(): Generator<Element> {
    const count = this.count();
    for (let done = 0; done < count; done++) {
      const member = this.#string(this.#stringMax);
      const length = this.#raw(1)[0] ?? 0;
      const special = { 253: Number.NaN, 254: Number.POSITIVE_INFINITY, 255: Number.NEGATIVE_INFINITY }[length];
      yield [member, scoreText(special ?? Number(this.#raw(length).toString("latin1")))];
    }
  }

  /** Valkey 9: field, value, and the time in ms when the field expires (-1: never). */
  *fieldsBeforeExpiry(): Generator<Element> {
    const count = this.count();
    for (let done = 0; done < count; done++) {
      const [field, value] = [this.#string(this.#stringMax), this.#string(this.#stringMax)];
      yield [field, value, Buffer.from(String(this.#raw(8).readBigInt64LE()))];
    }
  }

  /** Redis 7.4: the earliest expiry of all, then of each field how much later it expires (0: never), field, value. */
  *fieldsAfterExpiry(): Generator<Element> {
    const earliest = this.#raw(8).readBigInt64LE();
    const count = this.count();
    for (let done = 0; done < count; done++) {
      const later = BigInt(this.count());
      const [field, value] = [this.#string(this.#stringMax), this.#string(this.#stringMax)];
      yield [field, value, Buffer.from(String(later === 0n ? 0n : earliest + later - 1n))];
    }
  }

  /** The same for small hashes: the earliest expiry, then field, value and expiry packed. */
  packedFields(): Buffer {
    this.#raw(8);
    return this.whole();
  }

  #string(max: number): Buffer {
    const cursor = this.#cursor;
    if (!cursor.readStringStart()) throw damagedRdb("a value is cut");
    const { encoding, unpackedLength } = cursor;
    const bytes = this.#raw(cursor.length);
    if (encoding === Encoding.lzf) return unpackLzf(bytes, unpackedLength, max);
    return readString({ encoding, unpackedLength }, bytes).subarray(0, max);
  }

  #raw(length: number): Buffer {
    const { bytes, at } = this.#cursor;
    if (at + length > bytes.length) throw damagedRdb("a value is cut");
    this.#cursor.at = at + length;
    return bytes.subarray(at, at + length);
  }
}

function* singles(values: Iterable<Buffer>): Generator<Element> {
  for (const value of values) yield [value];
}

function* inParts(values: Iterable<Buffer>, parts: number): Generator<Element> {
  let element: Buffer[] = [];
  for (const value of values) {
    element.push(value);
    if (element.length < parts) continue;
    yield element;
    element = [];
  }
}

/** The same score may be written "1", "1.0" or as a number: it is compared as the number. */
function* scored(values: Iterable<Buffer>): Generator<Element> {
  for (const [member, score] of inParts(values, 2)) if (member && score) yield [member, scoreText(readScore(score.toString("latin1")))];
}

function readScore(text: string): number {
  const special = { inf: Number.POSITIVE_INFINITY, "+inf": Number.POSITIVE_INFINITY, "-inf": Number.NEGATIVE_INFINITY }[text];
  return special ?? Number(text);
}

function scoreText(score: number): Buffer {
  // Servers from 7.0 on forget the sign of zero when they pack it.
  if (score === 0) return Buffer.from("0");
  if (Number.isFinite(score)) return Buffer.from(String(score));
  return Buffer.from(Number.isNaN(score) ? "nan" : score > 0 ? "inf" : "-inf");
}
