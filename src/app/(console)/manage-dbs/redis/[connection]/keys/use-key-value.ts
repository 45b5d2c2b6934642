"use client";
import { keepPreviousData, useInfiniteQuery, useQueryClient, type InfiniteData } from "@tanstack/react-query";
import { useState } from "react";
import type { ReadableError } from "@/components/query-error";
import { trpc, type RouterOutputs } from "@/trpc/client";
import type { RedisBytes } from "../../redis.schema";
import { addressOf } from "./key-names";

type KeyDetail = RouterOutputs["redis"]["keys"]["get"];

export interface KeyValuePages {
  /** The first page: what is said of the key as a whole. */
  detail: KeyDetail | undefined;
  pages: readonly KeyDetail[];
  error: ReadableError | null;
  gone: boolean;
  hasMore: boolean;
  loadingMore: boolean;
  refreshing: boolean;
  match: string;
  search: (match: string) => void;
  loadMore(): Promise<{ hasMore: boolean }>;
  /** From the first page again. */
  refresh: () => void;
}

/** A key and the pages of its value that were asked for. */
export function useKeyValue({ connection, db, name }: { connection: string; db: number; name: RedisBytes }): KeyValuePages {
  const utilities = trpc.useUtils();
  const client = useQueryClient();
  const [match, setMatch] = useState("");
  const address = addressOf(name) ?? { key: "", encoding: "utf8" as const };
  const input = { connection, db, ...address, ...(match === "" ? {} : { match }) };
  const queryKey = ["redis", "key", input];
  const query = useInfiniteQuery({
    queryKey,
    queryFn: ({ pageParam, signal }) => utilities.client.redis.keys.get.query({ ...input, ...(pageParam ? { cursor: pageParam } : {}) }, { signal }),
    initialPageParam: "",
    getNextPageParam: (last) => last.nextCursor,
    placeholderData: keepPreviousData,
    staleTime: 5_000,
  });
  const error = query.error as ReadableError | null;
  const pages = query.data?.pages ?? [];
  return {
    detail: pages[0],
    pages,
    error,
    gone: error?.data?.app === "NOT_FOUND",
    hasMore: query.hasNextPage,
    loadingMore: query.isFetchingNextPage,
    refreshing: query.isFetching && !query.isFetchingNextPage,
    match,
    search: setMatch,
    loadMore: async () => ({ hasMore: (await query.fetchNextPage()).hasNextPage }),
    refresh: () => {
      client.setQueryData<InfiniteData<KeyDetail, string>>(
        queryKey,
        (data) => data && { pages: data.pages.slice(0, 1), pageParams: data.pageParams.slice(0, 1) },
      );
      void query.refetch();
    },
  };
}
