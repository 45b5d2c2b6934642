import "server-only";

/**
 * Reads raw BSON where it lies. Decoding and encoding again loses duplicate keys, the order of integer-like keys, Symbol,
 * DBPointer, undefined, far dates and invalid UTF-8, so nothing here turns a document into a JavaScript object.
 */

export const BSON_TYPE = {
  double: 1,
  string: 2,
  object: 3,
  array: 4,
  binary: 5,
  undefined: 6,
  objectId: 7,
  bool: 8,
  date: 9,
  null: 10,
  regex: 11,
  dbPointer: 12,
  code: 13,
  symbol: 14,
  codeWithScope: 15,
  int32: 16,
  timestamp: 17,
  int64: 18,
  decimal128: 19,
  minKey: 255,
  maxKey: 127,
} as const;

const TYPE_NAMES: Record<number, string> = {
  1: "Double",
  2: "String",
  3: "Object",
  4: "Array",
  5: "Binary",
  6: "Undefined",
  7: "ObjectId",
  8: "Boolean",
  9: "Date",
  10: "Null",
  11: "RegExp",
  12: "DBPointer",
  13: "Code",
  14: "Symbol",
  15: "CodeWithScope",
  16: "Int32",
  17: "Timestamp",
  18: "Long",
  19: "Decimal128",
  127: "MaxKey",
  255: "MinKey",
};

/** The type's name as the screens show it: "Int32", "Long", "Decimal128". */
export const typeName = (type: number): string => TYPE_NAMES[type] ?? `type ${type}`;

export class BsonError extends Error {
  readonly offset: number;
  constructor(message: string, offset: number) {
    super(`${message} at byte ${offset}`);
    this.name = "BsonError";
    this.offset = offset;
  }
}

/** One value inside a buffer: `bytes.subarray(start, end)` is its encoding without type and name. */
export interface BsonValue {
  bytes: Buffer;
  type: number;
  start: number;
  end: number;
}

/**
 * Steps through the elements of one document or array. The fields describe the current element and change with each
 * `next()`; nothing is allocated per element, because a 16 MB document may hold two million of them.
 */
export class ElementReader {
  type = 0;
  nameStart = 0;
  nameEnd = 0;
  start = 0;
  end = 0;
  readonly bytes: Buffer;
  private position: number;
  private readonly last: number;

  /** @throws BsonError when the length or the terminator of the document is wrong */
  constructor(bytes: Buffer, start = 0, limit = bytes.length) {
    if (limit - start < 5) throw new BsonError("Document too short", start);
    const length = bytes.readInt32LE(start);
    if (length < 5 || start + length > limit) throw new BsonError(`Document length ${length} does not fit`, start);
    if (bytes[start + length - 1] !== 0) throw new BsonError("Document without terminator", start + length - 1);
    this.bytes = bytes;
    this.position = start + 4;
    this.last = start + length - 1;
  }

  /** @throws BsonError when the element is not well formed */
  next(): boolean {
    if (this.position >= this.last) return false;
    const { bytes, last } = this;
    this.type = bytes[this.position] ?? 0;
    if (this.type === 0) throw new BsonError("Terminator inside a document", this.position);
    this.nameStart = this.position + 1;
    let nameEnd = this.nameStart;
    while (nameEnd < last && bytes[nameEnd] !== 0) nameEnd++;
    if (nameEnd >= last) throw new BsonError("Name without terminator", this.nameStart);
    this.nameEnd = nameEnd;
    this.start = nameEnd + 1;
    this.end = valueEnd(bytes, { type: this.type, start: this.start, limit: last });
    this.position = this.end;
    return true;
  }

  /** The current element's name; invalid UTF-8 shows as U+FFFD. */
  name(): string {
    return this.bytes.toString("utf8", this.nameStart, this.nameEnd);
  }

  value(): BsonValue {
    return { bytes: this.bytes, type: this.type, start: this.start, end: this.end };
  }
}

function valueEnd(bytes: Buffer, element: { type: number; start: number; limit: number }): number {
  const { type, start, limit } = element;
  const end = start + valueLength(bytes, element);
  if (end > limit) throw new BsonError(`${typeName(type)} runs past the end of its document`, start);
  return end;
}

function valueLength(bytes: Buffer, element: { type: number; start: number; limit: number }): number {
  const { type, start, limit } = element;
  switch (type) {
    case BSON_TYPE.undefined:
    case BSON_TYPE.null:
    case BSON_TYPE.minKey:
    case BSON_TYPE.maxKey:
      return 0;
    case BSON_TYPE.bool:
      return 1;
    case BSON_TYPE.int32:
      return 4;
    case BSON_TYPE.double:
    case BSON_TYPE.date:
    case BSON_TYPE.timestamp:
    case BSON_TYPE.int64:
      return 8;
    case BSON_TYPE.objectId:
      return 12;
    case BSON_TYPE.decimal128:
      return 16;
    case BSON_TYPE.string:
    case BSON_TYPE.code:
    case BSON_TYPE.symbol:
      return stringLength(bytes, start, limit);
    case BSON_TYPE.dbPointer:
      return stringLength(bytes, start, limit) + 12;
    case BSON_TYPE.binary:
      return 5 + lengthAt(bytes, { start, limit, atLeast: 0, type });
    case BSON_TYPE.object:
    case BSON_TYPE.array:
      return lengthAt(bytes, { start, limit, atLeast: 5, type });
    case BSON_TYPE.codeWithScope:
      return lengthAt(bytes, { start, limit, atLeast: 14, type });
    case BSON_TYPE.regex:
      return cstringEnd(bytes, cstringEnd(bytes, start, limit), limit) - start;
    default:
      throw new BsonError(`Unknown type ${type}`, start);
  }
}

