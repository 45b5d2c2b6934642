import "server-only";

import { Binary, BSONRegExp, BSONSymbol, Code, Decimal128, Double, Int32, Long, MaxKey, MinKey, ObjectId, Timestamp } from "mongodb";

import { EjsonError, type JsonNode, type ObjectNode } from "@/app/(console)/manage-dbs/mongodb/ejson-parse";

/** What a command may carry: Maps keep the order of keys, the driver's classes keep the type of numbers. */
export type OrderedDocument = Map<string, unknown>;

interface Wrapper {
  /** Every key that must be there, in any order, and no other. */
  keys: string[];
  read: (node: ObjectNode) => unknown;
}

const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;
const DATE_TEXT = /^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})?)?$/;

/**
 * Extended JSON, canonical or relaxed, to values for a command: objects become Maps, so the order of keys is exactly as
 * written. Numbers without a tag are int32, int64 or double as they fit and are spelled.
 * @throws EjsonError at a malformed type tag, a duplicate key, or a type no driver can send (undefined, DBPointer)
 */
export function nodeToValue(node: JsonNode): unknown {
  switch (node.kind) {
    case "literal":
    case "string":
      return node.value;
    case "number":
      return numberValue(node.text);
    case "array":
      return node.items.map(nodeToValue);
    case "object": {
      const wrapper = wrapperOf(node);
      return wrapper ? wrapper.read(node) : nodeToDocument(node);
    }
  }
}

export function nodeToDocument(node: ObjectNode): OrderedDocument {
  const document: OrderedDocument = new Map();
  for (const entry of node.entries) {
    if (document.has(entry.key)) throw new EjsonError(`${JSON.stringify(entry.key)} stands here twice`, entry.at);
    document.set(entry.key, nodeToValue(entry.value));
  }
  return document;
}

/** The type tag an object is ({"$oid": …}, {"$date": …}), or undefined when it is a plain document. */
export function wrapperOf(node: ObjectNode): Wrapper | undefined {
  const first = node.entries[0]?.key;
  if (first === undefined || !first.startsWith("$")) return undefined;
  const keys = node.entries.map((entry) => entry.key).sort();
  return WRAPPERS.find((wrapper) => wrapper.keys.length === keys.length && wrapper.keys.every((key, index) => key === keys[index]));
}

