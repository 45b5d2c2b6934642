"use client";

import { Command } from "cmdk";
import { Search } from "lucide-react";
import { useRouter } from "next/navigation";
import * as RadixDialog from "radix-ui/dialog";
import { type KeyboardEvent, useEffect, useMemo, useState } from "react";
import type { CommandPaletteProps } from "@/components/command-palette/command-palette";
import { type PaletteItem, highlight, paletteGroups } from "@/components/command-palette/palette-items";
import { EngineMark } from "@/components/engine-mark";
import { EnvironmentLabel } from "@/components/ui/badge";
import { Kbd } from "@/components/ui/kbd";

const pauseMs = 120;

export function PaletteContent({ open, onOpenChange, returnTo, ...rest }: CommandPaletteProps & { returnTo: Element | null }) {
  return (
    <RadixDialog.Root open={open} onOpenChange={onOpenChange}>
      <RadixDialog.Portal>
        <RadixDialog.Overlay className="fixed inset-0 z-40 animate-fade bg-scrim" />
        <RadixDialog.Content
          aria-describedby={undefined}
          onCloseAutoFocus={(event) => {
            event.preventDefault();
            if (returnTo instanceof HTMLElement && returnTo.isConnected) returnTo.focus();
          }}
          className="fixed top-3 left-1/2 z-50 w-[640px] max-w-[calc(100vw-24px)] -translate-x-1/2 animate-dialog overflow-hidden rounded-xl bg-raised shadow-float outline-none md:top-[104px]"
        >
          <RadixDialog.Title className="sr-only">Go to or do</RadixDialog.Title>
          <Palette {...rest} onClose={() => onOpenChange(false)} />
        </RadixDialog.Content>
      </RadixDialog.Portal>
    </RadixDialog.Root>
  );
}

type Answer = { query: string; items: readonly PaletteItem[]; failed: boolean };
const noAnswer: Answer = { query: "", items: [], failed: false };

function Palette({ items, search, context, onClose }: Omit<CommandPaletteProps, "open" | "onOpenChange"> & { onClose: () => void }) {
  const router = useRouter();
  const [query, setQuery] = useState("");
  const [answer, setAnswer] = useState(noAnswer);
  const [chosen, setChosen] = useState("");
  const wanted = query.trim();

  useEffect(() => {
    if (!search || wanted === "") return;
    const abort = new AbortController();
    const timer = setTimeout(() => {
      search(wanted, abort.signal).then(
        (found) => !abort.signal.aborted && setAnswer({ query: wanted, items: found, failed: false }),
        () => !abort.signal.aborted && setAnswer({ query: wanted, items: [], failed: true }),
      );
    }, pauseMs);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [search, wanted]);

  const groups = useMemo(() => paletteGroups(items, wanted === "" ? [] : answer.items, wanted), [items, answer, wanted]);
  const asking = search !== undefined && wanted !== "" && answer.query !== wanted;

  function run(item: PaletteItem, newTab: boolean): void {
    if (newTab && item.href) {
      window.open(item.href, "_blank", "noopener");
      return;
    }
    onClose();
    if (item.href) router.push(item.href);
    item.onSelect?.();
  }

  function onKeyDown(event: KeyboardEvent): void {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    const item = groups.flatMap((group) => group.items).find((entry) => entry.id === chosen);
    if (!item) return;
    event.preventDefault();
    run(item, true);
  }

  return (
    <Command label="Go to or do" shouldFilter={false} loop value={chosen} onValueChange={setChosen} onKeyDown={onKeyDown}>
      <div className="flex h-[52px] items-center gap-3 border-b border-line px-4">
        <Search aria-hidden className="size-[18px] text-fg-2" />
        <Command.Input
          autoFocus
          value={query}
          onValueChange={setQuery}
          placeholder="Go to table, key, backup, or do something"
          className="h-full min-w-0 grow bg-transparent text-16 outline-none"
        />
        {context ? (
          <span className="flex shrink-0 items-center gap-2 text-12 text-fg-3 max-md:hidden">
            <EnvironmentLabel environment={context.environment} solid />
            {context.label} first
          </span>
        ) : null}
      </div>
      <p role="status" className="sr-only">
        {asking ? "Searching" : ""}
      </p>
      <Command.List label="Results" className="max-h-[min(480px,60dvh)] overflow-y-auto px-1.5 pb-2">
        {groups.map((group) => (
          <Command.Group
            key={group.name}
            heading={group.name}
            className="pt-1 [&_[cmdk-group-heading]]:px-2.5 [&_[cmdk-group-heading]]:pt-2 [&_[cmdk-group-heading]]:pb-1 [&_[cmdk-group-heading]]:text-12 [&_[cmdk-group-heading]]:font-medium [&_[cmdk-group-heading]]:text-fg-2"
          >
            {group.items.map((item) => (
              <Row key={item.id} item={item} query={wanted} onRun={() => run(item, false)} />
            ))}
          </Command.Group>
        ))}
        {groups.length === 0 ? <p className="px-3 py-8 text-center text-fg-2">{asking ? "Searching" : `Nothing is called “${wanted}”.`}</p> : null}
        {answer.failed && !asking ? <p className="px-3 py-2 text-12 text-red-text">The search failed; what is shown is only what the page knows.</p> : null}
      </Command.List>
      <div aria-hidden="true" className="flex h-9 items-center gap-2 border-t border-line bg-sunken px-3.5 text-12 text-fg-2 max-md:hidden">
        <Kbd>↑</Kbd>
        <Kbd>↓</Kbd>
        <span className="mr-2">move</span>
        <Kbd>Enter</Kbd>
        <span className="mr-2">open</span>
        <Kbd>Ctrl Enter</Kbd>
        <span>new tab</span>
        <Kbd className="ml-auto">Esc</Kbd>
        <span>close</span>
      </div>
    </Command>
  );
}

function Row({ item, query, onRun }: { item: PaletteItem; query: string; onRun: () => void }) {
  return (
    <Command.Item
      value={item.id}
      onSelect={onRun}
      className="group flex min-h-[38px] cursor-default items-center gap-3 rounded-lg px-2.5 select-none data-[selected=true]:bg-accent-soft max-md:min-h-11"
    >
      {item.engine ? (
        <EngineMark engine={item.engine} />
      ) : (
        <span className="flex size-5 items-center justify-center text-fg-2 [&_svg]:size-4">{item.icon}</span>
      )}
      <span className={item.mono ? "min-w-0 truncate font-mono text-12" : "min-w-0 truncate"}>
        {highlight(item.label, query).map((part, index) => (
          <span key={index} className={part.hit ? "font-semibold text-accent-text" : undefined}>
            {part.text}
          </span>
        ))}
      </span>
      {item.detail ? <span className="min-w-0 shrink-[2] truncate text-12 text-fg-3">{item.detail}</span> : null}
      <span className="ml-auto flex shrink-0 items-center gap-2 text-12 text-fg-2">
        {item.end}
        {item.keys?.map((key) => <Kbd key={key}>{key}</Kbd>) ?? (
          <span className="hidden group-data-[selected=true]:inline">
            <Kbd>Enter</Kbd>
          </span>
        )}
      </span>
    </Command.Item>
  );
}
