"use client";

import { ArrowDown, ArrowLeft, ArrowRight, ArrowUp, Ellipsis, EyeOff, KeyRound, Link2, Pin, PinOff, RotateCcw } from "lucide-react";
import { type DragEvent, type KeyboardEvent, memo } from "react";
import type { LaidColumn } from "@/components/data-grid/grid-layout";
import type { GridSort } from "@/components/data-grid/grid-types";
import { classNames } from "@/components/ui/class-names";
import { Menu, type MenuItem } from "@/components/ui/menu";

export interface HeadActions {
  /** Null where the order is not the reader's to choose. */
  sort: ((id: string, how: { direction: "asc" | "desc" | "next" | "none"; add: boolean }) => void) | null;
  hide: (id: string) => void;
  pin: (id: string, pinned: boolean) => void;
  step: (id: string, by: -1 | 1) => void;
  drop: (id: string, before: string) => void;
  resize: (id: string, width: number) => void;
  fit: (id: string) => void;
  startResize: (id: string, event: unknown) => void;
}

export interface HeadCellProps {
  laid: LaidColumn;
  sort: readonly GridSort[];
  actions: HeadActions;
}

const dragType = "application/x-grid-column";

export const HeadCell = memo(function HeadCell({ laid, sort, actions }: HeadCellProps) {
  const { column, id, width } = laid;
  const place = sort.findIndex((entry) => entry.column === column.name);
  const direction = sort[place]?.direction;
  const right = column.family === "number";
  const references = column.references;
  const sorted = direction ? (
    <span className="flex shrink-0 items-center text-accent-text">
      {direction === "asc" ? <ArrowUp aria-hidden className="size-3.5" /> : <ArrowDown aria-hidden className="size-3.5" />}
      {sort.length > 1 ? <span className="text-11">{place + 1}</span> : null}
    </span>
  ) : null;

  return (
    <div
      role="columnheader"
      aria-colindex={laid.position}
      aria-sort={direction === "asc" ? "ascending" : direction === "desc" ? "descending" : undefined}
      title={[column.name, column.type, column.comment].filter(Boolean).join("\n")}
      draggable
      onDragStart={(event: DragEvent) => event.dataTransfer.setData(dragType, id)}
      onDragOver={(event: DragEvent) => event.dataTransfer.types.includes(dragType) && event.preventDefault()}
      onDrop={(event: DragEvent) => actions.drop(event.dataTransfer.getData(dragType), id)}
      style={{ width, ...(laid.pinnedAt === null ? {} : { left: laid.pinnedAt }) }}
      className={classNames(
        "group relative flex shrink-0 flex-col justify-center border-r border-line bg-sunken px-2",
        laid.pinnedAt !== null && "sticky z-3",
        right && "items-end",
      )}
    >
      <button
        type="button"
        tabIndex={-1}
        disabled={!actions.sort}
        onClick={(event) => actions.sort?.(id, { direction: "next", add: event.shiftKey })}
        className={classNames("flex max-w-full min-w-0 items-center gap-1 rounded-sm text-13 leading-5 font-medium", right && "justify-end")}
      >
        {column.keyPosition ? <KeyRound aria-label="key" className="size-3 text-fg-3" /> : null}
        {references ? <Link2 aria-label={`refers to ${references.table}`} className="size-3 text-fg-3" /> : null}
        <span className="truncate">{column.name}</span>
        {sorted}
      </button>
      {column.type ? (
        <span className={classNames("max-w-full truncate font-mono text-11 leading-3.5 text-fg-3", right && "text-right")}>{column.type}</span>
      ) : null}
      <span className="absolute top-1 right-1.5 opacity-0 group-hover:opacity-100 focus-within:opacity-100 has-aria-expanded:opacity-100">
        <Menu
          items={headMenu(laid, direction, actions)}
          trigger={
            <button
              type="button"
              tabIndex={-1}
              aria-label={`Column ${column.name}`}
              className="flex size-5 items-center justify-center rounded-[5px] bg-sunken text-fg-2 hover:bg-line"
            >
              <Ellipsis aria-hidden className="size-3.5" />
            </button>
          }
        />
      </span>
      <ResizeHandle laid={laid} actions={actions} />
    </div>
  );
});

function headMenu(laid: LaidColumn, direction: "asc" | "desc" | undefined, actions: HeadActions): MenuItem[] {
  const { id } = laid;
  const sort = actions.sort;
  const sorting: MenuItem[] = sort
    ? [
        { label: "Sort up", icon: <ArrowUp aria-hidden />, onSelect: () => sort(id, { direction: "asc", add: false }) },
        { label: "Sort down", icon: <ArrowDown aria-hidden />, onSelect: () => sort(id, { direction: "desc", add: false }) },
        { label: "Sort also by this", icon: <ArrowUp aria-hidden />, onSelect: () => sort(id, { direction: "asc", add: true }) },
        ...(direction ? [{ label: "Do not sort by this", onSelect: () => sort(id, { direction: "none", add: true }) }] : []),
        { separator: true },
      ]
    : [];
  const pinned = laid.pinnedAt !== null;
  return [
    ...sorting,
    {
      label: pinned ? "Let it scroll" : "Keep at the left",
      icon: pinned ? <PinOff aria-hidden /> : <Pin aria-hidden />,
      onSelect: () => actions.pin(id, !pinned),
    },
    { label: "Move left", icon: <ArrowLeft aria-hidden />, onSelect: () => actions.step(id, -1) },
    { label: "Move right", icon: <ArrowRight aria-hidden />, onSelect: () => actions.step(id, 1) },
    { label: "Fit the width", icon: <RotateCcw aria-hidden />, onSelect: () => actions.fit(id) },
    { label: "Hide", icon: <EyeOff aria-hidden />, onSelect: () => actions.hide(id) },
  ];
}

const widthStep = 16;

/** The edge of a column: drag it, or focus it and use the arrows; a double press fits the width. */
function ResizeHandle({ laid, actions }: { laid: LaidColumn; actions: HeadActions }) {
  const onKeyDown = (event: KeyboardEvent): void => {
    const by = { ArrowLeft: -widthStep, ArrowRight: widthStep }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    actions.resize(laid.id, laid.width + by);
  };
  return (
    <div
      role="separator"
      aria-orientation="vertical"
      aria-label={`Width of ${laid.column.name}`}
      aria-valuenow={laid.width}
      aria-valuemin={48}
      aria-valuemax={1200}
      tabIndex={-1}
      draggable={false}
      onDragStart={(event) => {
        event.preventDefault();
        event.stopPropagation();
      }}
      onMouseDown={(event) => {
        event.preventDefault();
        actions.startResize(laid.id, event);
      }}
      onTouchStart={(event) => actions.startResize(laid.id, event)}
      onDoubleClick={() => actions.fit(laid.id)}
      onKeyDown={onKeyDown}
      className="absolute inset-y-0 -right-1 z-1 w-2 cursor-col-resize touch-none select-none hover:bg-accent-line"
    />
  );
}
