"use client";
import { Download } from "lucide-react";
import { useMemo, useState } from "react";
import { JsonTree } from "@/components/json-tree/json-tree";
import type { ReadableError } from "@/components/query-error";
import { IconButton, TextButton } from "@/components/ui/button";
import { CopyButton } from "@/components/ui/copy-button";
import { Note } from "@/components/ui/note";
import { formatBytes, formatCount } from "@/lib/format";
import { parseJson, writeJson } from "@/lib/json-tree";
import type { CollectionAddress } from "./collections.state";
import { type DocumentView, useWholeDocument } from "./use-documents";
import { useExport } from "./use-export";

interface DocumentCardProps {
  address: CollectionAddress;
  view: DocumentView;
  position: number;
  /** Documents in all; -1 while that is not known. */
  total: number;
  mayExport: boolean;
}

/** One document: every field in its order with its type, exact from the server's canonical text. */
export function DocumentCard({ address, view, position, total, mayExport }: DocumentCardProps) {
  const [whole, setWhole] = useState<DocumentView | null>(null);
  const load = useWholeDocument(address);
  const run = useExport(address);
  const shown = whole ?? view;
  const tree = useMemo(() => parseJson(shown.text), [shown.text]);
  const { key } = view;

  const copied = async (): Promise<string> => {
    const complete = shown.cuts.length > 0 && key !== null ? await load(key) : shown;
    if (complete.cuts.length > 0) throw new Error("too long to copy whole");
    return writeJson(parseJson(complete.text), 2);
  };

  return (
    <article
      data-document
      tabIndex={-1}
      aria-label={`Document ${position}`}
      aria-posinset={position}
      aria-setsize={total}
      onKeyDown={(event) => {
        if (event.key === "Enter" && event.target === event.currentTarget)
          event.currentTarget.querySelector<HTMLElement>("[role=treeitem][tabindex='0']")?.focus();
        else if (event.key === "Escape") event.currentTarget.focus();
      }}
      className="shrink-0 rounded-lg border border-line bg-surface [contain-intrinsic-size:auto_320px] [content-visibility:auto]"
    >
      <div className="flex h-8 items-center gap-1 border-b border-line-soft pr-1.5 pl-4 text-12 text-fg-2">
        <span>
          {formatCount(position)} · {formatBytes(shown.bytes)}
        </span>
        <span className="ml-auto flex items-center">
          {shown.problem ? null : <CopyButton label="Copy as EJSON" text={copied} />}
          {mayExport && key !== null ? (
            <IconButton label="Download this document" size="sm" onClick={() => void run({ key, format: "canonical" })}>
              <Download aria-hidden />
            </IconButton>
          ) : null}
        </span>
      </div>
      {shown.problem ? (
        <Note tone="amber" className="m-3">
          {shown.problem}
        </Note>
      ) : (
        <JsonTree value={tree} label={`Document ${position}`} bson hideRoot className="px-3 py-2" />
      )}
      {shown.cuts.length > 0 ? <Cuts view={shown} isWhole={whole !== null} onLoad={key === null ? null : async () => setWhole(await load(key))} /> : null}
    </article>
  );
}

const CUTS_NAMED = 3;

function Cuts({ view, isWhole, onLoad }: { view: DocumentView; isWhole: boolean; onLoad: (() => Promise<void>) | null }) {
  const [state, setState] = useState<"idle" | "loading" | ReadableError>("idle");
  const named = view.cuts.slice(0, CUTS_NAMED).map((cut) => `${cut.path.join(".")}: ${cutWords(cut)}`);
  const more = view.cuts.length - named.length;
  const run = async (): Promise<void> => {
    setState("loading");
    try {
      await onLoad?.();
      setState("idle");
    } catch (error) {
      setState(error as ReadableError);
    }
  };
  return (
    <p className="flex flex-wrap items-center gap-x-3 border-t border-line-soft px-4 py-1.5 text-12 text-fg-2">
      <span className="min-w-0 break-words">
        Shown in part. {named.join("; ")}
        {more > 0 ? `; ${formatCount(more)} more` : ""}
      </span>
      {typeof state === "object" ? (
        <span role="alert" className="text-red-text">
          {state.message}
        </span>
      ) : null}
      {isWhole ? (
        <span>Too long to show whole: download it.</span>
      ) : onLoad ? (
        <TextButton disabled={state === "loading"} onClick={() => void run()}>
          {state === "loading" ? "Loading" : "Load whole"}
        </TextButton>
      ) : null}
    </p>
  );
}

function cutWords({ type, shown, total }: DocumentView["cuts"][number]): string {
  if (type === "Object") return `${formatCount(shown)} of ${formatCount(total)} fields`;
  if (type === "Array") return `${formatCount(shown)} of ${formatCount(total)} items`;
  return `${formatBytes(shown)} of ${formatBytes(total)}`;
}
