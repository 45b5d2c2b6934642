import "server-only";

import { BSON_TYPE, BsonError, type BsonValue, findPath, findTopLevel, packValue, unpackValue } from "@/app/(console)/manage-dbs/mongodb/bson-walk";
import { toDriverValue } from "@/app/(console)/manage-dbs/mongodb/bson-values";
import type { SortField } from "@/app/(console)/manage-dbs/mongodb/ejson-input";
import type { OrderedDocument } from "@/app/(console)/manage-dbs/mongodb/ejson-values";
import { AppError } from "@/server/errors";

/**
 * Pages by key over values of mixed types. `$gt` compares only within a type, so going on after a value takes several
 * queries, run one after the other until the page is full: the rest of the value's own type, then all later types.
 * Together they are complete: every document comes once.
 */

/** Types in the order MongoDB sorts them. Null stands for undefined and for a missing field too. */
const BRACKETS: readonly (readonly number[])[] = [
  [BSON_TYPE.minKey],
  [BSON_TYPE.null],
  [BSON_TYPE.double, BSON_TYPE.int32, BSON_TYPE.int64, BSON_TYPE.decimal128],
  [BSON_TYPE.string, BSON_TYPE.symbol],
  [BSON_TYPE.object],
  [BSON_TYPE.array],
  [BSON_TYPE.binary],
  [BSON_TYPE.objectId],
  [BSON_TYPE.bool],
  [BSON_TYPE.date],
  [BSON_TYPE.timestamp],
  [BSON_TYPE.regex],
  [BSON_TYPE.dbPointer],
  [BSON_TYPE.code],
  [BSON_TYPE.codeWithScope],
  [BSON_TYPE.maxKey],
];
const NULL_BRACKET = 1;
const NUMBER_BRACKET = 2;
/** Types whose values cannot be compared with $gt, or not be sent. */
const NOT_PAGEABLE: ReadonlySet<number> = new Set([BSON_TYPE.array, BSON_TYPE.regex, BSON_TYPE.dbPointer, BSON_TYPE.code, BSON_TYPE.codeWithScope]);

interface Position {
  type: number;
  bracket: number;
  isNaN: boolean;
  /** What the driver sends. */
  value: unknown;
  packed: Buffer;
}

const doc = (...entries: [string, unknown][]): OrderedDocument => new Map(entries);
/** $type takes MinKey as -1. */
const typeCodes = (brackets: readonly (readonly number[])[]): number[] => brackets.flat().map((type) => (type === BSON_TYPE.minKey ? -1 : type));

/** The order that is really used: what was asked for, and `_id` to make it unique. */
export function fullOrder(sort: readonly SortField[]): SortField[] {
  return sort.some((field) => field.path === "_id")
    ? sort.slice(0, sort.findIndex((field) => field.path === "_id") + 1)
    : [...sort, { path: "_id", direction: 1 }];
}

/**
 * The cursor that continues after a document.
 * @returns the cursor, or in words why nobody can page past this document
 */
export function cursorAfter(document: Buffer, order: readonly SortField[]): { cursor: string } | { notice: string } {
  const packed: string[] = [];
  for (const field of order) {
    const value = field.path === "_id" ? findTopLevel(document, "_id") : findPath(document, field.path);
    if (value === null && field.path === "_id")
      return { notice: "The documents have no _id to page by: only the first page can be shown. Narrow the filter to see others." };
    if (value === "array" || value?.type === BSON_TYPE.array) {
      return {
        notice: `Pages end here: ${JSON.stringify(field.path)} holds an array, and arrays cannot be paged past. Sort by another field, or narrow the filter.`,
      };
    }
    const bytes = value === null ? Buffer.from([BSON_TYPE.null]) : packValue(value);
    try {
      positionOf(bytes);
    } catch {
      return {
        notice: `Pages end here: a value of ${JSON.stringify(field.path)} cannot be sent back to the server. Sort by another field, or narrow the filter.`,
      };
    }
    packed.push(bytes.toString("base64"));
  }
  return { cursor: Buffer.from(JSON.stringify({ order: order.map((field) => [field.path, field.direction]), after: packed })).toString("base64url") };
}

/**
 * The conditions that select what comes after a cursor, to be run one after the other with the same sort.
 * @throws AppError INVALID when the cursor is damaged or belongs to another order
 */
export function conditionsAfter(cursor: string, order: readonly SortField[]): OrderedDocument[] {
  const positions = readCursor(cursor, order);
  const conditions: OrderedDocument[] = [];
  for (let level = order.length - 1; level >= 0; level--) {
    const field = order[level];
    const position = positions[level];
    if (!field || !position) continue;
    const ties = order.slice(0, level).flatMap((tied, index) => (positions[index] ? [equalTo(tied, positions[index])] : []));
    for (const after of following(field, position)) conditions.push(ties.length === 0 ? after : doc(["$and", [...ties, after]]));
  }
  return conditions;
}

