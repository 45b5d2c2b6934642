import { QueryClient } from "@tanstack/react-query";

/** Only data that is there is sent along: what the server renders and what the browser starts from are the same. */
export function makeQueryClient(): QueryClient {
  return new QueryClient({ defaultOptions: { queries: { staleTime: 10_000, retry: false, refetchOnWindowFocus: false } } });
}
