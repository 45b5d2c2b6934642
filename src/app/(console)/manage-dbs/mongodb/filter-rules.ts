import "server-only";

import { EjsonError, type JsonNode, type ObjectNode } from "@/app/(console)/manage-dbs/mongodb/ejson-parse";
import { wrapperOf } from "@/app/(console)/manage-dbs/mongodb/ejson-values";

/**
 * What a typed filter or projection may hold: operators from a list, so that one a later server learns is refused until it
 * was looked at. Nothing here runs JavaScript or writes: no $where, $function, $accumulator, no Code values.
 */

const words = (text: string): ReadonlySet<string> => new Set(text.split(/\s+/).map((word) => `$${word}`));

const QUERY_OPERATORS = words(
  `and or nor not expr comment text jsonSchema eq ne gt gte lt lte in nin exists type mod regex options all elemMatch size
   bitsAllSet bitsAllClear bitsAnySet bitsAnyClear geoWithin geoIntersects near nearSphere geometry maxDistance minDistance
   box center centerSphere polygon search language caseSensitive diacriticSensitive ref id db`,
);

const PROJECTION_OPERATORS = words("slice elemMatch meta");

const EXPRESSION_OPERATORS = words(
  `abs acos acosh add allElementsTrue and anyElementTrue arrayElemAt arrayToObject asin asinh atan atan2 atanh avg binarySize
   bitAnd bitNot bitOr bitXor bsonSize ceil cmp concat concatArrays cond convert cos cosh dateAdd dateDiff dateFromParts
   dateFromString dateSubtract dateToParts dateToString dateTrunc dayOfMonth dayOfWeek dayOfYear degreesToRadians divide eq
   exp filter first firstN floor getField gt gte hour ifNull in indexOfArray indexOfBytes indexOfCP isArray isNumber isoDayOfWeek
   isoWeek isoWeekYear last lastN let literal ln log log10 lt lte ltrim map max maxN mergeObjects millisecond min minN minute mod
   month multiply ne not objectToArray or pow radiansToDegrees range reduce regexFind regexFindAll regexMatch replaceAll replaceOne
   reverseArray round rtrim second setDifference setEquals setIntersection setIsSubset setUnion sin sinh size slice sortArray split
   sqrt strLenBytes strLenCP strcasecmp substr substrBytes substrCP subtract sum switch tan tanh toBool toDate toDecimal toDouble
   toInt toLong toLower toObjectId toString toUpper trim trunc tsIncrement tsSecond type week year zip`,
);

const REASONS: Record<string, string> = {
  $where: "runs JavaScript on the server; write the condition with operators, or with $expr",
  $function: "runs JavaScript on the server",
  $accumulator: "runs JavaScript on the server",
};

type Place = "filter" | "projection" | "expression";

const ALLOWED: Record<Place, ReadonlySet<string>> = {
  filter: QUERY_OPERATORS,
  projection: new Set([...PROJECTION_OPERATORS, ...QUERY_OPERATORS, ...EXPRESSION_OPERATORS]),
  expression: EXPRESSION_OPERATORS,
};

/** @throws EjsonError at the first operator that is not allowed, a Code value, or `__proto__` */
export function checkOperators(node: JsonNode, place: Place): void {
  if (node.kind === "array") for (const item of node.items) checkOperators(item, place);
  if (node.kind !== "object") return;
  const wrapper = wrapperOf(node);
  if (wrapper?.keys.includes("$code")) throw new EjsonError("JavaScript code is not allowed here", node.at);
  if (wrapper) return;
  for (const entry of node.entries) checkEntry(node, entry.key, { place, value: entry.value, at: entry.at });
}

function checkEntry(node: ObjectNode, key: string, entry: { place: Place; value: JsonNode; at: number }): void {
  if (key === "__proto__") throw new EjsonError("The name __proto__ is not allowed here", entry.at);
  if (key.startsWith("$") && !ALLOWED[entry.place].has(key)) {
    throw new EjsonError(`${key} ${REASONS[key] ?? "is not an operator this console knows"}`, entry.at);
  }
  if (entry.place === "expression" && key === "$literal") return checkOperators(entry.value, "filter");
  checkOperators(entry.value, key === "$expr" ? "expression" : entry.place);
}
