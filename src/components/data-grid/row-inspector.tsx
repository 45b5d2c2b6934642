"use client";

import { ArrowUpRight, ChevronLeft, ChevronRight, X } from "lucide-react";
import Link from "next/link";
import { type ReactNode, useState } from "react";
import { type GridCell, type GridColumn, type GridRow, cellFamily } from "@/components/data-grid/grid-types";
import { JsonCode } from "@/components/json-tree/json-code";
import { Badge, StateBadge } from "@/components/ui/badge";
import { IconButton, TextButton } from "@/components/ui/button";
import { CopyButton } from "@/components/ui/copy-button";
import { HexView } from "@/components/ui/hex-view";
import { Segmented } from "@/components/ui/segmented";
import { VisibleText } from "@/components/ui/visible-text";
import { formatBytes, formatCount } from "@/lib/format";
import { hexToBytes } from "@/lib/hex";

export type CopyFormat = "text" | "json" | "sql";

export interface RowInspectorProps {
  /** "orders 10000031" */
  title: string;
  columns: readonly GridColumn[];
  row: GridRow;
  onClose: () => void;
  onPrevious?: (() => void) | undefined;
  onNext?: (() => void) | undefined;
  /** Makes the text that is copied. */
  copyAs: (format: CopyFormat) => string | Promise<string>;
  formats?: readonly CopyFormat[];
  /** Where a foreign key leads; null for NULL. */
  hrefOf?: (column: GridColumn, cell: GridCell) => string | null;
  /** Loads a value that came as a beginning only. The answer may still be a beginning. */
  onLoadWhole?: (column: GridColumn) => Promise<GridCell>;
  /** Where the whole value is downloaded when it is too long to show. */
  downloadHref?: (column: GridColumn) => string | null;
  /** What will stand in a column when the staged edits are saved. */
  staged?: ReadonlyMap<string, GridCell>;
  onEdit?: ((column: GridColumn) => void) | undefined;
  /** Below the fields: buttons. */
  foot?: ReactNode;
}

const formatWords: Record<CopyFormat, string> = { text: "Text", json: "JSON", sql: "SQL" };
const allFormats: readonly CopyFormat[] = ["text", "json", "sql"];

/** Every field of one row, whole. Give it the key of the row, so that loaded values go with it. */
export function RowInspector(props: RowInspectorProps) {
  const { title, columns, row, onClose, onPrevious, onNext, copyAs, formats = allFormats, foot } = props;
  const [format, setFormat] = useState<CopyFormat>(formats[0] ?? "text");
  return (
    <aside aria-label={title} className="flex min-h-0 min-w-0 grow flex-col bg-surface">
      <div className="flex h-11 shrink-0 items-center gap-1 border-b border-line pr-2 pl-4">
        <h2 className="min-w-0 grow truncate text-14 font-semibold">{title}</h2>
        <IconButton label="Row before" size="sm" disabled={!onPrevious} onClick={onPrevious}>
          <ChevronLeft aria-hidden />
        </IconButton>
        <IconButton label="Next row" size="sm" disabled={!onNext} onClick={onNext}>
          <ChevronRight aria-hidden />
        </IconButton>
        <IconButton label="Close" size="sm" onClick={onClose}>
          <X aria-hidden />
        </IconButton>
      </div>
      <div className="flex h-11 shrink-0 items-center gap-2 border-b border-line pr-2 pl-4 text-12 text-fg-2">
        Copy as
        <Segmented
          label="Copy as"
          name="copy-format"
          value={format}
          onChange={setFormat}
          options={formats.map((value) => ({ value, label: formatWords[value] }))}
        />
        <CopyButton text={() => copyAs(format)} label={`Copy the row as ${formatWords[format]}`} className="ml-auto" />
      </div>
      <dl className="min-h-0 grow overflow-y-auto">
        {columns.map((column, index) => (
          <Field key={index} {...props} column={column} cell={row[index] ?? null} />
        ))}
      </dl>
      {foot ? <div className="flex shrink-0 items-center gap-2 border-t border-line px-4 py-2">{foot}</div> : null}
    </aside>
  );
}

