import "server-only";

import { isUtf8 } from "node:buffer";

import { Decimal128 } from "mongodb";

import { BSON_TYPE, BsonError, type BsonValue, ElementReader, scopeStart, typeName } from "@/app/(console)/manage-dbs/mongodb/bson-walk";

/**
 * Raw BSON to canonical Extended JSON v2, in the document's own order with its duplicate keys.
 *
 * What Extended JSON has no words for is written so that nothing is lost in silence:
 * - a string that is not valid UTF-8 becomes {"$invalidUtf8":"<base64>"}, a key `$invalidUtf8:<base64>`;
 * - the payload of a NaN and the index names of an array are dropped (backups carry the raw bytes).
 */

export interface EjsonOptions {
  /** Plain numbers and ISO dates where they are exact; int64 beyond 2^53 stays tagged. */
  relaxed?: boolean;
  /** Levels before it refuses. */
  depthMax?: number;
}

/** A value that is not there whole. */
export interface Cut {
  /** Names from the top; array positions as text. */
  path: string[];
  type: string;
  /** Bytes of the whole value. */
  bytes: number;
  /** Of strings and binary values: bytes in the text. Of objects and arrays: elements in the text. */
  shown: number;
  total: number;
}

export interface DocumentText {
  /** Valid Extended JSON; whole when `cuts` is empty. */
  text: string;
  bytes: number;
  cuts: Cut[];
}

interface Writer {
  readonly bytes: Buffer;
  readonly relaxed: boolean;
  /** Characters that may still be written; Infinity when the document goes whole. */
  budget: number;
  /** Bytes of a string or binary value that are written at most. */
  readonly prefix: number;
  readonly cuts: Cut[];
  readonly path: string[];
  levels: number;
}

const DEPTH_MAX = 250;
const DATE_RELAXED_MAX = 253_402_300_799_999n;

/** @throws BsonError when the document is damaged or nested too deep */
export function toEjson(bytes: Buffer, options: EjsonOptions = {}): string {
  return writeLevel(newWriter(bytes, options), { start: 0, end: bytes.length, isArray: false });
}

/** One value, as it would stand behind its key. */
export function valueToEjson(value: BsonValue, options: EjsonOptions = {}): string {
  return writeValue(newWriter(value.bytes, options), value);
}

/**
 * The document as text, cut when it is long: strings and binary values to a prefix, and fields or items left out once
 * `textMax` characters are written. A document of 16 MB travels as some tens of kilobytes.
 */
export function toCutEjson(bytes: Buffer, limits: { wholeBytesMax: number; textMax: number; prefix: number }): DocumentText {
  if (bytes.length <= limits.wholeBytesMax) return { text: toEjson(bytes), bytes: bytes.length, cuts: [] };
  const writer: Writer = { ...newWriter(bytes, {}), budget: limits.textMax, prefix: limits.prefix };
  return { text: writeLevel(writer, { start: 0, end: bytes.length, isArray: false }), bytes: bytes.length, cuts: writer.cuts };
}

/** A value as short text for lists of examples: strings without quotes, cut to `length` characters. */
export function valuePreview(value: BsonValue, length: number): string {
  const writer: Writer = { ...newWriter(value.bytes, { relaxed: true }), budget: length, prefix: length };
  const text =
    value.type === BSON_TYPE.string
      ? value.bytes.toString("utf8", value.start + 4, Math.min(value.end - 1, value.start + 4 + length * 4))
      : writeValue(writer, value);
  return text.length > length ? `${text.slice(0, length)}…` : text;
}

function newWriter(bytes: Buffer, options: EjsonOptions): Writer {
  return { bytes, relaxed: options.relaxed ?? false, budget: Infinity, prefix: Infinity, cuts: [], path: [], levels: options.depthMax ?? DEPTH_MAX };
}

function writeLevel(writer: Writer, level: { start: number; end: number; isArray: boolean }): string {
  if (writer.levels <= 0) throw new BsonError("Nested too deep", level.start);
  writer.levels--;
  const bounded = writer.budget !== Infinity;
  const reader = new ElementReader(writer.bytes, level.start, level.end);
  let text = level.isArray ? "[" : "{";
  let shown = 0;
  let total = 0;
  while (reader.next()) {
    total++;
    if (writer.budget <= 0) continue;
    if (shown > 0) text += ",";
    if (!level.isArray) {
      const key = writeKey(writer, reader);
      text += `${key}:`;
      writer.budget -= key.length;
    }
    if (bounded) writer.path.push(level.isArray ? String(shown) : reader.name());
    text += writeValue(writer, reader);
    if (bounded) writer.path.pop();
    shown++;
  }
  if (shown < total) writer.cuts.push({ path: [...writer.path], type: level.isArray ? "Array" : "Object", bytes: level.end - level.start, shown, total });
  writer.levels++;
  return text + (level.isArray ? "]" : "}");
}

function writeKey(writer: Writer, reader: ElementReader): string {
  const key = reader.name();
  if (key.includes("\uFFFD")) {
    const raw = writer.bytes.subarray(reader.nameStart, reader.nameEnd);
    if (!isUtf8(raw)) return `"$invalidUtf8:${raw.toString("base64")}"`;
  }
  return JSON.stringify(key);
}

function writeValue(writer: Writer, value: { type: number; start: number; end: number }): string {
  if (value.type === BSON_TYPE.object) return writeLevel(writer, { start: value.start, end: value.end, isArray: false });
  if (value.type === BSON_TYPE.array) return writeLevel(writer, { start: value.start, end: value.end, isArray: true });
  const text = writeScalar(writer, value);
  writer.budget -= text.length;
  return text;
}

