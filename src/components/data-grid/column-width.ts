import { type GridColumn, type GridRow, cellFamily } from "@/components/data-grid/grid-types";

const widest = 320;
const narrowest = 72;
const padding = 17;
const sampleRows = 60;

/** Widths of a character: letters on average and tabular figures of 13 px Inter, 12 px and 11 px JetBrains Mono. */
const textUnit = 7.2;
const figureUnit = 8.7;
const monoUnit = 7.25;
const smallMonoUnit = 6.65;

/** A width that shows the head whole and most of the values, measured on the first rows so that nothing moves when more come. */
export function estimateWidth(column: GridColumn, index: number, rows: readonly GridRow[]): number {
  const signs = (column.keyPosition ? 16 : 0) + (column.references ? 16 : 0);
  const head = Math.max(column.name.length * textUnit + signs + 18, column.type.length * smallMonoUnit) + padding;
  const widths = rows
    .slice(0, sampleRows)
    .map((row) => valueWidth(column, row[index] ?? null))
    .toSorted((a, b) => a - b);
  // The longest of ninety in a hundred: one long value must not push the others out of sight.
  const most = widths[Math.min(widths.length - 1, Math.floor(widths.length * 0.9))] ?? defaultWidth(column);
  return Math.round(Math.min(widest, Math.max(narrowest, head, most + padding)));
}

function valueWidth(column: GridColumn, cell: GridRow[number]): number {
  if (cell === null) return 34;
  switch (cellFamily(cell, column)) {
    case "bytes":
      return 96;
    case "json":
      return Math.min(180, cell.text.length * monoUnit);
    case "text":
    case "other":
      return Math.min(260, textWidth(cell.text));
    case "number":
    case "time":
    case "boolean":
      return cell.text.length * figureUnit;
  }
}

/** Digits are all as wide as the widest: numbers and identifiers kept as text need more room than words. */
function textWidth(text: string): number {
  const figures = text.slice(0, 100).replaceAll(/\D/g, "").length;
  return text.length * textUnit + figures * (figureUnit - textUnit);
}

function defaultWidth(column: GridColumn): number {
  return { number: 90, text: 180, bytes: 96, json: 180, time: 220, boolean: 64, other: 140 }[column.family];
}
