"use client";
import { RefreshCw } from "lucide-react";
import { useEffect, useRef } from "react";
import { KeyTree } from "@/components/key-tree/key-tree";
import { QueryError, type ReadableError } from "@/components/query-error";
import { useShortcuts } from "@/components/shell/shortcuts";
import { Button, IconButton, TextButton } from "@/components/ui/button";
import { Progress } from "@/components/ui/progress";
import { LinesSkeleton } from "@/components/ui/skeleton";
import { EmptyState } from "@/components/ui/states";
import { useToast } from "@/components/ui/toast";
import { formatCount, formatElapsed } from "@/lib/format";
import type { TreeKey } from "@/lib/key-tree";
import type { RedisBytes } from "../../redis.schema";
import { DatabaseSelect, ListSwitch, type KeyListHeadProps } from "./key-list-head";
import { KeyFilter } from "./key-filter";
import { addressOf, isGlob } from "./key-names";
import { KEYS_HELD_MAX, type KeyScan, type ScanState } from "./key-scan";
import { KeysExportMenu } from "./keys-export";
import type { ScanFilter } from "./keys.state";
import { useKeyScan } from "./use-key-scan";

export interface KeyListProps extends KeyListHeadProps {
  connection: string;
  filter: ScanFilter;
  onFilter: (change: Partial<ScanFilter> & { key?: null; encoding?: null }) => void;
  open: RedisBytes | null;
  onOpen: (name: RedisBytes) => void;
  mayExport: boolean;
  news: KeyNews | null;
}

/** Something newer about a key, as its own view learned it. */
export interface KeyNews {
  db: number;
  key: TreeKey;
}

const SEPARATOR = ":";

/** Keys of one filter as a tree, as far as they were looked at. */
export function KeyList({ connection, filter, onFilter, db, open, onOpen, list, onList, onDatabase, mayExport, news }: KeyListProps) {
  const [scan, state] = useKeyScan(connection, filter);
  const box = useRef<HTMLDivElement>(null);
  const field = useRef<HTMLInputElement>(null);
  const toast = useToast();
  const focusTree = (): void => box.current?.querySelector<HTMLElement>("[role=tree]")?.focus();
  useShortcuts({ "/": () => field.current?.focus(), j: focusTree, k: focusTree });
  const taken = useRef<KeyNews | null>(null);
  useEffect(() => {
    if (news === null || news === taken.current) return;
    taken.current = news;
    if (news.db === db) scan.correct(news.key);
  }, [scan, news, db]);

  const choose = ({ key }: TreeKey): void => {
    if (addressOf(key)) onOpen(key);
    else toast({ title: "This name is longer than 64 KiB, so the console cannot open it", detail: "An export or a backup carries it.", tone: "amber" });
  };

  return (
    <>
      <div className="flex shrink-0 flex-col gap-2 p-3 pb-2">
        <div className="flex items-center gap-2">
          <KeyFilter field={field} filter={filter} onFilter={onFilter} onList={focusTree} />
          <DatabaseSelect db={db} about={state.about} onDatabase={onDatabase} />
        </div>
        <div className="flex items-center gap-1">
          <ListSwitch list={list} onList={onList} />
          <span className="ml-auto" />
          <IconButton label="Scan again" size="sm" onClick={scan.again}>
            <RefreshCw aria-hidden />
          </IconButton>
          {mayExport ? <KeysExportMenu connection={connection} filter={filter} /> : null}
        </div>
        <ScanLine scan={scan} state={state} filter={filter} />
      </div>
      <div ref={box} className="flex min-h-0 grow flex-col">
        {state.found > 0 ? (
          <KeyTree
            key={`${filter.type} ${filter.pattern} ${db} ${state.generation}`}
            className="grow"
            keys={state.keys}
            separator={SEPARATOR}
            label={`Keys of db${db}`}
            selected={open}
            onSelect={choose}
          />
        ) : (
          <NothingFound scan={scan} state={state} filter={filter} onFilter={onFilter} />
        )}
      </div>
      {state.found > 0 && state.phase === "failed" ? <Failed error={state.error as ReadableError} onRetry={scan.goOn} /> : null}
      <div className="flex h-8 shrink-0 items-center gap-4 border-t border-line px-4 text-12 text-fg-3">
        <span>{formatCount(state.found)} found</span>
        <span>{state.elapsedMs > 0 ? formatElapsed(state.elapsedMs) : ""}</span>
        <span className="ml-auto" title="Redis names keys in no order, and keys come and go while they are read.">
          counts are as found
        </span>
      </div>
    </>
  );
}

