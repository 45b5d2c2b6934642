"use client";
import { useRef } from "react";
import { useShortcuts } from "@/components/shell/shortcuts";
import { LoadMore } from "@/components/ui/load-more";
import { Note } from "@/components/ui/note";
import type { CollectionAddress } from "./collections.state";
import { DocumentCard } from "./document-card";
import type { useDocuments } from "./use-documents";

interface DocumentCardsProps {
  address: CollectionAddress;
  pages: ReturnType<typeof useDocuments>;
  mayExport: boolean;
}

/** Documents one below the other; j and k go from one to the next, Enter goes into it. */
export function DocumentCards({ address, pages, mayExport }: DocumentCardsProps) {
  const box = useRef<HTMLDivElement>(null);
  const { documents, query, last } = pages;
  const move = (step: 1 | -1): void => {
    const cards = [...(box.current?.querySelectorAll<HTMLElement>("[data-document]") ?? [])];
    const here = cards.findIndex((card) => card.contains(document.activeElement));
    cards[here < 0 ? 0 : Math.max(0, Math.min(cards.length - 1, here + step))]?.focus();
  };
  useShortcuts({ j: () => move(1), k: () => move(-1) });
  return (
    <div ref={box} className="flex min-h-0 grow flex-col gap-2.5 overflow-y-auto bg-canvas p-4 max-md:p-3">
      <div role="feed" aria-label="Documents" aria-busy={query.isFetchingNextPage} className="flex flex-col gap-2.5">
        {documents.map((view, index) => (
          <DocumentCard
            key={`${index} ${view.key ?? ""}`}
            address={address}
            view={view}
            position={index + 1}
            total={query.hasNextPage ? -1 : documents.length}
            mayExport={mayExport}
          />
        ))}
      </div>
      {last?.notice ? <Note tone="amber">{last.notice}</Note> : null}
      <LoadMore
        hasMore={pages.hasMore}
        loading={query.isFetchingNextPage}
        onLoad={() => void query.fetchNextPage()}
        what="more documents"
        automatic={!query.error}
      />
    </div>
  );
}