function readCursor(cursor: string, order: readonly SortField[]): Position[] {
  try {
    const parsed = JSON.parse(Buffer.from(cursor, "base64url").toString("utf8")) as { order?: unknown; after?: unknown };
    const sameOrder = JSON.stringify(parsed.order) === JSON.stringify(order.map((field) => [field.path, field.direction]));
    if (!sameOrder || !Array.isArray(parsed.after) || parsed.after.length !== order.length) throw new Error("other order");
    return parsed.after.map((packed) => positionOf(Buffer.from(String(packed), "base64")));
  } catch (error) {
    throw new AppError("INVALID", "This page cannot be continued: its cursor belongs to another sort", {
      fix: "Start again from the first page.",
      cause: error,
    });
  }
}

function positionOf(packed: Buffer): Position {
  const value = unpackValue(packed);
  const type = value.type === BSON_TYPE.undefined ? BSON_TYPE.null : value.type;
  if (NOT_PAGEABLE.has(type)) throw new BsonError("This type cannot be paged past", 0);
  const bracket = BRACKETS.findIndex((types) => types.includes(type));
  if (bracket === -1) throw new BsonError("Unknown type", 0);
  return { type, bracket, isNaN: isNaNValue(value), value: type === BSON_TYPE.null ? null : toDriverValue(value), packed };
}

function isNaNValue(value: BsonValue): boolean {
  if (value.type === BSON_TYPE.double) return Number.isNaN(value.bytes.readDoubleLE(value.start));
  return value.type === BSON_TYPE.decimal128 && ((value.bytes[value.end - 1] ?? 0) & 0x7c) === 0x7c;
}

/** What comes after `position` in one field, in order. */
function following(field: SortField, position: Position): OrderedDocument[] {
  const ascending = field.direction === 1;
  const conditions: OrderedDocument[] = [];
  const sameType = afterInBracket(field, position);
  if (sameType) conditions.push(sameType);
  // NaN sorts before all numbers, but no comparison finds it.
  if (!ascending && position.bracket === NUMBER_BRACKET && !position.isNaN) conditions.push(doc([field.path, Number.NaN]));
  const later = laterBrackets(field, position);
  if (later) conditions.push(later);
  return conditions;
}

function afterInBracket(field: SortField, position: Position): OrderedDocument | null {
  const ascending = field.direction === 1;
  const { path } = field;
  if (position.type === BSON_TYPE.minKey || position.type === BSON_TYPE.maxKey || position.bracket === NULL_BRACKET) return null;
  if (position.isNaN) return ascending ? doc([path, doc(["$gte", -Infinity])]) : null;
  const beyond = doc([ascending ? "$gt" : "$lt", position.value]);
  // A server that takes NaN for the smallest number would find it here and again in the step for NaN.
  if (!ascending && position.bracket === NUMBER_BRACKET) beyond.set("$gte", -Infinity);
  if (path === "_id") return doc([path, beyond]);
  // An array sorts by its least (or greatest) item but matches by any: those already shown must not come again.
  return doc(["$and", [doc([path, beyond]), doc([path, doc(["$not", doc([ascending ? "$lte" : "$gte", position.value])])]), ...notEarlier(field, position)]]);
}

/** For arrays of mixed types: none of their items is of a type that comes before the position's. */
function notEarlier(field: SortField, position: Position): OrderedDocument[] {
  const earlier = typesUpTo(field, position.bracket - field.direction);
  return earlier.length === 0 ? [] : [doc(["$nor", [doc([field.path, doc(["$type", earlier])])]])];
}

/** Type codes from the first bracket of the order to this one; arrays are looked at by their items. */
function typesUpTo(field: SortField, bracket: number): number[] {
  const brackets = field.direction === 1 ? BRACKETS.slice(0, bracket + 1) : BRACKETS.slice(bracket);
  return typeCodes(brackets.filter((types) => !types.includes(BSON_TYPE.array)));
}

function laterBrackets(field: SortField, position: Position): OrderedDocument | null {
  const ascending = field.direction === 1;
  const later = ascending ? BRACKETS.slice(position.bracket + 1) : BRACKETS.slice(0, position.bracket);
  if (later.length === 0) return null;
  // `_id` is never missing and never an array: its types are named, which an index serves.
  if (field.path === "_id") return doc(["_id", doc(["$type", typeCodes(later)])]);
  const nor = [doc([field.path, doc(["$type", typesUpTo(field, position.bracket)])])];
  const nullIsBehind = ascending ? position.bracket >= NULL_BRACKET : position.bracket <= NULL_BRACKET;
  if (nullIsBehind) nor.push(doc([field.path, null]));
  if (nullIsBehind && ascending) nor.push(doc([field.path, doc(["$size", 0])]));
  return doc(["$nor", nor]);
}

function equalTo(field: SortField, position: Position): OrderedDocument {
  const same = doc([field.path, position.bracket === NULL_BRACKET || position.isNaN ? position.value : doc(["$eq", position.value])]);
  if (field.path === "_id") return same;
  if (position.bracket === NULL_BRACKET || position.isNaN) return doc(["$and", [same, ...notEarlier(field, position)]]);
  const nearer = doc([field.path, doc(["$not", doc([field.direction === 1 ? "$lt" : "$gt", position.value])])]);
  return doc(["$and", [same, nearer, ...notEarlier(field, position)]]);
}
