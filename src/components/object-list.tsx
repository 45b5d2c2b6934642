"use client";
import { ChevronRight, PanelLeftClose, PanelLeftOpen } from "lucide-react";
import Link from "next/link";
import { type ReactNode, useEffect, useMemo, useRef, useState } from "react";
import { useShortcuts } from "@/components/shell/shortcuts";
import { IconButton } from "@/components/ui/button";
import { classNames } from "@/components/ui/class-names";
import { SearchInput } from "@/components/ui/input";
import { formatBytes, formatCount } from "@/lib/format";

export interface ListedObject {
  id: string;
  group: string;
  name: string;
  href: string;
  icon: ReactNode;
  count: number | null;
  countEstimated: boolean;
  bytes: number | null;
  /** "view": said beside the name where it is not the usual kind. */
  kind?: string | undefined;
}

export interface ObjectListProps {
  /** "tables": what is listed. */
  word: string;
  objects: readonly ListedObject[];
  active: string | null;
  totalBytes: number | null;
  /** Above the list: a database chooser. */
  head?: ReactNode;
}

/** Shown of a group before "n more" is asked for: a schema may hold ten thousand tables. */
const SHOWN_FIRST = 200;

/** What a connection holds, by group, with size and estimated count; folds away to give the grid its width. */
export function ObjectList({ word, objects, active, totalBytes, head }: ObjectListProps) {
  const [search, setSearch] = useState("");
  const [folded, setFolded] = useState(false);
  const field = useRef<HTMLInputElement>(null);
  const box = useRef<HTMLDivElement>(null);
  useShortcuts({ "/": () => field.current?.focus() });
  // Opened by its address, the chosen one may be far down.
  useEffect(() => {
    // It answers with a promise in newer browsers, which is no clean-up.
    box.current?.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest" });
  }, [active]);
  const groups = useMemo(() => {
    const wanted = search.toLowerCase();
    return [
      ...Map.groupBy(
        objects.filter((object) => `${object.group}.${object.name}`.toLowerCase().includes(wanted)),
        (object) => object.group,
      ),
    ];
  }, [objects, search]);

  if (folded) {
    return (
      <div className="hidden w-10 shrink-0 flex-col items-center border-r border-line bg-surface py-2 md:flex">
        <IconButton label={`Show the ${word}`} size="sm" onClick={() => setFolded(false)}>
          <PanelLeftOpen aria-hidden />
        </IconButton>
      </div>
    );
  }
  return (
    <section aria-label={word} className="flex max-h-56 w-full shrink-0 flex-col border-line bg-surface max-md:border-b md:max-h-none md:w-54 md:border-r">
      <div className="flex items-center gap-1 p-3 pb-2">
        <SearchInput
          ref={field}
          boxClassName="grow"
          label={`Search ${word}`}
          placeholder="Search"
          shortcut="/"
          value={search}
          onChange={(event) => setSearch(event.target.value)}
        />
        <IconButton label={`Hide the ${word}`} size="sm" className="max-md:hidden" onClick={() => setFolded(true)}>
          <PanelLeftClose aria-hidden />
        </IconButton>
      </div>
      {head}
      <div ref={box} className="min-h-0 grow overflow-y-auto px-2 pb-2">
        {groups.map(([group, members]) => (
          <Group key={group} name={group} members={members} active={active} single={groups.length === 1} />
        ))}
        {groups.length === 0 ? (
          <p className="px-2 py-3 text-12 text-fg-3">{search ? `Nothing here has “${search}” in its name.` : `There are no ${word} yet.`}</p>
        ) : null}
      </div>
      <div className="hidden h-8 shrink-0 items-center justify-between border-t border-line px-4 text-12 text-fg-3 md:flex">
        <span>
          {formatCount(objects.length)} {word}
        </span>
        <span>{totalBytes === null ? "" : formatBytes(totalBytes)}</span>
      </div>
    </section>
  );
}

function Group({ name, members, active, single }: { name: string; members: readonly ListedObject[]; active: string | null; single: boolean }) {
  const [open, setOpen] = useState(true);
  const [all, setAll] = useState(false);
  const shown = all ? members : members.slice(0, SHOWN_FIRST);
  return (
    <div>
      <button
        type="button"
        aria-expanded={open}
        onClick={() => setOpen(!open)}
        className="flex h-7.5 w-full items-center gap-1.5 rounded-md px-1.5 text-12 text-fg-2 hover:bg-hover"
      >
        <ChevronRight aria-hidden className={classNames("size-3.5 text-fg-3", open && "rotate-90")} />
        <span className="min-w-0 truncate">{single && name === "main" ? "all" : name}</span>
        <span className="ml-auto text-fg-3">{formatCount(members.length)}</span>
      </button>
      {open ? (
        <ul>
          {shown.map((object) => (
            <li key={object.id}>
              <Link
                href={object.href}
                prefetch={false}
                aria-current={object.id === active ? "page" : undefined}
                title={object.bytes === null ? object.name : `${object.name}, ${formatBytes(object.bytes)}`}
                className={classNames(
                  "flex h-7.5 items-center gap-2 rounded-md px-2 text-13",
                  object.id === active ? "bg-accent-soft font-medium text-accent-text" : "hover:bg-hover",
                )}
              >
                <span aria-hidden className="shrink-0 text-fg-3 [&_svg]:size-3.5">
                  {object.icon}
                </span>
                <span className="min-w-0 truncate">{object.name}</span>
                {object.kind ? <span className="shrink-0 text-11 text-fg-3">{object.kind}</span> : null}
                <span className="ml-auto shrink-0 text-11 text-fg-3">
                  {object.count === null ? "" : formatCount(object.count, { estimated: object.countEstimated, compact: true })}
                </span>
              </Link>
            </li>
          ))}
        </ul>
      ) : null}
      {open && members.length > shown.length ? (
        <button type="button" className="h-7.5 px-7 text-12 text-accent-text" onClick={() => setAll(true)}>
          {formatCount(members.length - shown.length)} more
        </button>
      ) : null}
    </div>
  );
}
