import { type GridCell, type GridColumn, cellFamily } from "@/components/data-grid/grid-types";
import { VisibleText } from "@/components/ui/visible-text";
import { formatCount } from "@/lib/format";

/** Characters of a value that get into the page; the rest could not be seen in a cell anyway. */
const shownMax = 300;
const characterWidth = 6.6;

const zone = /^(.*\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)\s*([+-]\d{2}(?::?\d{2})?(?::\d{2})?|Z)$/;

/** One value as tokens.md draws it. `width` is that of the column in px. */
export function CellValue({ cell, column, width }: { cell: GridCell; column: GridColumn; width: number }) {
  if (cell === null) return <span className="font-mono text-11 font-medium text-fg-3">NULL</span>;
  const family = cellFamily(cell, column);
  if (family === "bytes") return <Bytes cell={cell} />;
  if (cell.text === "") return <span className="font-mono text-12 text-fg-3">''</span>;
  switch (family) {
    case "number":
      return <span className="block truncate text-right">{cell.text}</span>;
    case "json":
      return <span className="block truncate font-mono text-12 text-fg-2">{cell.text.slice(0, shownMax)}</span>;
    case "time":
      return <Time text={cell.text} />;
    case "text":
    case "boolean":
    case "other":
      return <Text cell={cell} width={width} />;
  }
}

function Text({ cell, width }: { cell: NonNullable<GridCell>; width: number }) {
  const length = cell.length ?? cell.text.length;
  const cut = cell.length !== undefined || cell.text.length * characterWidth > width - 16;
  return (
    <span className="flex min-w-0 items-center gap-2">
      <span className="min-w-0 grow truncate [unicode-bidi:isolate]">
        <VisibleText text={cell.text.slice(0, shownMax).replace(/\r\n|[\r\n]/g, "↵")} />
      </span>
      {cut && length > 12 ? <span className="shrink-0 font-mono text-11 text-fg-3">{formatCount(length)}</span> : null}
    </span>
  );
}

function Bytes({ cell }: { cell: NonNullable<GridCell> }) {
  const length = cell.length ?? cell.text.length / 2;
  return (
    <span className="flex min-w-0 items-center gap-1.5 font-mono text-12">
      <span className="min-w-0 truncate text-fg-2">{cell.text.slice(0, 24)}</span>
      <span className="shrink-0 text-11 text-fg-3" title={`${formatCount(length)} bytes`}>
        {formatCount(length)}
      </span>
    </span>
  );
}

function Time({ text }: { text: string }) {
  const parts = zone.exec(text);
  if (!parts) return <span className="block truncate">{text}</span>;
  return (
    <span className="block truncate">
      {parts[1]}
      <span className="text-fg-3">{text.slice((parts[1] ?? "").length)}</span>
    </span>
  );
}
