import "server-only";

import type { Collection } from "mongodb";

import { toCutEjson } from "@/app/(console)/manage-dbs/mongodb/bson-ejson";
import { BsonError, findTopLevel, packValue, unpackValue } from "@/app/(console)/manage-dbs/mongodb/bson-walk";
import { toDriverValue } from "@/app/(console)/manage-dbs/mongodb/bson-values";
import type {
  CollectionName,
  CountResult,
  DocumentsInput,
  DocumentsPage,
  DocumentView,
} from "@/app/(console)/manage-dbs/mongodb/collections/collections.schema";
import { conditionsAfter, cursorAfter, fullOrder } from "@/app/(console)/manage-dbs/mongodb/collections/document-paging";
import { parseFilter, parseProjection, parseSort, type SortField } from "@/app/(console)/manage-dbs/mongodb/ejson-input";
import type { OrderedDocument } from "@/app/(console)/manage-dbs/mongodb/ejson-values";
import { requireDatabase, withClient } from "@/app/(console)/manage-dbs/mongodb/mongodb.client";
import { rawBatches, rawFind } from "@/app/(console)/manage-dbs/mongodb/mongodb.raw";
import type { CallContext, Connection } from "@/server/connection";
import { AppError, throwIfCancelled } from "@/server/errors";
import { LIMITS } from "@/server/limits";

/** Documents up to this size travel whole in a page; longer ones are cut to about `PAGE_TEXT_MAX` characters. */
const PAGE_WHOLE_BYTES_MAX = 16 * 1024;
const PAGE_TEXT_MAX = 24 * 1024;
/** A page ends early once this much was read: a hundred documents of 16 MB must not pass through the console. */
const PAGE_RAW_BYTES_MAX = 48 * 1024 * 1024;
const KEY_BYTES_MAX = 64 * 1024;

/**
 * One page of documents by key: never skip, never a count. Without a sort it follows `_id`.
 * @throws AppError INVALID for a bad filter, sort, projection or cursor; TIMEOUT; UNREACHABLE
 */
export async function documents(connection: Connection, input: DocumentsInput, context: CallContext): Promise<DocumentsPage> {
  const started = performance.now();
  const filter = parseFilter(input.filter);
  const projection = parseProjection(input.projection);
  const order = fullOrder(parseSort(input.sort));
  checkProjectionKeepsOrder(projection, order);
  const conditions = input.after === undefined ? [new Map<string, unknown>()] : conditionsAfter(input.after, order);

  const page = new PageReader(input.limit, order);
  await withClient(connection, `${input.collection}: read documents`, async (client) => {
    const collection = client.db(requireDatabase(connection, input.database)).collection(input.collection);
    for (const condition of conditions) {
      if (page.full) return;
      throwIfCancelled(context.signal);
      const remainingMs = Math.max(1, Math.ceil(LIMITS.queryTimeoutMs - (performance.now() - started)));
      await page.read(collection, { filter: both(filter, condition), projection, maxTimeMS: remainingMs, signal: context.signal });
    }
  });
  return { ...page.result(), pagedBy: order.map((field) => field.path).join(", "), elapsedMs: Math.round(performance.now() - started) };
}

class PageReader {
  full = false;
  private readonly views: DocumentView[] = [];
  private readonly limit: number;
  private readonly order: SortField[];
  private rawBytes = 0;
  private textBytes = 0;
  private last: Buffer | null = null;
  private repeatedId = false;

  constructor(limit: number, order: SortField[]) {
    this.limit = limit;
    this.order = order;
  }

  /** Adds what one query finds, up to one document past the page: that one only says that there are more. */
  async read(
    collection: Collection,
    query: { filter: OrderedDocument; projection: OrderedDocument; maxTimeMS: number; signal: AbortSignal | undefined },
  ): Promise<void> {
    const wanted = this.limit - this.views.length + 1;
    const cursor = rawFind(collection, {
      ...query,
      sort: new Map(this.order.map((field) => [field.path, field.direction])),
      limit: wanted,
      batchSize: wanted,
    });
    for await (const batch of rawBatches(cursor)) {
      for (const document of batch) {
        if (this.isFull()) {
          this.full = true;
          return;
        }
        this.add(document);
      }
    }
  }

  private isFull(): boolean {
    return this.views.length >= this.limit || this.rawBytes > PAGE_RAW_BYTES_MAX || this.textBytes > LIMITS.resultBytesMax - PAGE_TEXT_MAX * 2;
  }

  private add(document: Buffer): void {
    const view = documentView(document, { wholeBytesMax: PAGE_WHOLE_BYTES_MAX, textMax: PAGE_TEXT_MAX });
    // A view may repeat an _id ($unwind), and what shares an _id with the last document would be passed over.
    if (view.key !== null && view.key === this.views.at(-1)?.key) this.repeatedId = true;
    this.views.push(view);
    this.rawBytes += document.length;
    this.textBytes += view.text.length;
    this.last = document;
  }

  result(): Pick<DocumentsPage, "documents" | "nextCursor" | "notice"> {
    if (!this.full || !this.last) return { documents: this.views, nextCursor: null, notice: null };
    if (this.repeatedId) {
      return {
        documents: this.views,
        nextCursor: null,
        notice: "Several documents here share an _id, so pages cannot follow it: only the first page can be shown. Narrow the filter to see others.",
      };
    }
    const next = cursorAfter(this.last, this.order);
    return "cursor" in next
      ? { documents: this.views, nextCursor: next.cursor, notice: null }
      : { documents: this.views, nextCursor: null, notice: next.notice };
  }
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

export function documentView(document: Buffer, limits: { wholeBytesMax: number; textMax: number }): DocumentView {
  try {
    return { key: keyOf(document), problem: null, ...toCutEjson(document, { ...limits, prefix: LIMITS.cellPrefix }) };
  } catch (error) {
    if (!(error instanceof BsonError)) throw error;
    return {
      key: safely(() => keyOf(document)),
      text: "{}",
      bytes: document.length,
      cuts: [],
      problem: `This document cannot be shown: ${error.message}. An export or a backup carries it as it is.`,
    };
  }
}

/** The opaque key of a document: its `_id` as raw bytes, so that any type comes back exactly. Null when it cannot be looked up. */
function keyOf(document: Buffer): string | null {
  const id = findTopLevel(document, "_id");
  if (!id || id.end - id.start > KEY_BYTES_MAX) return null;
  return safely(() => {
    toDriverValue(id);
    return packValue(id).toString("base64url");
  });
}

function safely<T>(run: () => T): T | null {
  try {
    return run();
  } catch (error) {
    if (error instanceof BsonError) return null;
    throw error;
  }
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
