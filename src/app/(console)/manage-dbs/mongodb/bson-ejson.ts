import "server-only";

import { Decimal128 } from "mongodb";

import { BSON_TYPE, BsonError, type BsonValue, ElementReader, scopeStart, typeName } from "@/app/(console)/manage-dbs/mongodb/bson-walk";
import { EjsonOutput } from "@/app/(console)/manage-dbs/mongodb/ejson-output";

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
  readonly out: EjsonOutput;
  readonly relaxed: boolean;
  /** Where the output must end; Infinity when the document goes whole. */
  readonly outMax: number;
  /** Bytes of a string or binary value that are written at most. */
  readonly prefix: number;
  readonly cuts: Cut[];
  readonly path: string[];
  levels: number;
}

const DEPTH_MAX = 250;
const DATE_RELAXED_MAX = 253_402_300_799_999n;
/** Writing never waits for anything, so one output serves every call. */
const shared = new EjsonOutput();

/** @throws BsonError when the document is damaged or nested too deep */
export function toEjson(bytes: Buffer, options: EjsonOptions = {}): string {
  return textOf((out) => appendEjson(out, bytes, options));
}

/** Appends a whole document to an output that is kept across documents: for exports. */
export function appendEjson(out: EjsonOutput, bytes: Buffer, options: EjsonOptions = {}): void {
  writeLevel(newWriter(bytes, out, options), { start: 0, end: bytes.length, isArray: false });
}

/** One value, as it would stand behind its key. */
export function valueToEjson(value: BsonValue, options: EjsonOptions = {}): string {
  return textOf((out) => writeValue(newWriter(value.bytes, out, options), value));
}

/**
 * The document as text, cut when it is long: strings and binary values to a prefix, and fields or items left out once
 * `textMax` bytes are written. A document of 16 MB travels as some tens of kilobytes.
 */
export function toCutEjson(bytes: Buffer, limits: { wholeBytesMax: number; textMax: number; prefix: number }): DocumentText {
  if (bytes.length <= limits.wholeBytesMax) return { text: toEjson(bytes), bytes: bytes.length, cuts: [] };
  const cuts: Cut[] = [];
  const text = textOf((out) => {
    const writer: Writer = { ...newWriter(bytes, out, {}), outMax: limits.textMax, prefix: limits.prefix, cuts };
    writeLevel(writer, { start: 0, end: bytes.length, isArray: false });
  });
  return { text, bytes: bytes.length, cuts };
}

/** A value as short text for lists of examples: strings without quotes, cut to `length` characters. */
export function valuePreview(value: BsonValue, length: number): string {
  const { bytes, type, start, end } = value;
  const text =
    type === BSON_TYPE.string
      ? bytes.toString("utf8", start + 4, Math.min(end - 1, start + 4 + length * 4))
      : textOf((out) => writeValue({ ...newWriter(bytes, out, { relaxed: true }), outMax: length, prefix: length }, value));
  return text.length > length ? `${text.slice(0, length)}…` : text;
}

function textOf(write: (out: EjsonOutput) => void): string {
  try {
    write(shared);
    return shared.takeText();
  } finally {
    shared.reset();
  }
}

function newWriter(bytes: Buffer, out: EjsonOutput, options: EjsonOptions): Writer {
  return { bytes, out, relaxed: options.relaxed ?? false, outMax: Infinity, prefix: Infinity, cuts: [], path: [], levels: options.depthMax ?? DEPTH_MAX };
}

function writeLevel(writer: Writer, level: { start: number; end: number; isArray: boolean }): void {
  if (writer.levels <= 0) throw new BsonError("Nested too deep", level.start);
  writer.levels--;
  const { out } = writer;
  const bounded = writer.outMax !== Infinity;
  const reader = new ElementReader(writer.bytes, level.start, level.end);
  out.ascii(level.isArray ? "[" : "{");
  let shown = 0;
  let total = 0;
  while (reader.next()) {
    total++;
    if (out.position >= writer.outMax) continue;
    if (shown > 0) out.ascii(",");
    if (!level.isArray) writeKey(writer, reader);
    if (bounded) writer.path.push(level.isArray ? String(shown) : reader.name());
    writeValue(writer, reader);
    if (bounded) writer.path.pop();
    shown++;
  }
  if (shown < total) writer.cuts.push({ path: [...writer.path], type: level.isArray ? "Array" : "Object", bytes: level.end - level.start, shown, total });
  writer.levels++;
  out.ascii(level.isArray ? "]" : "}");
}

