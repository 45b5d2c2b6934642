"use client";
import { useQueryState } from "nuqs";
import { useMemo } from "react";
import { DataGrid } from "@/components/data-grid/data-grid";
import { RowInspector } from "@/components/data-grid/row-inspector";
import { Note } from "@/components/ui/note";
import { parseJson, writeJson } from "@/lib/json-tree";
import { collectionsState, type CollectionAddress } from "./collections.state";
import { documentGrid, fieldsOf, readSort, writeSort } from "./document-grid";
import { type DocumentView, useWholeDocument, type useDocuments } from "./use-documents";

interface DocumentsTableProps {
  address: CollectionAddress;
  pages: ReturnType<typeof useDocuments>;
  sort: string;
  onSort: (sort: string) => void;
}

/** The loaded documents side by side: a column for each of their top-level fields. */
export function DocumentsTable({ address, pages, sort, onSort }: DocumentsTableProps) {
  const [open, setOpen] = useQueryState("document", collectionsState.parsers.document);
  const { documents, query, last } = pages;
  const grid = useMemo(() => documentGrid(documents), [documents]);
  const selected = open === null ? -1 : documents.findIndex((view) => view.key === open);
  const select = (index: number | null): void => void setOpen(index === null ? null : (documents[index]?.key ?? null));
  const view = documents[selected];
  return (
    <div className="relative flex min-h-0 grow">
      <div className="flex min-h-0 min-w-0 grow flex-col">
        <DataGrid
          label={`Documents of ${address.collection}`}
          columns={grid.columns}
          rows={grid.rows}
          rowCount={query.hasNextPage ? null : documents.length}
          loadingMore={query.isFetchingNextPage}
          hasMore={pages.hasMore && !query.error}
          onLoadMore={() => void query.fetchNextPage()}
          selected={selected < 0 ? null : selected}
          onSelect={select}
          sort={readSort(sort)}
          onSortChange={(next) => onSort(writeSort(next))}
        />
        {last?.notice ? (
          <Note tone="amber" className="m-2">
            {last.notice}
          </Note>
        ) : null}
      </div>
      {view ? (
        <div className="flex w-75 shrink-0 border-l border-line max-lg:absolute max-lg:inset-y-0 max-lg:right-0 max-lg:z-20 max-lg:w-full max-lg:max-w-90 max-lg:shadow-float">
          <OpenDocument
            key={view.key}
            {...{ address, view }}
            onClose={() => select(null)}
            onPrevious={selected > 0 ? () => select(selected - 1) : undefined}
            onNext={selected < documents.length - 1 ? () => select(selected + 1) : undefined}
          />
        </div>
      ) : null}
    </div>
  );
}

interface OpenDocumentProps {
  address: CollectionAddress;
  view: DocumentView;
  onClose: () => void;
  onPrevious: (() => void) | undefined;
  onNext: (() => void) | undefined;
}

/** The fields that this document has, each with its own type. */
function OpenDocument({ address, view, onClose, onPrevious, onNext }: OpenDocumentProps) {
  const load = useWholeDocument(address);
  const { columns, rows } = useMemo(() => documentGrid([view]), [view]);
  const row = rows[0] ?? [];
  const whole = async (): Promise<DocumentView> => (view.cuts.length > 0 && view.key !== null ? load(view.key) : view);
  const id = row[columns.findIndex(({ name }) => name === "_id")]?.text ?? "";
  return (
    <RowInspector
      title={`${address.collection} ${id}`.trim()}
      columns={columns}
      row={row}
      onClose={onClose}
      onPrevious={onPrevious}
      onNext={onNext}
      formats={["json"]}
      copyAs={async () => {
        const complete = await whole();
        if (complete.cuts.length > 0) throw new Error("too long to copy whole");
        return writeJson(parseJson(complete.text), 2);
      }}
      onLoadWhole={async (column) => {
        const loaded = await whole();
        return documentGrid([{ ...loaded, text: onlyField(loaded, column.name) }]).rows[0]?.[0] ?? null;
      }}
    />
  );
}

/** The document with this one field, so that only it is read again. */
function onlyField(view: DocumentView, name: string): string {
  return writeJson({ kind: "object", entries: fieldsOf(view).filter(({ key }) => key === name) });
}