/** How far the scan is, and what can be done about it. */
function ScanLine({ scan, state, filter }: { scan: KeyScan; state: ScanState; filter: ScanFilter }) {
  const { phase, scanned, about } = state;
  const known = about?.keysEstimate ?? 0;
  const looked = Math.min(scanned, known);
  const share = phase === "through" ? 1 : known > 0 ? looked / known : null;
  const direct = !isGlob(filter.pattern);
  return (
    <div className="flex flex-col gap-1.5">
      <div className="flex min-h-5 items-center gap-2 text-12 text-fg-2">
        <span role="status" className="min-w-0 truncate">
          {about === null
            ? phase === "scanning"
              ? "Scanning"
              : "Not scanned"
            : direct
              ? "Looked up by its name"
              : phase === "through"
                ? `Scanned all ${formatCount(known)} keys`
                : `Scanned ${formatCount(looked)} of ~${formatCount(known)} keys`}
        </span>
        <span className="ml-auto shrink-0">
          {phase === "scanning" ? (
            <TextButton onClick={scan.stop}>Stop</TextButton>
          ) : phase === "through" || phase === "full" || (phase === "failed" && state.found === 0) ? null : (
            <TextButton onClick={scan.goOn}>Go on</TextButton>
          )}
        </span>
      </div>
      <Progress label="Scanned" share={share} size="thin" tone={phase === "through" ? "grey" : "accent"} />
      {phase === "full" ? (
        <p className="text-12 text-amber-text">
          This page holds {formatCount(KEYS_HELD_MAX)} keys at most. Narrow the pattern, or{" "}
          <TextButton onClick={scan.goOn}>go on with the next ones</TextButton>
        </p>
      ) : null}
    </div>
  );
}

function Failed({ error, onRetry }: { error: ReadableError; onRetry: () => void }) {
  return (
    <p role="alert" className="shrink-0 border-t border-red-line bg-red-soft px-4 py-2 text-12 text-red-text">
      {error.message},{" "}
      <button type="button" className="font-medium underline" onClick={onRetry}>
        try again
      </button>
    </p>
  );
}

type NothingFoundProps = { scan: KeyScan; state: ScanState } & Pick<KeyListProps, "filter" | "onFilter">;

function NothingFound({ scan, state, filter, onFilter }: NothingFoundProps) {
  const { phase, about, scanned } = state;
  if (phase === "failed") return <QueryError error={state.error as ReadableError} onRetry={scan.goOn} />;
  if (phase === "scanning" || about === null) return <LinesSkeleton lines={10} label="Scanning" />;
  if (about.keysEstimate === 0) {
    const other = about.databases.find(({ db }) => db !== filter.db);
    return (
      <EmptyState
        title={`db${filter.db} holds no keys`}
        action={other ? <Button onClick={() => onFilter({ db: other.db, key: null, encoding: null })}>Open db{other.db}</Button> : null}
      >
        {other ? `db${other.db} holds ${formatCount(other.keys)}.` : "No other logical database holds any."}
      </EmptyState>
    );
  }
  if (phase === "paused") {
    return (
      <EmptyState title={`Nothing found among ${formatCount(Math.min(scanned, about.keysEstimate))} of ~${formatCount(about.keysEstimate)} keys`}>
        The rest has not been looked at: go on, or narrow the pattern.
      </EmptyState>
    );
  }
  return <NoMatch filter={filter} onFilter={onFilter} />;
}

function NoMatch({ filter, onFilter }: Pick<KeyListProps, "filter" | "onFilter">) {
  const { db, pattern, type } = filter;
  if (!isGlob(pattern)) {
    return (
      <EmptyState
        title={
          <>
            There is no key <span className="font-mono break-all">{pattern}</span> in db{db}
          </>
        }
        action={<Button onClick={() => onFilter({ pattern: `*${pattern}*` })}>Search names that contain it</Button>}
      >
        A pattern without * ? or [ is one name.
      </EmptyState>
    );
  }
  return (
    <EmptyState
      title={type === "" ? "No key matches the pattern" : `No ${type} matches the pattern`}
      action={<Button onClick={() => onFilter({ pattern: "*", type: "" })}>Show all keys</Button>}
    >
      All keys of db{db} were looked at.
    </EmptyState>
  );
}