function writeKey({ out, bytes }: Writer, reader: ElementReader): void {
  if (!out.quoted(bytes, reader.nameStart, reader.nameEnd)) out.ascii(`"$invalidUtf8:${bytes.toString("base64", reader.nameStart, reader.nameEnd)}"`);
  out.ascii(":");
}

function writeValue(writer: Writer, value: { type: number; start: number; end: number }): void {
  const { out, bytes, relaxed } = writer;
  const { type, start, end } = value;
  switch (type) {
    case BSON_TYPE.object:
      return writeLevel(writer, { start, end, isArray: false });
    case BSON_TYPE.array:
      return writeLevel(writer, { start, end, isArray: true });
    case BSON_TYPE.string:
      return writeString(writer, { type, start: start + 4, end: end - 1 });
    case BSON_TYPE.binary:
      return writeBinary(writer, { start, end });
    case BSON_TYPE.objectId:
      out.ascii('{"$oid":"');
      out.hex(bytes, start, end);
      return out.ascii('"}');
    case BSON_TYPE.regex:
      return writeRegex(writer, start, end);
    case BSON_TYPE.dbPointer:
      out.ascii('{"$dbPointer":{"$ref":');
      writeText(writer, start + 4, end - 13);
      out.ascii(',"$id":{"$oid":"');
      out.hex(bytes, end - 12, end);
      return out.ascii('"}}}');
    case BSON_TYPE.code:
    case BSON_TYPE.symbol:
      out.ascii(type === BSON_TYPE.code ? '{"$code":' : '{"$symbol":');
      writeString(writer, { type, start: start + 4, end: end - 1 });
      return out.ascii("}");
    case BSON_TYPE.codeWithScope: {
      const scope = scopeStart(bytes, start, end);
      out.ascii('{"$code":');
      writeText(writer, start + 8, scope - 1);
      out.ascii(',"$scope":');
      writeLevel(writer, { start: scope, end, isArray: false });
      return out.ascii("}");
    }
    default:
      return out.ascii(plainText(bytes, value, relaxed));
  }
}

/** The types whose text is short and ASCII. */
function plainText(bytes: Buffer, value: { type: number; start: number; end: number }, relaxed: boolean): string {
  const { type, start, end } = value;
  switch (type) {
    case BSON_TYPE.double:
      return doubleText(bytes.readDoubleLE(start), relaxed);
    case BSON_TYPE.undefined:
      return '{"$undefined":true}';
    case BSON_TYPE.bool:
      return bytes[start] === 0 ? "false" : "true";
    case BSON_TYPE.date:
      return dateText(bytes.readBigInt64LE(start), relaxed);
    case BSON_TYPE.null:
      return "null";
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

function writeRegex(writer: Writer, start: number, end: number): void {
  const patternEnd = writer.bytes.indexOf(0, start);
  writer.out.ascii('{"$regularExpression":{"pattern":');
  writeText(writer, start, patternEnd);
  writer.out.ascii(',"options":');
  writeText(writer, patternEnd + 1, end - 1);
  writer.out.ascii("}}");
}

function writeBinary(writer: Writer, value: { start: number; end: number }): void {
  const { bytes, out } = writer;
  const subType = bytes[value.start + 4] ?? 0;
  let start = value.start + 5;
  // Subtype 2 repeats the length inside; the specification leaves it out of the text.
  if (subType === 2 && value.end - start >= 4 && bytes.readInt32LE(start) === value.end - start - 4) start += 4;
  const end = Math.min(value.end, start + writer.prefix);
  if (end < value.end)
    writer.cuts.push({ path: [...writer.path], type: "Binary", bytes: value.end - value.start, shown: end - start, total: value.end - start });
  out.ascii('{"$binary":{"base64":"');
  out.ascii(bytes.toString("base64", start, end));
  out.ascii(`","subType":"${subType.toString(16).padStart(2, "0")}"}}`);
}

function writeString(writer: Writer, value: { type: number; start: number; end: number }): void {
  const { bytes } = writer;
  const { start, end } = value;
  if (end - start <= writer.prefix) return writeText(writer, start, end);
  let cut = start + writer.prefix;
  while (cut > start && ((bytes[cut] ?? 0) & 0xc0) === 0x80) cut--;
  writer.cuts.push({ path: [...writer.path], type: typeName(value.type), bytes: end - start, shown: cut - start, total: end - start });
  return writeText(writer, start, cut);
}

function writeText({ out, bytes }: Writer, start: number, end: number): void {
  if (!out.quoted(bytes, start, end)) out.ascii(`{"$invalidUtf8":"${bytes.toString("base64", start, end)}"}`);
}