function writeScalar(writer: Writer, value: { type: number; start: number; end: number }): string {
  const { bytes, relaxed } = writer;
  const { type, start, end } = value;
  switch (type) {
    case BSON_TYPE.double:
      return doubleText(bytes.readDoubleLE(start), relaxed);
    case BSON_TYPE.string:
      return stringText(writer, { type, start: start + 4, end: end - 1 });
    case BSON_TYPE.binary:
      return binaryText(writer, { start, end });
    case BSON_TYPE.undefined:
      return '{"$undefined":true}';
    case BSON_TYPE.objectId:
      return `{"$oid":"${bytes.toString("hex", start, end)}"}`;
    case BSON_TYPE.bool:
      return bytes[start] === 0 ? "false" : "true";
    case BSON_TYPE.date:
      return dateText(bytes.readBigInt64LE(start), relaxed);
    case BSON_TYPE.null:
      return "null";
    case BSON_TYPE.regex:
      return regexText(bytes, start, end);
    case BSON_TYPE.dbPointer:
      return `{"$dbPointer":{"$ref":${quoted(bytes, start + 4, end - 13)},"$id":{"$oid":"${bytes.toString("hex", end - 12, end)}"}}}`;
    case BSON_TYPE.code:
      return `{"$code":${stringText(writer, { type, start: start + 4, end: end - 1 })}}`;
    case BSON_TYPE.symbol:
      return `{"$symbol":${stringText(writer, { type, start: start + 4, end: end - 1 })}}`;
    case BSON_TYPE.codeWithScope: {
      const scope = scopeStart(bytes, start, end);
      return `{"$code":${quoted(bytes, start + 8, scope - 1)},"$scope":${writeLevel(writer, { start: scope, end, isArray: false })}}`;
    }
    case BSON_TYPE.int32:
      return relaxed ? String(bytes.readInt32LE(start)) : `{"$numberInt":"${bytes.readInt32LE(start)}"}`;
    case BSON_TYPE.timestamp:
      return `{"$timestamp":{"t":${bytes.readUInt32LE(start + 4)},"i":${bytes.readUInt32LE(start)}}}`;
    case BSON_TYPE.int64:
      return longText(bytes.readBigInt64LE(start), relaxed);
    case BSON_TYPE.decimal128:
      return `{"$numberDecimal":"${new Decimal128(bytes.subarray(start, end)).toString()}"}`;
    case BSON_TYPE.minKey:
      return '{"$minKey":1}';
    case BSON_TYPE.maxKey:
      return '{"$maxKey":1}';
    default:
      throw new BsonError(`Unknown type ${type}`, start);
  }
}

function doubleText(value: number, relaxed: boolean): string {
  let text: string;
  if (Object.is(value, -0)) text = "-0.0";
  else if (Number.isInteger(value) && Math.abs(value) < 1e21) text = `${value}.0`;
  else text = String(value);
  return relaxed && Number.isFinite(value) ? text : `{"$numberDouble":"${text}"}`;
}

function longText(value: bigint, relaxed: boolean): string {
  const exact = value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER);
  return relaxed && exact ? String(value) : `{"$numberLong":"${value}"}`;
}

function dateText(milliseconds: bigint, relaxed: boolean): string {
  if (relaxed && milliseconds >= 0n && milliseconds <= DATE_RELAXED_MAX) return `{"$date":"${new Date(Number(milliseconds)).toISOString()}"}`;
  return `{"$date":{"$numberLong":"${milliseconds}"}}`;
}

function regexText(bytes: Buffer, start: number, end: number): string {
  const patternEnd = bytes.indexOf(0, start);
  return `{"$regularExpression":{"pattern":${quoted(bytes, start, patternEnd)},"options":${quoted(bytes, patternEnd + 1, end - 1)}}}`;
}

function binaryText(writer: Writer, value: { start: number; end: number }): string {
  const { bytes } = writer;
  const subType = bytes[value.start + 4] ?? 0;
  let start = value.start + 5;
  // Subtype 2 repeats the length inside; the specification leaves it out of the text.
  if (subType === 2 && value.end - start >= 4 && bytes.readInt32LE(start) === value.end - start - 4) start += 4;
  const end = Math.min(value.end, start + writer.prefix);
  if (end < value.end)
    writer.cuts.push({ path: [...writer.path], type: "Binary", bytes: value.end - value.start, shown: end - start, total: value.end - start });
  return `{"$binary":{"base64":"${bytes.toString("base64", start, end)}","subType":"${subType.toString(16).padStart(2, "0")}"}}`;
}

function stringText(writer: Writer, value: { type: number; start: number; end: number }): string {
  const { bytes } = writer;
  const { start, end } = value;
  if (end - start <= writer.prefix) return quoted(bytes, start, end);
  let cut = start + writer.prefix;
  while (cut > start && ((bytes[cut] ?? 0) & 0xc0) === 0x80) cut--;
  writer.cuts.push({ path: [...writer.path], type: typeName(value.type), bytes: end - start, shown: cut - start, total: end - start });
  return quoted(bytes, start, cut);
}

function quoted(bytes: Buffer, start: number, end: number): string {
  const text = bytes.toString("utf8", start, end);
  // U+FFFD is either in the text itself or a sign that the bytes are no UTF-8.
  if (text.includes("\uFFFD")) {
    const raw = bytes.subarray(start, end);
    if (!isUtf8(raw)) return `{"$invalidUtf8":"${raw.toString("base64")}"}`;
  }
  return JSON.stringify(text);
}
