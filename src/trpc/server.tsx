import "server-only";
/** The router for server components: prefetch here, the panel reads the same query without a second call. */
import { createHydrationHelpers } from "@trpc/react-query/rsc";
import { headers } from "next/headers";
import { cache } from "react";
import { createContext } from "@/trpc/context";
import { makeQueryClient } from "@/trpc/query-client";
import { type AppRouter, createCaller } from "@/trpc/root";

const getQueryClient = cache(makeQueryClient);
// Cached per request, else each prefetch would look the session up again.
const caller = createCaller(cache(async () => createContext(new Headers(await headers()), { allowToken: false })));

export const { trpc: api, HydrateClient } = createHydrationHelpers<AppRouter>(caller, getQueryClient);

/** What a page may wait for its data before it is sent without: the panel then shows its skeleton and asks by itself. */
const PREFETCH_MS = 1_000;

/** Waits for prefetches, bounded: `await prefetched(api.jobs.list.prefetch({}))`. One that fails is asked again by its panel, which shows why. */
export async function prefetched(...queries: Promise<unknown>[]): Promise<void> {
  const limit = new Promise<void>((resolve) => setTimeout(resolve, PREFETCH_MS).unref());
  await Promise.race([Promise.allSettled(queries), limit]);
}
