import { defaultShouldDehydrateQuery, QueryClient } from "@tanstack/react-query";

/** Pending queries are sent along, so that a page streams its data instead of waiting for it. */
export function makeQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: { staleTime: 10_000, retry: false, refetchOnWindowFocus: false },
      dehydrate: { shouldDehydrateQuery: (query) => defaultShouldDehydrateQuery(query) || query.state.status === "pending" },
    },
  });
}