const WRAPPERS: Wrapper[] = [
  { keys: ["$oid"], read: (node) => new ObjectId(textOf(node, "$oid", /^[0-9a-fA-F]{24}$/)) },
  { keys: ["$symbol"], read: (node) => new BSONSymbol(textOf(node, "$symbol")) },
  { keys: ["$numberInt"], read: (node) => new Int32(Number(integerOf(node, "$numberInt", { least: -2_147_483_648n, most: 2_147_483_647n }))) },
  { keys: ["$numberLong"], read: (node) => Long.fromBigInt(integerOf(node, "$numberLong", { least: INT64_MIN, most: INT64_MAX })) },
  {
    keys: ["$numberDouble"],
    read: (node) => new Double(Number(textOf(node, "$numberDouble", /^(?:-?Infinity|NaN|-?[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?)$/))),
  },
  { keys: ["$numberDecimal"], read: (node) => decimalOf(node) },
  { keys: ["$binary"], read: (node) => binaryOf(node) },
  {
    keys: ["$uuid"],
    read: (node) => new Binary(Buffer.from(textOf(node, "$uuid", /^[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$/).replaceAll("-", ""), "hex"), 4),
  },
  { keys: ["$code"], read: (node) => new Code(textOf(node, "$code")) },
  { keys: ["$code", "$scope"], read: (node) => new Code(textOf(node, "$code"), nodeToDocument(objectOf(node, "$scope"))) },
  { keys: ["$timestamp"], read: (node) => timestampOf(objectOf(node, "$timestamp")) },
  { keys: ["$regularExpression"], read: (node) => regexOf(objectOf(node, "$regularExpression")) },
  { keys: ["$date"], read: (node) => dateOf(node) },
  { keys: ["$minKey"], read: () => new MinKey() },
  { keys: ["$maxKey"], read: () => new MaxKey() },
  { keys: ["$undefined"], read: (node) => refuse(node, 'undefined cannot be sent; look for it with {"$type": 6}') },
  { keys: ["$dbPointer"], read: (node) => refuse(node, 'A DBPointer cannot be sent; look for it with {"$type": 12}') },
];

function refuse(node: JsonNode, message: string): never {
  throw new EjsonError(message, node.at);
}

function numberValue(text: string): Int32 | Long | Double {
  if (!/^-?[0-9]+$/.test(text) || text === "-0") return new Double(Number(text));
  const integer = BigInt(text);
  if (integer >= -2_147_483_648n && integer <= 2_147_483_647n) return new Int32(Number(integer));
  if (integer >= INT64_MIN && integer <= INT64_MAX) return Long.fromBigInt(integer);
  return new Double(Number(text));
}

function member(node: ObjectNode, key: string): JsonNode {
  return node.entries.find((entry) => entry.key === key)?.value ?? refuse(node, `${key} is missing here`);
}

function textOf(node: ObjectNode, key: string, pattern?: RegExp): string {
  const value = member(node, key);
  if (value.kind !== "string" || (pattern && !pattern.test(value.value))) return refuse(value, `${key} has a malformed value`);
  return value.value;
}

function objectOf(node: ObjectNode, key: string): ObjectNode {
  const value = member(node, key);
  return value.kind === "object" ? value : refuse(value, `${key} needs an object`);
}

function integerOf(node: ObjectNode, key: string, range: { least: bigint; most: bigint }): bigint {
  const integer = BigInt(textOf(node, key, /^-?[0-9]{1,20}$/));
  return integer >= range.least && integer <= range.most ? integer : refuse(node, `${key} is out of range`);
}

function decimalOf(node: ObjectNode): Decimal128 {
  const text = textOf(node, "$numberDecimal");
  try {
    return Decimal128.fromString(text);
  } catch {
    return refuse(node, "$numberDecimal has more than 34 digits or is not a number");
  }
}

function binaryOf(node: ObjectNode): Binary {
  const inner = objectOf(node, "$binary");
  return new Binary(
    Buffer.from(textOf(inner, "base64", /^[A-Za-z0-9+/]*={0,2}$/), "base64"),
    Number.parseInt(textOf(inner, "subType", /^[0-9a-fA-F]{1,2}$/), 16),
  );
}

function timestampOf(node: ObjectNode): Timestamp {
  const part = (key: string): number => {
    const value = member(node, key);
    const number = value.kind === "number" ? Number(value.text) : Number.NaN;
    return Number.isInteger(number) && number >= 0 && number <= 0xff_ff_ff_ff ? number : refuse(value, `$timestamp.${key} must be a whole number of 32 bits`);
  };
  return new Timestamp({ t: part("t"), i: part("i") });
}

function regexOf(node: ObjectNode): BSONRegExp {
  try {
    return new BSONRegExp(textOf(node, "pattern"), textOf(node, "options"));
  } catch {
    return refuse(node, "The regular expression or its options are not valid");
  }
}

function dateOf(node: ObjectNode): Date {
  const value = member(node, "$date");
  let date: Date;
  if (value.kind === "object") date = new Date(Number(integerOf(value, "$numberLong", { least: INT64_MIN, most: INT64_MAX })));
  else if (value.kind === "number") date = new Date(Number(value.text));
  else date = new Date(dateText(textOf(node, "$date", DATE_TEXT)));
  return Number.isNaN(date.getTime()) ? refuse(value, "$date is not a date a driver can send (years -271821 to 275760)") : date;
}

/** Without a zone a time is UTC, not the zone of the machine the console runs on. */
function dateText(text: string): string {
  return text.includes("T") && !/(?:Z|[+-]\d{2}:?\d{2})$/.test(text) ? `${text}Z` : text;
}
