"use client";
import { useEffect, useMemo, useSyncExternalStore } from "react";
import { trpc } from "@/trpc/client";
import { KeyScan, type ScanState } from "./key-scan";
import { FIRST_PAGE_KEYS, keysState, type ScanFilter } from "./keys.state";

const LATER_PAGE_KEYS = 2_000;

/** The scan of one filter; another filter is another scan. It ends when the component goes. */
export function useKeyScan(connection: string, { db, pattern, type }: ScanFilter): [KeyScan, ScanState] {
  const utilities = trpc.useUtils();
  const scan = useMemo(() => {
    const input = { connection, ...keysState.input({ db, pattern, type }) };
    return new KeyScan(async (cursor, { signal, isAgain }) => {
      if (cursor !== null) return utilities.client.redis.keys.list.query({ ...input, cursor, count: LATER_PAGE_KEYS }, { signal });
      // The first page may have come with the document.
      return utilities.redis.keys.list.fetch({ ...input, count: FIRST_PAGE_KEYS }, isAgain ? { staleTime: 0 } : {});
    });
  }, [utilities, connection, db, pattern, type]);
  useEffect(() => {
    scan.begin();
    return scan.stop;
  }, [scan]);
  return [scan, useSyncExternalStore(scan.subscribe, scan.state, scan.state)];
}
