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
 *
 * The server sorts by what was asked for and by nothing else, so that an index on just those fields serves it. Where a page
 * ends among documents that are equal in the sort, exactly those are read again in the order of `_id`.
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
const STRING_BRACKET = 3;
const OBJECT_BRACKET = 4;
/** Types whose values cannot be compared with $gt, or not be sent. */
const NOT_PAGEABLE: ReadonlySet<number> = new Set([BSON_TYPE.array, BSON_TYPE.regex, BSON_TYPE.dbPointer, BSON_TYPE.code, BSON_TYPE.codeWithScope]);

export interface Position {
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

/** What pages follow: the sorted fields, and `_id` among documents that are equal in all of them. */
export interface Paging {
  fields: SortField[];
  /** `_id` is one of the fields, so they order every document. */
  unique: boolean;
}

export function pagingOf(sort: readonly SortField[]): Paging {
  const id = sort.findIndex((field) => field.path === "_id");
  if (sort.length === 0) return { fields: [{ path: "_id", direction: 1 }], unique: true };
  return id === -1 ? { fields: [...sort], unique: false } : { fields: sort.slice(0, id + 1), unique: true };
}

export interface Phase {
  filter: OrderedDocument;
  sort: Map<string, 1 | -1>;
  /** Documents that are equal in the sort may lie on both sides of a page's end. */
  hasTies: boolean;
}

const BY_ID: SortField = { path: "_id", direction: 1 };
const sortOf = (fields: readonly SortField[]): Map<string, 1 | -1> => new Map(fields.map((field) => [field.path, field.direction]));

/** A document's place in the order. `id` is there when it is one of several equal ones. */
export interface Place {
  positions: Position[];
  id: Position | null;
}

/** @returns the values of the sorted fields, or in words why nobody can page past this document */
export function positionsOf(document: Buffer, fields: readonly SortField[]): Position[] | { notice: string } {
  const positions: Position[] = [];
  for (const { path } of fields) {
    const value = path === "_id" ? findTopLevel(document, "_id") : findPath(document, path);
    if (value === null && path === "_id") return { notice: NO_ID_NOTICE };
    if (value === "array" || value?.type === BSON_TYPE.array) {
      return {
        notice: `Pages end here: ${JSON.stringify(path)} holds an array, and arrays cannot be paged past. Sort by another field, or narrow the filter.`,
      };
    }
    try {
      positions.push(positionOf(value === null ? Buffer.from([BSON_TYPE.null]) : packValue(value)));
    } catch {
      return { notice: `Pages end here: a value of ${JSON.stringify(path)} cannot be sent back to the server. Sort by another field, or narrow the filter.` };
    }
  }
  return positions;
}

export const NO_ID_NOTICE = "The documents have no _id to page by: only the first page can be shown. Narrow the filter to see others.";

export function cursorOf(paging: Paging, place: Place): string {
  const order = paging.fields.map((field) => [field.path, field.direction]);
  const after = place.positions.map((position) => position.packed.toString("base64"));
  return Buffer.from(JSON.stringify({ order, after, ...(place.id ? { id: place.id.packed.toString("base64") } : {}) })).toString("base64url");
}

/**
 * The queries that together find what comes after a cursor, to be run one after the other until the page is full.
 * @throws AppError INVALID when the cursor is damaged or belongs to another order
 */
export function phasesAfter(paging: Paging, cursor: string | undefined): Phase[] {
  const { fields, unique } = paging;
  const sort = sortOf(fields);
  if (cursor === undefined) return [{ filter: new Map(), sort, hasTies: !unique }];
  const { positions, id } = readCursor(cursor, paging);
  const phases: Phase[] = [];
  if (id) for (const after of following(BY_ID, id)) phases.push(tiesPhase(fields, positions, after));
  for (let level = fields.length - 1; level >= 0; level--) {
    const field = fields[level];
    const position = positions[level];
    if (!field || !position) continue;
    const ties = equalIn(fields.slice(0, level), positions);
    for (const after of following(field, position))
      phases.push({ filter: ties.length === 0 ? after : doc(["$and", [...ties, after]]), sort, hasTies: !unique });
  }
  return phases;
}

/** The documents equal to a place in every sorted field, in the order of `_id`. */
export function tiesPhase(fields: readonly SortField[], positions: readonly Position[], further?: OrderedDocument): Phase {
  return { filter: doc(["$and", [...equalIn(fields, positions), ...(further ? [further] : [])]]), sort: sortOf([BY_ID]), hasTies: false };
}

function equalIn(fields: readonly SortField[], positions: readonly Position[]): OrderedDocument[] {
  return fields.flatMap((field, index) => {
    const position = positions[index];
    return position ? [equalTo(field, position)] : [];
  });
}

/**
 * Whether two documents are equal in the sort. Numbers of different types and text under a collation only the server can tell.
 */
export function compareTies(first: readonly Position[], second: readonly Position[]): "same" | "different" | "ask" {
  const answers = first.map((position, index) => compareOne(position, second[index]));
  if (answers.includes("different")) return "different";
  return answers.includes("ask") ? "ask" : "same";
}

function compareOne(first: Position, second: Position | undefined): "same" | "different" | "ask" {
  if (!second || first.bracket !== second.bracket) return "different";
  if (first.bracket === NULL_BRACKET || (first.isNaN && second.isNaN) || first.packed.equals(second.packed)) return "same";
  if (first.isNaN || second.isNaN) return "different";
  return [NUMBER_BRACKET, STRING_BRACKET, OBJECT_BRACKET].includes(first.bracket) ? "ask" : "different";
}

function readCursor(cursor: string, paging: Paging): Place {
  try {
    const parsed = JSON.parse(Buffer.from(cursor, "base64url").toString("utf8")) as { order?: unknown; after?: unknown; id?: unknown };
    const sameOrder = JSON.stringify(parsed.order) === JSON.stringify(paging.fields.map((field) => [field.path, field.direction]));
    if (!sameOrder || !Array.isArray(parsed.after) || parsed.after.length !== paging.fields.length) throw new Error("other order");
    const unpack = (packed: unknown) => positionOf(Buffer.from(String(packed), "base64"));
    return { positions: parsed.after.map(unpack), id: parsed.id === undefined || paging.unique ? null : unpack(parsed.id) };
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
