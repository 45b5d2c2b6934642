"use client";
import { useMemo, useState } from "react";
import { Button } from "@/components/ui/button";
import { SearchInput } from "@/components/ui/input";
import { Note } from "@/components/ui/note";
import { Segmented } from "@/components/ui/segmented";
import { EmptyState } from "@/components/ui/states";
import { formatCount } from "@/lib/format";
import type { RedisBytes } from "../../redis.schema";
import { elementColumns, elementRows, hasFieldExpiries, type KeyKind } from "./element-rows";
import { ElementTable } from "./element-table";
import { OpenElement } from "./open-element";
import { StreamGroups } from "./stream-groups";
import type { KeyValuePages } from "./use-key-value";

interface KeyElementsProps {
  value: KeyValuePages;
  connection: string;
  db: number;
  name: RedisBytes;
}

/** Rows held in the page; beyond them one searches or exports. */
const ROWS_HELD_MAX = 20_000;

const WORDS: Record<KeyKind, { one: string; many: string }> = {
  hash: { one: "field", many: "fields" },
  list: { one: "item", many: "items" },
  set: { one: "member", many: "members" },
  zset: { one: "member", many: "members" },
  stream: { one: "entry", many: "entries" },
  string: { one: "value", many: "values" },
  other: { one: "value", many: "values" },
};
const SEARCHABLE: readonly KeyKind[] = ["hash", "set", "zset"];

/** The elements of a hash, list, set, sorted set or stream, page by page, and the opened one below. */
export function KeyElements({ value, connection, db, name }: KeyElementsProps) {
  const { pages, detail } = value;
  const kind = detail?.value.kind ?? "hash";
  const isSearch = value.match !== "";
  const hasExpiries = useMemo(() => hasFieldExpiries(pages), [pages]);
  const rows = useMemo(() => elementRows(pages, { hasExpiries, isSearch }), [pages, hasExpiries, isSearch]);
  const [selected, setSelected] = useState<string | null>(null);
  const [view, setView] = useState<"elements" | "groups">("elements");
  const groups = detail?.value.kind === "stream" ? detail.value.groups : [];
  const open = rows.find((row) => row.id === selected);
  const full = rows.length >= ROWS_HELD_MAX;
  const elements = kind === "stream" ? pages.reduce((sum, page) => sum + (page.value.kind === "stream" ? page.value.entries.length : 0), 0) : rows.length;

  if (pages.some((page) => page.value.kind !== kind)) {
    return (
      <Note
        className="m-4"
        tone="amber"
        title="This key changed its type while it was read."
        end={
          <Button size="sm" onClick={value.refresh}>
            Read it again
          </Button>
        }
      >
        Somebody replaced it between two pages.
      </Note>
    );
  }
  return (
    <>
      <div className="flex min-h-11 shrink-0 flex-wrap items-center gap-x-3 gap-y-1 px-4 py-1.5 md:px-5">
        {SEARCHABLE.includes(kind) ? <ElementSearch what={WORDS[kind].many} match={value.match} onSearch={value.search} /> : null}
        {groups.length > 0 ? (
          <Segmented
            label="Show"
            name="stream-view"
            value={view}
            onChange={setView}
            options={[
              { value: "elements", label: "Entries" },
              { value: "groups", label: `Groups ${groups.length}` },
            ]}
          />
        ) : null}
        <span role="status" className="text-12 text-fg-2">
          {progress({ elements, words: WORDS[kind], isSearch, hasMore: value.hasMore, total: detail?.length ?? null })}
        </span>
        {value.hasMore && !full ? (
          <Button size="sm" busy={value.loadingMore} onClick={() => void value.loadMore()}>
            Load more
          </Button>
        ) : null}
        {full && value.hasMore ? (
          <span className="text-12 text-amber-text">This page holds {formatCount(ROWS_HELD_MAX)} rows at most. Search or download the key for the others.</span>
        ) : null}
        {value.error && !value.gone ? (
          <span role="alert" className="text-12 text-red-text">
            {value.error.message}
          </span>
        ) : null}
      </div>
      {view === "groups" && groups.length > 0 ? (
        <StreamGroups groups={groups} />
      ) : rows.length === 0 && !value.hasMore && !value.refreshing ? (
        <EmptyState
          className="grow border-t border-line"
          title={isSearch ? `No ${WORDS[kind].one} matches` : `This ${kind} holds no ${WORDS[kind].many}`}
          action={isSearch ? <Button onClick={() => value.search("")}>Show all</Button> : null}
        />
      ) : (
        <div className="flex min-h-0 grow flex-col border-t border-line">
          <ElementTable
            key={value.match}
            label={`${WORDS[kind].many.slice(0, 1).toUpperCase()}${WORDS[kind].many.slice(1)}`}
            columns={elementColumns(kind, { hasExpiries, isSearch })}
            rows={rows}
            total={isSearch || kind === "stream" ? null : (detail?.length ?? null)}
            selected={selected}
            onSelect={(id) => setSelected(id === selected ? null : id)}
            hasMore={value.hasMore && !full && !value.error}
            loadingMore={value.loadingMore}
            onLoadMore={() => void value.loadMore()}
          />
          {open ? <OpenElement key={open.id} {...{ connection, db, name }} row={open} onClose={() => setSelected(null)} /> : null}
        </div>
      )}
    </>
  );
}

interface ProgressWords {
  elements: number;
  words: { one: string; many: string };
  isSearch: boolean;
  hasMore: boolean;
  total: number | null;
}

function progress({ elements, words, isSearch, hasMore, total }: ProgressWords): string {
  const counted = `${formatCount(elements)} ${elements === 1 ? words.one : words.many}`;
  if (isSearch) return hasMore ? `${counted} found so far` : `${counted} found`;
  return hasMore && total !== null ? `${formatCount(elements)} of ${formatCount(Math.max(total, elements))} ${words.many} loaded` : `${counted}, all loaded`;
}

/** A word is looked for anywhere in the name; with a sign of globs it is a glob. */
function ElementSearch({ what, match, onSearch }: { what: string; match: string; onSearch: (match: string) => void }) {
  const [text, setText] = useState("");
  return (
    <form
      className="w-52 max-sm:w-40"
      onSubmit={(event) => {
        event.preventDefault();
        onSearch(text === "" || /[*?[\\]/.test(text) ? text : `*${text}*`);
      }}
    >
      <SearchInput
        fieldSize="sm"
        label={`Search ${what}`}
        title="Press Enter. A word is found anywhere in the name; * ? and [ab] make it a pattern."
        value={text}
        onChange={(event) => {
          setText(event.target.value);
          if (event.target.value === "" && match !== "") onSearch("");
        }}
      />
    </form>
  );
}
