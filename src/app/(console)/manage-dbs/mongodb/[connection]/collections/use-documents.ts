"use client";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { trpc, type RouterOutputs } from "@/trpc/client";
import { findInput, type CollectionAddress, type Find } from "./collections.state";

export type DocumentView = RouterOutputs["mongodb"]["collections"]["document"];

/** Held in one page at most: more is for a filter, or an export. */
export const DOCUMENTS_HELD_MAX = 2_000;

const PAGE_DOCUMENTS = { tree: 20, table: 100 } as const;

/** Documents that match, page by page by key. */
export function useDocuments(address: CollectionAddress, find: Find, form: keyof typeof PAGE_DOCUMENTS) {
  const utilities = trpc.useUtils();
  const input = { ...address, ...findInput(find), limit: PAGE_DOCUMENTS[form] };
  const query = useInfiniteQuery({
    queryKey: ["mongodb", "documents", input],
    queryFn: ({ pageParam, signal }) =>
      utilities.client.mongodb.collections.documents.query({ ...input, ...(pageParam ? { after: pageParam } : {}) }, { signal }),
    initialPageParam: "",
    getNextPageParam: (last) => last.nextCursor,
    staleTime: 10_000,
  });
  const documents = useMemo(() => (query.data?.pages ?? []).flatMap((page) => page.documents), [query.data]);
  const last = query.data?.pages.at(-1);
  const full = query.hasNextPage && documents.length >= DOCUMENTS_HELD_MAX;
  return { query, documents, last, full, hasMore: query.hasNextPage && !full };
}

/** A document that came cut, asked for whole. */
export function useWholeDocument(address: CollectionAddress): (key: string) => Promise<DocumentView> {
  const utilities = trpc.useUtils();
  return (key) => utilities.client.mongodb.collections.document.query({ ...address, key });
}
