"use client";
import { QueryClientProvider, type QueryClient } from "@tanstack/react-query";
import { httpBatchStreamLink, splitLink } from "@trpc/client";
import { createTRPCReact } from "@trpc/react-query";
import type { inferRouterInputs, inferRouterOutputs } from "@trpc/server";
import { useState, type ReactNode } from "react";
import { noAnswerLink } from "@/trpc/no-answer-link";
import { makeQueryClient } from "@/trpc/query-client";
import type { AppRouter } from "@/trpc/root";

export const trpc = createTRPCReact<AppRouter>();
export type RouterInputs = inferRouterInputs<AppRouter>;
export type RouterOutputs = inferRouterOutputs<AppRouter>;

/** For queries a page repeats by itself: they do not keep an unattended session alive. */
export const PASSIVE = { trpc: { context: { passive: true } } } as const;

let browserClient: QueryClient | undefined;
const queryClient = (): QueryClient => (typeof window === "undefined" ? makeQueryClient() : (browserClient ??= makeQueryClient()));

/** Absolute on the server, where nothing is ever fetched through it but the link must be built. */
const url = (): string => (typeof window === "undefined" ? "http://127.0.0.1/api/trpc" : "/api/trpc");

export function TrpcProvider({ children }: { children: ReactNode }) {
  const client = queryClient();
  const [trpcClient] = useState(() =>
    trpc.createClient({
      links: [
        noAnswerLink,
        splitLink({
          condition: (operation) => operation.context["passive"] === true,
          true: httpBatchStreamLink({ url: url(), maxItems: 10, headers: { "x-console": "1", "x-console-passive": "1" } }),
          false: httpBatchStreamLink({ url: url(), maxItems: 10, headers: { "x-console": "1" } }),
        }),
      ],
    }),
  );
  return (
    <trpc.Provider client={trpcClient} queryClient={client}>
      <QueryClientProvider client={client}>{children}</QueryClientProvider>
    </trpc.Provider>
  );
}
