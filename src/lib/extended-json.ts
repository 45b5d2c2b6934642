/** Recognises the wrappers of canonical Extended JSON 2 in a parsed tree, for showing. A wrapper must fit exactly, or it is an ordinary object. */
import { base64ToBytes, bytesToHex } from "@/lib/hex";
import type { JsonEntry, JsonNode } from "@/lib/json-tree";

export type BsonTone = "number" | "string" | "id" | "bytes" | "dim";

export interface BsonValue {
  /** The word on the badge: "ObjectId", "Decimal128", "Binary 0, 32 B". */
  bsonType: string;
  /** What stands for the value. */
  display: string;
  tone: BsonTone;
}

/** The value a node stands for, or null when it is an ordinary object, array or plain JSON value. */
export function bsonValue(node: JsonNode): BsonValue | null {
  if (node.kind !== "object") return null;
  const [first, second] = node.entries;
  if (!first || !first.key.startsWith("$") || node.entries.length > 2) return null;
  if (second) return first.key === "$code" && second.key === "$scope" ? codeWithScope(first.value, second.value) : null;
  return wrappers[first.key]?.(first.value) ?? null;
}

type Wrapper = (value: JsonNode) => BsonValue | null;

const wrappers: Record<string, Wrapper> = {
  $oid: (value) => (value.kind === "string" && /^[\da-f]{24}$/i.test(value.text) ? { bsonType: "ObjectId", display: value.text, tone: "id" } : null),
  $numberInt: (value) => numeric("Int32", value),
  $numberLong: (value) => numeric("Long", value),
  $numberDouble: (value) => numeric("Double", value),
  $numberDecimal: (value) => numeric("Decimal128", value),
  $date: date,
  $binary: binary,
  $uuid: (value) => (value.kind === "string" ? { bsonType: "UUID", display: value.text, tone: "bytes" } : null),
  $timestamp: (value) => {
    const time = fieldOf(value, "t", 2);
    const increment = fieldOf(value, "i", 2);
    return time?.kind === "number" && increment?.kind === "number"
      ? { bsonType: "Timestamp", display: `${time.text}, ${increment.text}`, tone: "number" }
      : null;
  },
  $regularExpression: (value) => {
    const pattern = fieldOf(value, "pattern", 2);
    const options = fieldOf(value, "options", 2);
    return pattern?.kind === "string" && options?.kind === "string"
      ? { bsonType: "RegExp", display: `/${pattern.text}/${options.text}`, tone: "string" }
      : null;
  },
  $minKey: (value) => (isOne(value) ? { bsonType: "MinKey", display: "MinKey", tone: "dim" } : null),
  $maxKey: (value) => (isOne(value) ? { bsonType: "MaxKey", display: "MaxKey", tone: "dim" } : null),
  $undefined: (value) => (value.kind === "boolean" && value.value ? { bsonType: "Undefined", display: "undefined", tone: "dim" } : null),
  $symbol: (value) => (value.kind === "string" ? { bsonType: "Symbol", display: JSON.stringify(value.text), tone: "string" } : null),
  $code: (value) => (value.kind === "string" ? { bsonType: "Code", display: value.text, tone: "string" } : null),
  $dbPointer: (value) => {
    const reference = fieldOf(value, "$ref", 2);
    const id = fieldOf(value, "$id", 2);
    const hex = id ? bsonValue(id) : null;
    return reference?.kind === "string" && hex ? { bsonType: "DBPointer", display: `${reference.text} ${hex.display}`, tone: "id" } : null;
  },
};

/** The type name of any node of a document, as the badge and the schema call it. */
export function bsonTypeOf(node: JsonNode): string {
  const wrapped = bsonValue(node);
  if (wrapped) return wrapped.bsonType;
  return { object: "Object", array: "Array", string: "String", number: "Number", boolean: "Boolean", null: "Null" }[node.kind];
}

function numeric(bsonType: string, value: JsonNode): BsonValue | null {
  return value.kind === "string" ? { bsonType, display: value.text, tone: "number" } : null;
}

function isOne(value: JsonNode): boolean {
  return value.kind === "number" && value.text === "1";
}

function date(value: JsonNode): BsonValue | null {
  if (value.kind === "string") return { bsonType: "Date", display: value.text, tone: "number" };
  const inner = fieldOf(value, "$numberLong", 1);
  if (inner?.kind !== "string" || !/^-?\d+$/.test(inner.text)) return null;
  const moment = new Date(Number(inner.text));
  // BSON dates reach further than those of JavaScript; out there the milliseconds themselves are exact.
  const display = Number.isNaN(moment.getTime()) ? `${inner.text} ms` : moment.toISOString();
  return { bsonType: "Date", display, tone: "number" };
}

const hexShown = 8;
/** Enough base64 for a whole UUID; a multiple of four. */
const headCharacters = 24;

function binary(value: JsonNode): BsonValue | null {
  const base64 = fieldOf(value, "base64", 2);
  const subType = fieldOf(value, "subType", 2);
  if (base64?.kind !== "string" || subType?.kind !== "string" || !/^[\da-f]{1,2}$/i.test(subType.text)) return null;
  const length = base64Length(base64.text);
  if (length === null) return null;
  const head = base64ToBytes(base64.text.slice(0, headCharacters));
  const kind = Number.parseInt(subType.text, 16);
  if (kind === 4 && length === 16) return { bsonType: "UUID", display: uuidOf(bytesToHex(head)), tone: "bytes" };
  const shown = bytesToHex(head.subarray(0, hexShown));
  return { bsonType: `Binary ${kind}, ${length} B`, display: length > hexShown ? `${shown}…` : shown, tone: "bytes" };
}

function uuidOf(hex: string): string {
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join("-");
}

/** Bytes that a base64 text stands for; null when it is not base64 with padding. */
function base64Length(text: string): number | null {
  if (text.length % 4 !== 0 || !/^[A-Za-z\d+/]*={0,2}$/.test(text)) return null;
  return (text.length / 4) * 3 - (text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0);
}

function codeWithScope(code: JsonNode, scope: JsonNode): BsonValue | null {
  return code.kind === "string" && scope.kind === "object" ? { bsonType: "Code with scope", display: code.text, tone: "string" } : null;
}

/** A field of an object that has exactly `fields` fields. */
function fieldOf(node: JsonNode, key: string, fields: number): JsonNode | null {
  if (node.kind !== "object" || node.entries.length !== fields) return null;
  return node.entries.find((entry: JsonEntry) => entry.key === key)?.value ?? null;
}
