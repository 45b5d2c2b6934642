"use client";
import type { SwapView } from "@/backups/backups.schema";
import type { EngineId } from "@/engines";
import { PASSIVE, trpc } from "@/trpc/client";

const REFRESH_MS = 5_000;

/** What is kept of the restores of a connection, as it changes. */
export function useKeptRestores(engine: EngineId, connection: string, { enabled = true }: { enabled?: boolean } = {}) {
  return trpc[engine].restores.list.useQuery({ connection, limit: 100 }, { enabled, refetchInterval: REFRESH_MS, ...PASSIVE });
}

/** Neither under way nor over: it can be undone, put back again, or given up. */
export const isChangeable = ({ state }: SwapView): boolean => state === "restored" || state === "undone";

export const isUnderWay = ({ state }: SwapView): boolean => state === "swapping" || state === "exchanging";
