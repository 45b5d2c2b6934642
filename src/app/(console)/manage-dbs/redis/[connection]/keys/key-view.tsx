"use client";
import { ArrowLeft, KeyRound, RefreshCw } from "lucide-react";
import { useEffect } from "react";
import { BinaryText } from "@/components/key-tree/binary-name";
import { QueryError } from "@/components/query-error";
import { type Environment, TypeBadge } from "@/components/ui/badge";
import { Button, IconButton } from "@/components/ui/button";
import { CopyButton } from "@/components/ui/copy-button";
import { LinesSkeleton } from "@/components/ui/skeleton";
import { EmptyState } from "@/components/ui/states";
import type { TreeKey } from "@/lib/key-tree";
import type { RedisBytes } from "../../redis.schema";
import { DeleteKey } from "./delete-key";
import { KeyElements } from "./key-elements";
import { KeyFacts } from "./key-facts";
import { bytesOf } from "./key-names";
import { KeyString } from "./key-string";
import { DownloadKey } from "./keys-export";
import { useKeyValue } from "./use-key-value";

export interface KeyViewProps {
  connection: string;
  environment: Environment;
  db: number;
  name: RedisBytes;
  /** The name as it is shown: bytes that are no text as \xff. */
  title: string;
  mayWrite: boolean;
  mayExport: boolean;
  onClose: () => void;
  /** What was learned of the key, for the list. */
  onNews: (key: TreeKey) => void;
}

/** One key: what it is, when it ends, its value page by page. */
export function KeyView({ connection, environment, db, name, title, mayWrite, mayExport, onClose, onNews }: KeyViewProps) {
  const value = useKeyValue({ connection, db, name });
  const { detail, error, gone } = value;
  useEffect(() => {
    if (gone) onNews({ key: name, type: "gone" });
    else if (detail) onNews({ key: name, type: detail.type, ttlSeconds: detail.ttlMs === null ? null : detail.ttlMs / 1000, memoryBytes: detail.memoryBytes });
    // The name is the key of this component.
    // oxlint-disable-next-line react/exhaustive-deps
  }, [gone, detail, onNews]);

  return (
    <>
      <div className="flex min-h-13 shrink-0 flex-wrap items-center gap-2 px-4 pt-2.5 pb-1 md:px-5">
        <IconButton label="Back to the keys" className="md:hidden" onClick={onClose}>
          <ArrowLeft aria-hidden />
        </IconButton>
        {detail && !gone ? <TypeBadge>{detail.type}</TypeBadge> : null}
        <h1 className="line-clamp-2 min-w-0 font-mono text-14 font-semibold break-all" title={title}>
          {title === "" ? <span className="text-fg-3">''</span> : <BinaryText bytes={bytesOf(name)} />}
        </h1>
        <CopyButton label="Copy the name" text={"text" in name ? name.text : title} />
        <span className="ml-auto flex items-center gap-2">
          <Button variant="ghost" busy={value.refreshing} onClick={value.refresh}>
            {value.refreshing ? null : <RefreshCw aria-hidden />}
            Refresh
          </Button>
          {mayExport && !gone ? <DownloadKey connection={connection} db={db} name={name} title={title} /> : null}
          {mayWrite && detail && !gone ? (
            <DeleteKey {...{ connection, environment, db, name, title, detail }} onDeleted={() => onNews({ key: name, type: "gone" })} onClose={onClose} />
          ) : null}
        </span>
      </div>
      {gone ? (
        <EmptyState
          className="grow"
          icon={<KeyRound aria-hidden />}
          title="This key is not there any more"
          action={<Button onClick={onClose}>Close it</Button>}
        >
          {detail?.ttlMs ? "It had an expiry: it ended or was deleted since it was listed." : "It expired, was renamed or deleted since it was listed."}
        </EmptyState>
      ) : detail ? (
        <>
          <KeyFacts detail={detail} onExpired={value.refresh} />
          {detail.value.kind === "string" ? (
            <KeyString value={value} title={title} />
          ) : detail.value.kind === "other" ? (
            <EmptyState className="grow" title={`The console does not read values of type ${detail.type}`}>
              It belongs to a module of the server. An export or a backup carries it as it is.
            </EmptyState>
          ) : (
            <KeyElements key={detail.type} value={value} connection={connection} db={db} name={name} />
          )}
        </>
      ) : error ? (
        <QueryError className="grow" error={error} onRetry={value.refresh} retrying={value.refreshing} />
      ) : (
        <LinesSkeleton lines={8} />
      )}
    </>
  );
}
