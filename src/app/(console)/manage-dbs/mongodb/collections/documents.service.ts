import "server-only";

import { unpackValue } from "@/app/(console)/manage-dbs/mongodb/bson-walk";
import { toDriverValue } from "@/app/(console)/manage-dbs/mongodb/bson-values";
import type {
  CollectionName,
  CountResult,
  DocumentsInput,
  DocumentsPage,
  DocumentView,
} from "@/app/(console)/manage-dbs/mongodb/collections/collections.schema";
import { type PageQuery, readPage } from "@/app/(console)/manage-dbs/mongodb/collections/document-page";
import { pagingOf, phasesAfter } from "@/app/(console)/manage-dbs/mongodb/collections/document-paging";
import { documentView } from "@/app/(console)/manage-dbs/mongodb/collections/document-view";
import { parseFilter, parseProjection, parseSort, type SortField } from "@/app/(console)/manage-dbs/mongodb/ejson-input";
import type { OrderedDocument } from "@/app/(console)/manage-dbs/mongodb/ejson-values";
import { requireDatabase, withClient } from "@/app/(console)/manage-dbs/mongodb/mongodb.client";
import { rawBatches, rawFind } from "@/app/(console)/manage-dbs/mongodb/mongodb.raw";
import type { CallContext, Connection } from "@/server/connection";
import { AppError, throwIfCancelled } from "@/server/errors";
import { LIMITS } from "@/server/limits";

/**
 * One page of documents by key: never skip, never a count. Without a sort it follows `_id`.
 * @throws AppError INVALID for a bad filter, sort, projection or cursor; TIMEOUT; UNREACHABLE
 */
export async function documents(connection: Connection, input: DocumentsInput, context: CallContext): Promise<DocumentsPage> {
  const started = performance.now();
  const filter = parseFilter(input.filter);
  const projection = parseProjection(input.projection);
  const paging = pagingOf(parseSort(input.sort));
  checkProjectionKeepsOrder(projection, paging.fields);
  const phases = phasesAfter(paging, input.after);

  return withClient(connection, `${input.collection}: read documents`, async (client) => {
    const collection = client.db(requireDatabase(connection, input.database)).collection(input.collection);
    const find = (query: PageQuery) => {
      throwIfCancelled(context.signal);
      const maxTimeMS = Math.max(1, Math.ceil(LIMITS.queryTimeoutMs - (performance.now() - started)));
      return rawFind(collection, { projection, ...query, filter: both(filter, query.filter), maxTimeMS, signal: context.signal });
    };
    const page = await readPage({ find, phases, paging, limit: input.limit });
    const pagedBy = paging.fields.map((field) => field.path).join(", ");
    return { ...page, pagedBy: paging.unique ? pagedBy : `${pagedBy}, _id`, elapsedMs: Math.round(performance.now() - started) };
  });
}

/**
 * One document, whole up to 2 MiB of BSON; beyond that cut, and to be had whole as a download.
 * @throws AppError NOT_FOUND when it is gone
 */
export async function getDocument(connection: Connection, input: CollectionName & { key: string }, context: CallContext): Promise<DocumentView> {
  const document = await findByKey(connection, input, context);
  return documentView(document, { wholeBytesMax: LIMITS.valueBytesMax, textMax: 256 * 1024 });
}

/** The raw bytes of one document. */
export async function findByKey(connection: Connection, input: CollectionName & { key: string }, context: CallContext): Promise<Buffer> {
  const filter = filterOfKey(input.key);
  return withClient(connection, `${input.collection}: read a document`, async (client) => {
    const collection = client.db(requireDatabase(connection, input.database)).collection(input.collection);
    const cursor = rawFind(collection, { filter, limit: 1, maxTimeMS: LIMITS.queryTimeoutMs, signal: context.signal });
    for await (const batch of rawBatches(cursor)) {
      const [document] = batch;
      if (document) return Buffer.from(document);
    }
    throw new AppError("NOT_FOUND", `${input.collection}: this document is not there any more`, {
      fix: "Reload the page: it was deleted, or its _id changed.",
    });
  });
}

/**
 * Exact within `LIMITS.exactCountTimeoutMs`; else the server's estimate, or null when a filter leaves none.
 */
export async function countDocuments(
  connection: Connection,
  input: CollectionName & { filter?: string | undefined },
  context: CallContext,
): Promise<CountResult> {
  const started = performance.now();
  const filter = parseFilter(input.filter);
  const elapsed = () => Math.round(performance.now() - started);
  return withClient(connection, `${input.collection}: count`, async (client) => {
    const collection = client.db(requireDatabase(connection, input.database)).collection(input.collection);
    // Not every server keeps maxTimeMS, so the console stops waiting by itself.
    const deadline = AbortSignal.timeout(LIMITS.exactCountTimeoutMs + 500);
    const signal = context.signal ? AbortSignal.any([deadline, context.signal]) : deadline;
    try {
      const pipeline = [{ $match: filter }, { $group: { _id: null, n: { $sum: 1 } } }];
      const [row] = await collection.aggregate<{ n: number }>(pipeline, { maxTimeMS: LIMITS.exactCountTimeoutMs, signal }).toArray();
      return { count: Number(row?.n ?? 0), exact: true, elapsedMs: elapsed() };
    } catch (error) {
      throwIfCancelled(context.signal);
      if (!deadline.aborted && (error as { code?: unknown }).code !== 50) throw error;
    }
    const estimate = filter.size === 0 ? await collection.estimatedDocumentCount({ maxTimeMS: LIMITS.exactCountTimeoutMs }) : null;
    return { count: estimate, exact: false, elapsedMs: elapsed() };
  });
}

/** @throws AppError INVALID when the key is not one this console made */
export function filterOfKey(key: string): OrderedDocument {
  try {
    const value = toDriverValue(unpackValue(Buffer.from(key, "base64url")));
    const isNaNKey = typeof value === "object" && value !== null && "value" in value && Number.isNaN(value.value);
    return new Map([["_id", isNaNKey ? value : new Map([["$eq", value]])]]);
  } catch (error) {
    throw new AppError("INVALID", "This document key is damaged", { fix: "Open the document from its list.", cause: error });
  }
}

function both(filter: OrderedDocument, condition: OrderedDocument): OrderedDocument {
  if (condition.size === 0) return filter;
  return filter.size === 0 ? condition : new Map([["$and", [filter, condition]]]);
}

/** Pages follow the sorted fields, so a projection must leave them as they are. */
function checkProjectionKeepsOrder(projection: OrderedDocument, order: readonly SortField[]): void {
  if (projection.size === 0) return;
  const inclusive = [...projection].some(([path, value]) => path !== "_id" && isTrue(value));
  for (const { path } of order) {
    if (path === "_id") continue;
    const touching = [...projection].filter(([name]) => name === path || name.startsWith(`${path}.`) || path.startsWith(`${name}.`));
    const kept = inclusive ? touching.some(([name, value]) => (name === path || path.startsWith(`${name}.`)) && isTrue(value)) : touching.length === 0;
    if (!kept) {
      throw new AppError("INVALID", `The projection leaves out or changes ${JSON.stringify(path)}, which the sort needs`, {
        fix: `Add ${JSON.stringify(path)}: 1 to the projection, or sort by another field.`,
      });
    }
  }
}

const isTrue = (value: unknown): boolean => value === true || (typeof value === "object" && value !== null && "value" in value && Number(value.value) === 1);