function Field({ column, cell, hrefOf, onLoadWhole, downloadHref, staged, onEdit }: RowInspectorProps & { column: GridColumn; cell: GridCell }) {
  const [whole, setWhole] = useState<GridCell | undefined>(undefined);
  const [state, setState] = useState<"idle" | "loading" | "failed">("idle");
  const shown = whole ?? cell;
  const edit = staged?.get(column.name);
  const href = column.references && shown !== null ? hrefOf?.(column, shown) : null;
  const download = shown?.length === undefined ? null : downloadHref?.(column);

  async function load(): Promise<void> {
    setState("loading");
    try {
      setWhole(await onLoadWhole?.(column));
      setState("idle");
    } catch {
      setState("failed");
    }
  }

  return (
    <div className="border-b border-line-soft px-4 py-2.5">
      <dt className="flex min-h-5 items-center gap-1.5 text-12">
        <span className="truncate text-fg-2">{column.name}</span>
        <span className="truncate font-mono text-11 text-fg-3">{column.type}</span>
        <span className="ml-auto flex shrink-0 items-center gap-2">
          {sizeOf(shown, column)}
          {column.keyPosition ? <Badge tone="sunken">key</Badge> : null}
          {edit === undefined ? null : <StateBadge state="staged" />}
          {href && column.references ? (
            <Link href={href} className="inline-flex items-center gap-1 rounded-sm font-medium text-accent-text hover:underline">
              Open {column.references.table}
              <ArrowUpRight aria-hidden className="size-3" />
            </Link>
          ) : null}
          {onEdit ? (
            <TextButton className="text-12" onClick={() => onEdit(column)}>
              Edit<span className="sr-only"> {column.name}</span>
            </TextButton>
          ) : null}
        </span>
      </dt>
      <dd className="mt-0.5 min-w-0">
        {edit === undefined ? (
          <WholeValue cell={shown} column={column} />
        ) : (
          <span className="flex flex-wrap items-baseline gap-2">
            <del className="rounded-[5px] bg-red-soft px-1 text-red-text">{shown === null ? "NULL" : shown.text.slice(0, 200)}</del>
            <ins className="font-medium no-underline">{edit === null ? "NULL" : edit.text === "" ? "''" : edit.text}</ins>
          </span>
        )}
        {shown?.length !== undefined ? (
          <p className="mt-1 flex flex-wrap items-center gap-x-3 text-12 text-fg-3">
            {state === "failed" ? <span className="text-red-text">It could not be loaded.</span> : <span>This is only the beginning.</span>}
            {onLoadWhole && whole === undefined ? (
              <TextButton disabled={state === "loading"} onClick={() => void load()}>
                {state === "loading" ? "Loading" : "Load whole value"}
              </TextButton>
            ) : null}
            {download ? (
              <a href={download} download className="font-medium text-accent-text hover:underline">
                Download
              </a>
            ) : null}
          </p>
        ) : null}
      </dd>
    </div>
  );
}

function sizeOf(cell: GridCell, column: GridColumn): ReactNode {
  if (cell === null) return null;
  const family = cellFamily(cell, column);
  if (family === "bytes") return <span className="text-11 text-fg-3">{formatBytes(cell.length ?? cell.text.length / 2)}</span>;
  const length = cell.length ?? cell.text.length;
  return (family === "text" || family === "json") && length > 20 ? <span className="text-11 text-fg-3">{formatCount(length)}</span> : null;
}

function WholeValue({ cell, column }: { cell: GridCell; column: GridColumn }) {
  if (cell === null) return <span className="font-mono text-11 font-medium text-fg-3">NULL</span>;
  const family = cellFamily(cell, column);
  if (family === "bytes")
    return (
      <HexView
        bytes={hexToBytes(cell.text.slice(0, cell.text.length - (cell.text.length % 2)))}
        length={cell.length}
        label={`${column.name} in hexadecimal`}
        className="mt-1"
      />
    );
  if (cell.text === "") return <span className="font-mono text-12 text-fg-3">''</span>;
  if (family === "json") return <JsonCode text={cell.text} label={column.name} className="mt-1" />;
  return (
    <span className="block max-h-[50dvh] overflow-y-auto break-words whitespace-pre-wrap [unicode-bidi:isolate]">
      <VisibleText text={cell.text} />
    </span>
  );
}