function lengthAt(bytes: Buffer, at: { start: number; limit: number; atLeast: number; type: number }): number {
  if (at.start + 4 > at.limit) throw new BsonError(`${typeName(at.type)} without length`, at.start);
  const length = bytes.readInt32LE(at.start);
  if (length < at.atLeast || at.start + length > at.limit) throw new BsonError(`${typeName(at.type)} length ${length} does not fit`, at.start);
  return length;
}

function stringLength(bytes: Buffer, start: number, limit: number): number {
  const length = lengthAt(bytes, { start, limit, atLeast: 1, type: BSON_TYPE.string });
  if (start + 4 + length > limit || bytes[start + 4 + length - 1] !== 0) throw new BsonError("String without terminator", start);
  return 4 + length;
}

function cstringEnd(bytes: Buffer, start: number, limit: number): number {
  let end = start;
  while (end < limit && bytes[end] !== 0) end++;
  if (end >= limit) throw new BsonError("Regular expression without terminator", start);
  return end + 1;
}

export interface ValidateOptions {
  /** Levels of documents and arrays, the outermost counting as one. */
  depthMax: number;
  start?: number;
  end?: number;
}

/**
 * Checks one whole document: every length, every terminator, only known types, nothing left over. Text is not checked to
 * be UTF-8, because servers store what old drivers sent.
 * @throws BsonError naming the first byte that is wrong
 */
export function validateBson(bytes: Buffer, options: ValidateOptions): void {
  const start = options.start ?? 0;
  const end = options.end ?? bytes.length;
  if (end - start >= 4 && bytes.readInt32LE(start) !== end - start) throw new BsonError("Document length does not match its bytes", start);
  validateLevel(bytes, { start, end, levels: options.depthMax });
}

function validateLevel(bytes: Buffer, level: { start: number; end: number; levels: number }): void {
  if (level.levels <= 0) throw new BsonError("Nested too deep", level.start);
  const reader = new ElementReader(bytes, level.start, level.end);
  while (reader.next()) {
    if (reader.type === BSON_TYPE.object || reader.type === BSON_TYPE.array) {
      validateLevel(bytes, { start: reader.start, end: reader.end, levels: level.levels - 1 });
    } else if (reader.type === BSON_TYPE.codeWithScope) {
      const scope = scopeStart(bytes, reader.start, reader.end);
      if (bytes.readInt32LE(scope) !== reader.end - scope) throw new BsonError("Scope length does not match", scope);
      validateLevel(bytes, { start: scope, end: reader.end, levels: level.levels - 1 });
    }
  }
}

/** Where the scope document of a code with scope begins. */
export function scopeStart(bytes: Buffer, start: number, end: number): number {
  const scope = start + 4 + stringLength(bytes, start + 4, end);
  if (scope + 5 > end) throw new BsonError("Code without scope", start);
  return scope;
}

/** The first top-level element of that name, or null. */
export function findTopLevel(bytes: Buffer, name: string): BsonValue | null {
  const wanted = Buffer.from(name, "utf8");
  const reader = new ElementReader(bytes);
  while (reader.next()) {
    if (reader.nameEnd - reader.nameStart === wanted.length && bytes.compare(wanted, 0, wanted.length, reader.nameStart, reader.nameEnd) === 0)
      return reader.value();
  }
  return null;
}

/** The value at a dotted path through sub-documents; "array" when the path meets an array on its way, null when it is missing. */
export function findPath(bytes: Buffer, path: string): BsonValue | "array" | null {
  let level: BsonValue = { bytes, type: BSON_TYPE.object, start: 0, end: bytes.length };
  for (const name of path.split(".")) {
    if (level.type === BSON_TYPE.array) return "array";
    if (level.type !== BSON_TYPE.object) return null;
    const found = findIn(level, name);
    if (!found) return null;
    level = found;
  }
  return level;
}

function findIn(level: BsonValue, name: string): BsonValue | null {
  const reader = new ElementReader(level.bytes, level.start, level.end);
  while (reader.next()) if (reader.name() === name) return reader.value();
  return null;
}

/** A copy of the value with its type in front: what cursors and document keys carry. */
export function packValue(value: BsonValue): Buffer {
  return Buffer.concat([Buffer.from([value.type]), value.bytes.subarray(value.start, value.end)]);
}

/** @throws BsonError when the packed bytes are not one whole value */
export function unpackValue(packed: Buffer): BsonValue {
  const type = packed[0];
  if (type === undefined) throw new BsonError("Empty value", 0);
  const end = valueEnd(packed, { type, start: 1, limit: packed.length });
  if (end !== packed.length) throw new BsonError("Bytes after the value", end);
  if (type === BSON_TYPE.object || type === BSON_TYPE.array) validateBson(packed, { depthMax: 200, start: 1 });
  return { bytes: packed, type, start: 1, end };
}
