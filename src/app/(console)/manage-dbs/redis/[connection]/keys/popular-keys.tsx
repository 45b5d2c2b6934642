"use client";
import { RefreshCw } from "lucide-react";
import { QueryError } from "@/components/query-error";
import { BinaryText } from "@/components/key-tree/binary-name";
import { TypeBadge } from "@/components/ui/badge";
import { IconButton } from "@/components/ui/button";
import { classNames } from "@/components/ui/class-names";
import { LinesSkeleton } from "@/components/ui/skeleton";
import { EmptyState } from "@/components/ui/states";
import { formatBytes, formatCount, formatDurationShort } from "@/lib/format";
import { trpc, type RouterOutputs } from "@/trpc/client";
import type { RedisBytes } from "../../redis.schema";
import { DatabaseSelect, ListSwitch, type KeyListHeadProps } from "./key-list-head";
import { addressOf, bytesOf, shownName } from "./key-names";

const KEYS_SHOWN = 100;

interface PopularKeysProps extends KeyListHeadProps {
  connection: string;
  open: RedisBytes | null;
  onOpen: (name: RedisBytes) => void;
}

/** The keys used most, of a bounded sample: by frequency where the server counts it, else by when they were last read. */
export function PopularKeys({ connection, db, open, onOpen, list, onList, onDatabase }: PopularKeysProps) {
  const query = trpc.redis.keys.popular.useQuery({ connection, db, count: KEYS_SHOWN });
  const databases = trpc.redis.keys.list.useQuery({ connection, db, count: 1 }, { staleTime: 60_000 });
  const openName = open ? shownName(open) : null;
  return (
    <>
      <div className="flex shrink-0 items-center gap-2 p-3">
        <ListSwitch list={list} onList={onList} />
        <IconButton label="Look again" size="sm" className="ml-auto" onClick={() => void query.refetch()}>
          <RefreshCw aria-hidden />
        </IconButton>
        <DatabaseSelect db={db} about={databases.data ?? null} onDatabase={onDatabase} />
      </div>
      {query.data ? (
        <>
          <p className="shrink-0 border-b border-line px-4 pb-2 text-12 text-fg-2">{explain(query.data)}</p>
          {query.data.keys.length === 0 ? <EmptyState title={`db${db} holds no keys`} /> : null}
          <ol className="min-h-0 grow overflow-y-auto py-1" aria-label="Most used keys">
            {query.data.keys.map((key) => {
              const shown = shownName(key.name);
              return (
                <li key={shown}>
                  <button
                    type="button"
                    disabled={addressOf(key.name) === null}
                    aria-current={shown === openName ? "true" : undefined}
                    onClick={() => onOpen(key.name)}
                    className={classNames(
                      "flex h-7 w-full items-center gap-2 border-l-2 pr-3 pl-3 text-12 -outline-offset-2",
                      shown === openName ? "border-accent bg-accent-soft text-accent-text" : "border-transparent hover:bg-hover",
                    )}
                  >
                    <span title={shown} className="min-w-0 grow truncate text-left font-mono">
                      {shown === "" ? <span className="text-fg-3">''</span> : <BinaryText bytes={bytesOf(key.name)} />}
                    </span>
                    <span className="shrink-0 text-fg-2">
                      {key.frequency === null ? `${formatDurationShort(key.idleSeconds ?? 0)} ago` : formatCount(key.frequency)}
                    </span>
                    <span className="w-16 shrink-0 text-right text-fg-3">{key.memoryBytes === null ? "" : formatBytes(key.memoryBytes)}</span>
                    <TypeBadge className="w-14 truncate">{key.type}</TypeBadge>
                  </button>
                </li>
              );
            })}
          </ol>
        </>
      ) : query.error ? (
        <QueryError className="grow" error={query.error} onRetry={() => void query.refetch()} retrying={query.isFetching} />
      ) : (
        <LinesSkeleton lines={10} />
      )}
    </>
  );
}

function explain({ by, evictionPolicy, sampled, keysEstimate }: RouterOutputs["redis"]["keys"]["popular"]): string {
  const out = sampled >= keysEstimate ? `all ${formatCount(keysEstimate)} keys` : `a sample of ${formatCount(sampled)} of ~${formatCount(keysEstimate)} keys`;
  if (by === "frequency") return `By frequency, a logarithmic count from 0 to 255, out of ${out}.`;
  return `By last access, out of ${out}. Frequency is counted only under an LFU policy${evictionPolicy === null ? "" : `; this server has ${evictionPolicy}`}.`;
}
