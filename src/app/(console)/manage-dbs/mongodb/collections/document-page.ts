import "server-only";

import type { FindCursor } from "mongodb";

import type { DocumentsPage, DocumentView } from "@/app/(console)/manage-dbs/mongodb/collections/collections.schema";
import {
  compareTies,
  cursorOf,
  NO_ID_NOTICE,
  type Paging,
  type Phase,
  type Position,
  positionsOf,
  tiesPhase,
} from "@/app/(console)/manage-dbs/mongodb/collections/document-paging";
import { documentView } from "@/app/(console)/manage-dbs/mongodb/collections/document-view";
import type { OrderedDocument } from "@/app/(console)/manage-dbs/mongodb/ejson-values";
import { rawBatches } from "@/app/(console)/manage-dbs/mongodb/mongodb.raw";
import { LIMITS } from "@/server/limits";

/** Documents up to this size travel whole in a page; longer ones are cut to about `PAGE_TEXT_MAX` characters. */
const PAGE_WHOLE_BYTES_MAX = 16 * 1024;
const PAGE_TEXT_MAX = 24 * 1024;
/** A page ends early once this much was read: a hundred documents of 16 MB must not pass through the console. */
const PAGE_RAW_BYTES_MAX = 48 * 1024 * 1024;
const ID: Paging["fields"] = [{ path: "_id", direction: 1 }];

export interface PageQuery {
  filter: OrderedDocument;
  sort: Map<string, 1 | -1>;
  limit: number;
  batchSize: number;
  projection?: OrderedDocument;
}

interface PageRun {
  find(query: PageQuery): FindCursor;
  phases: Phase[];
  paging: Paging;
  limit: number;
}

type Page = Pick<DocumentsPage, "documents" | "nextCursor" | "notice">;

interface Taken {
  view: DocumentView;
  bytes: number;
  /** Null where the document cannot be paged past. */
  positions: Position[] | null;
  /** Its `_id`, null where it has none that can be sent back. */
  id: Position | null;
  notice: string;
}

/** Reads phase after phase until the page is full, and says where the next one goes on. */
export async function readPage(run: PageRun): Promise<Page> {
  const taken: Taken[] = [];
  for (const phase of run.phases) {
    const next = await readPhase(run, { phase, taken });
    if (!next) continue;
    if (!phase.hasTies) return endOf(run, { taken, among: phase.sort.has("_id") && !run.paging.unique });
    return endAmongTies(run, { taken, next });
  }
  return { documents: taken.map((entry) => entry.view), nextCursor: null, notice: null };
}

/** Adds what one query finds. @returns the first document that has no room on the page, or null when the query is exhausted */
async function readPhase(run: PageRun, state: { phase: Phase; taken: Taken[] }): Promise<Taken | null> {
  const { phase, taken } = state;
  const wanted = run.limit - taken.length + 1;
  const cursor = run.find({ filter: phase.filter, sort: phase.sort, limit: wanted, batchSize: wanted });
  for await (const batch of rawBatches(cursor)) {
    for (const document of batch) {
      const entry = take(document, run.paging);
      if (isFull(run, taken)) return entry;
      taken.push(entry);
    }
  }
  return null;
}

function take(document: Buffer, paging: Paging): Taken {
  const positions = positionsOf(document, paging.fields);
  const id = positionsOf(document, ID);
  return {
    view: documentView(document, { wholeBytesMax: PAGE_WHOLE_BYTES_MAX, textMax: PAGE_TEXT_MAX }),
    bytes: document.length,
    positions: "notice" in positions ? null : positions,
    id: "notice" in id ? null : (id[0] ?? null),
    notice: "notice" in positions ? positions.notice : NO_ID_NOTICE,
  };
}

function isFull(run: PageRun, taken: Taken[]): boolean {
  if (taken.length >= run.limit) return true;
  const bytes = taken.reduce((sum, entry) => sum + entry.bytes, 0);
  const text = taken.reduce((sum, entry) => sum + entry.view.text.length, 0);
  return bytes > PAGE_RAW_BYTES_MAX || text > LIMITS.resultBytesMax - PAGE_TEXT_MAX * 2;
}

/** @param state.among the page ends among documents that are equal in the sort, in the order of `_id` */
function endOf(run: PageRun, state: { taken: Taken[]; among: boolean }): Page {
  const documents = state.taken.map((entry) => entry.view);
  const last = state.taken.at(-1);
  if (!last) return { documents, nextCursor: null, notice: null };
  if (!last.positions || (state.among && !last.id)) return { documents, nextCursor: null, notice: last.notice };
  // A view may repeat an _id ($unwind), and what shares one with the last document would be passed over.
  if (run.paging.unique && documents.some((view, index) => view.key !== null && view.key === documents[index - 1]?.key)) {
    return {
      documents,
      nextCursor: null,
      notice: "Several documents here share an _id, so pages cannot follow it: only the first page can be shown. Narrow the filter to see others.",
    };
  }
  return { documents, nextCursor: cursorOf(run.paging, { positions: last.positions, id: state.among ? last.id : null }), notice: null };
}

/**
 * The page is full, and `next` has no room. When it is equal to the last document in the sort, those equal ones are taken back
 * and read again in the order of `_id`, so that the next page can go on among them.
 */
async function endAmongTies(run: PageRun, state: { taken: Taken[]; next: Taken }): Promise<Page> {
  const { taken, next } = state;
  const last = taken.at(-1);
  if (!last?.positions) return endOf(run, { taken, among: false });
  if (next.positions && compareTies(last.positions, next.positions) === "different") return endOf(run, { taken, among: false });
  const equal = await equalOnes(run, { candidates: [...taken, next], positions: last.positions });
  if (!equal.has(next)) return endOf(run, { taken, among: false });

  const kept = taken.filter((entry) => !equal.has(entry));
  const before = kept.length;
  const more = await readPhase(run, { phase: tiesPhase(run.paging.fields, last.positions), taken: kept });
  return endOf(run, { taken: kept, among: more !== null && kept.length > before });
}

/** Which of the documents the server holds for equal to a place in the sort. */
async function equalOnes(run: PageRun, state: { candidates: Taken[]; positions: Position[] }): Promise<Set<Taken>> {
  const { candidates, positions } = state;
  const equal = new Set<Taken>();
  const unsure: Taken[] = [];
  for (const candidate of candidates) {
    const answer = candidate.positions ? compareTies(positions, candidate.positions) : "ask";
    if (answer === "same") equal.add(candidate);
    else if (answer === "ask") unsure.push(candidate);
  }
  const ids = unsure.flatMap((candidate) => (candidate.id ? [candidate.id.value] : []));
  if (ids.length === 0) return equal;
  const { filter, sort } = tiesPhase(run.paging.fields, positions, new Map([["_id", new Map([["$in", ids]])]]));
  const found = new Set<string>();
  for await (const batch of rawBatches(run.find({ filter, sort, limit: ids.length, batchSize: ids.length, projection: new Map([["_id", 1]]) }))) {
    for (const document of batch) found.add(idText(document));
  }
  for (const candidate of unsure) if (candidate.id && found.has(packedText(candidate.id))) equal.add(candidate);
  return equal;
}

function idText(document: Buffer): string {
  const id = positionsOf(document, ID);
  return "notice" in id ? "" : packedText(id[0]);
}

const packedText = (position: Position | undefined): string => position?.packed.toString("base64") ?? "";
