import "server-only";

import { AppError } from "@/server/errors";

import { EjsonError, type JsonNode, type ObjectNode, parseJsonTree, positionText } from "@/app/(console)/manage-dbs/mongodb/ejson-parse";
import { nodeToDocument, type OrderedDocument, wrapperOf } from "@/app/(console)/manage-dbs/mongodb/ejson-values";
import { checkOperators } from "@/app/(console)/manage-dbs/mongodb/filter-rules";

/** Text a person typed to a filter, a sort or a projection that is safe to send. Everything else is refused with its position. */

const TEXT_BYTES_MAX = 100 * 1024;
const DEPTH_MAX = 50;
const SORT_FIELDS_MAX = 5;

export interface SortField {
  path: string;
  direction: 1 | -1;
}

/** @throws AppError INVALID naming line and column */
export function parseFilter(text: string | undefined): OrderedDocument {
  return parse(text, "filter", (node) => {
    checkOperators(node, "filter");
    return nodeToDocument(node);
  });
}

/** @throws AppError INVALID unless it is an object of at most five paths, each 1 or -1 */
export function parseSort(text: string | undefined): SortField[] {
  return parse(text, "sort", (node) => {
    if (node.entries.length > SORT_FIELDS_MAX) throw new EjsonError(`At most ${SORT_FIELDS_MAX} fields can be sorted by`, node.at);
    const fields = node.entries.map(({ key, at, value }) => {
      checkPath(key, at);
      return { path: key, direction: directionOf(value) };
    });
    if (new Set(fields.map((field) => field.path)).size < fields.length) throw new EjsonError("A field stands here twice", node.at);
    return fields;
  });
}

/** @throws AppError INVALID; `_id` cannot be left out, because pages follow it */
export function parseProjection(text: string | undefined): OrderedDocument {
  return parse(text, "projection", (node) => {
    checkOperators(node, "projection");
    for (const { key, at, value } of node.entries) {
      checkPath(key, at);
      if (key === "_id" && !isOne(value)) throw new EjsonError("_id stays in the projection: pages and documents are found by it", at);
    }
    return nodeToDocument(node);
  });
}

function parse<T>(text: string | undefined, what: string, read: (node: ObjectNode) => T): T {
  const source = text === undefined || text.trim() === "" ? "{}" : text;
  if (Buffer.byteLength(source) > TEXT_BYTES_MAX) throw new AppError("LIMIT_EXCEEDED", `The ${what} is longer than 100 KiB`, { fix: "Shorten it." });
  try {
    const node = parseJsonTree(source, { depthMax: DEPTH_MAX });
    if (node.kind !== "object" || wrapperOf(node)) throw new EjsonError(`A ${what} is an object in braces, for example {"name": 1}`, node.at);
    return read(node);
  } catch (error) {
    if (!(error instanceof EjsonError)) throw error;
    throw new AppError("INVALID", `The ${what} cannot be used: ${error.message} (${positionText(source, error.at)})`, {
      fix: 'Write it as Extended JSON, for example {"status": "sent", "at": {"$gte": {"$date": "2026-01-31"}}}.',
      cause: error,
    });
  }
}

function checkPath(path: string, at: number): void {
  const bad = path === "" || path.includes("\0") || path.split(".").some((part) => part === "" || part.startsWith("$") || part === "__proto__");
  if (bad) throw new EjsonError(`${JSON.stringify(path)} is not a field path`, at);
}

function numberOf(node: JsonNode): number {
  if (node.kind === "number") return Number(node.text);
  const wrapped = node.kind === "object" && wrapperOf(node) ? node.entries[0] : undefined;
  return wrapped?.key.startsWith("$number") && wrapped.value.kind === "string" ? Number(wrapped.value.value) : Number.NaN;
}

function directionOf(node: JsonNode): 1 | -1 {
  const number = numberOf(node);
  if (number === 1 || number === -1) return number;
  throw new EjsonError("The order of a field is 1 or -1", node.at);
}

const isOne = (node: JsonNode): boolean => (node.kind === "literal" ? node.value === true : numberOf(node) === 1);
