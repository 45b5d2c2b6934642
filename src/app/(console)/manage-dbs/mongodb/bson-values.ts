import "server-only";

import { Binary, BSONRegExp, BSONSymbol, Code, Decimal128, Double, Int32, Long, MaxKey, MinKey, ObjectId, Timestamp } from "mongodb";

import { BSON_TYPE, BsonError, type BsonValue, ElementReader, scopeStart, typeName } from "@/app/(console)/manage-dbs/mongodb/bson-walk";
import type { OrderedDocument } from "@/app/(console)/manage-dbs/mongodb/ejson-values";

/**
 * A raw value as something the driver sends back byte for byte: for paging keys and for options copied from one
 * collection to another. Objects become Maps.
 * @throws BsonError for what no driver can send: DBPointer, undefined, dates JavaScript cannot hold, invalid UTF-8
 */
export function toDriverValue(value: BsonValue): unknown {
  const { bytes, type, start, end } = value;
  switch (type) {
    case BSON_TYPE.double:
      return new Double(bytes.readDoubleLE(start));
    case BSON_TYPE.string:
      return text(bytes, start + 4, end - 1);
    case BSON_TYPE.object:
      return toOrderedDocument(bytes, start, end);
    case BSON_TYPE.array:
      return [...toOrderedDocument(bytes, start, end).values()];
    case BSON_TYPE.binary:
      return binary(bytes, start, end);
    case BSON_TYPE.objectId:
      return new ObjectId(bytes.subarray(start, end));
    case BSON_TYPE.bool:
      return bytes[start] !== 0;
    case BSON_TYPE.date:
      return date(bytes, start);
    case BSON_TYPE.null:
      return null;
    case BSON_TYPE.regex: {
      const patternEnd = bytes.indexOf(0, start);
      return new BSONRegExp(text(bytes, start, patternEnd), text(bytes, patternEnd + 1, end - 1));
    }
    case BSON_TYPE.code:
      return new Code(text(bytes, start + 4, end - 1));
    case BSON_TYPE.symbol:
      return new BSONSymbol(text(bytes, start + 4, end - 1));
    case BSON_TYPE.codeWithScope: {
      const scope = scopeStart(bytes, start, end);
      return new Code(text(bytes, start + 8, scope - 1), toOrderedDocument(bytes, scope, end));
    }
    case BSON_TYPE.int32:
      return new Int32(bytes.readInt32LE(start));
    case BSON_TYPE.timestamp:
      return new Timestamp({ t: bytes.readUInt32LE(start + 4), i: bytes.readUInt32LE(start) });
    case BSON_TYPE.int64:
      return Long.fromBigInt(bytes.readBigInt64LE(start));
    case BSON_TYPE.decimal128:
      return new Decimal128(Uint8Array.from(bytes.subarray(start, end)));
    case BSON_TYPE.minKey:
      return new MinKey();
    case BSON_TYPE.maxKey:
      return new MaxKey();
    default:
      throw new BsonError(`${typeName(type)} cannot be sent to a server`, start);
  }
}

/** @throws BsonError when the document has a key twice, or holds what cannot be sent */
export function toOrderedDocument(bytes: Buffer, start = 0, end = bytes.length): OrderedDocument {
  const document: OrderedDocument = new Map();
  const reader = new ElementReader(bytes, start, end);
  while (reader.next()) {
    const key = text(bytes, reader.nameStart, reader.nameEnd);
    if (document.has(key)) throw new BsonError(`Key ${JSON.stringify(key)} twice`, reader.nameStart);
    document.set(key, toDriverValue(reader.value()));
  }
  return document;
}

function text(bytes: Buffer, start: number, end: number): string {
  const decoded = bytes.toString("utf8", start, end);
  if (decoded.includes("\uFFFD") && !Buffer.from(decoded, "utf8").equals(bytes.subarray(start, end))) throw new BsonError("Text is not UTF-8", start);
  return decoded;
}

function date(bytes: Buffer, start: number): Date {
  const value = new Date(Number(bytes.readBigInt64LE(start)));
  if (Number.isNaN(value.getTime())) throw new BsonError("Date beyond what can be sent", start);
  return value;
}

function binary(bytes: Buffer, start: number, end: number): Binary {
  const subType = bytes[start + 4] ?? 0;
  const inner = subType === 2 ? 4 : 0;
  return new Binary(Uint8Array.from(bytes.subarray(start + 5 + inner, end)), subType);
}
