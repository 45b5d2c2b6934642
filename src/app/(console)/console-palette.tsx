"use client";
import { Archive, DatabaseBackup, ListChecks } from "lucide-react";
import { usePathname } from "next/navigation";
import { useMemo } from "react";
import { CommandPalette } from "@/components/command-palette/command-palette";
import type { PaletteItem } from "@/components/command-palette/palette-items";
import { NAVIGATION } from "@/components/shell/navigation";
import { readShellLocation } from "@/components/shell/shell-location";
import { ENGINES, isEngineId } from "@/engines";
import { formatBytes, formatCount } from "@/lib/format";
import { trpc } from "@/trpc/client";
import type { ConnectionView } from "./console-shell";

/** Found in one search; more would not be read. */
const FOUND_MAX = 12;

/** Goes anywhere: pages, connections and their sections, tables and collections, keys by pattern, backups, actions. */
export function ConsolePalette({ connections, onClose }: { connections: ConnectionView[]; onClose: () => void }) {
  const utilities = trpc.useUtils();
  const pathname = usePathname();
  const here = readShellLocation(pathname, []);
  const current = connections.find((entry) => entry.engine === here.engine && entry.name === here.connectionName);
  const items = useMemo(() => [...placesOf(connections), ...actionsOf(current)], [connections, current]);

  const search = async (query: string, signal: AbortSignal): Promise<PaletteItem[]> => {
    const searched = connections.filter((entry) => entry.missing === null).toSorted((a, b) => Number(b === current) - Number(a === current));
    const found = await Promise.allSettled([...searched.map((entry) => objectsOf(utilities, entry, query)), backupsOf(utilities, query)]);
    if (signal.aborted) return [];
    return found.flatMap((result) => (result.status === "fulfilled" ? result.value : [])).slice(0, 40);
  };

  return (
    <CommandPalette
      open
      onOpenChange={(open) => !open && onClose()}
      items={items}
      search={search}
      context={current ? { label: `${ENGINES[current.engine].label} / ${current.name}`, environment: current.environment } : null}
    />
  );
}

function placesOf(connections: readonly ConnectionView[]): PaletteItem[] {
  const pages = NAVIGATION.filter((entry) => entry.area !== "tools").map(({ href, label, Icon }) => ({
    id: href,
    group: "Go to",
    label,
    icon: <Icon aria-hidden />,
    href,
  }));
  const sections = connections.flatMap((entry) =>
    ENGINES[entry.engine].sections.map((section) => ({
      id: `${entry.id}/${section.segment}`,
      group: "Connections",
      label: `${ENGINES[entry.engine].label} / ${entry.name}`,
      detail: section.label,
      engine: entry.engine,
      end: entry.environment,
      href: `/manage-dbs/${entry.id}${section.segment === "" ? "" : `/${section.segment}`}`,
    })),
  );
  return [...pages, ...sections];
}

function actionsOf(current: ConnectionView | undefined): PaletteItem[] {
  const jobs = { id: "jobs", group: "Actions", label: "Show running jobs", icon: <ListChecks aria-hidden />, href: "/jobs" };
  if (!current) return [jobs];
  const label = `Back up ${ENGINES[current.engine].label} / ${current.name}`;
  return [{ id: "back up", group: "Actions", label, icon: <DatabaseBackup aria-hidden />, href: `/manage-dbs/${current.id}/backups` }, jobs];
}

type Utilities = ReturnType<typeof trpc.useUtils>;

const has = (name: string, query: string): boolean => name.toLowerCase().includes(query.toLowerCase());

async function objectsOf(utilities: Utilities, entry: ConnectionView, query: string): Promise<PaletteItem[]> {
  const connection = entry.name;
  const base = `/manage-dbs/${entry.id}`;
  const common = { group: "Go to", engine: entry.engine, end: entry.name };
  if (entry.engine === "redis") {
    return [
      {
        ...common,
        id: `${entry.id} ${query}`,
        label: `*${query}*`,
        mono: true,
        detail: "key pattern",
        href: `${base}/keys?pattern=${encodeURIComponent(`*${query}*`)}`,
      },
    ];
  }
  if (entry.engine === "mongodb") {
    const { collections } = await utilities.mongodb.collections.list.fetch({ connection }, { staleTime: 60_000 });
    return collections
      .filter((collection) => has(collection.name, query))
      .slice(0, FOUND_MAX)
      .map((collection) => ({
        ...common,
        id: `${entry.id} ${collection.name}`,
        label: collection.name,
        detail: collection.count === null ? "" : `${formatCount(collection.count, { estimated: true })} documents`,
        href: `${base}/collections?collection=${encodeURIComponent(collection.name)}`,
      }));
  }
  const { tables } = await utilities[entry.engine].tables.list.fetch({ connection }, { staleTime: 60_000 });
  return tables
    .filter((table) => has(`${table.schema}.${table.name}`, query))
    .slice(0, FOUND_MAX)
    .map((table) => ({
      ...common,
      id: `${entry.id} ${table.schema}.${table.name}`,
      label: table.schema === "main" ? table.name : `${table.schema}.${table.name}`,
      detail: table.rowsEstimate === null ? "" : `${formatCount(table.rowsEstimate, { estimated: !table.rowsExact })} rows`,
      href: `${base}/tables?table=${encodeURIComponent(table.name)}${table.schema === "main" ? "" : `&schema=${encodeURIComponent(table.schema)}`}`,
    }));
}

async function backupsOf(utilities: Utilities, query: string): Promise<PaletteItem[]> {
  const { backups } = await utilities.backups.list.fetch({ limit: 100 }, { staleTime: 30_000 });
  return backups
    .filter((backup) => has(backup.id, query) && isEngineId(backup.engine))
    .slice(0, FOUND_MAX)
    .map((backup) => ({
      id: backup.id,
      group: "Backups",
      label: backup.id,
      mono: true,
      icon: <Archive aria-hidden />,
      detail: backup.bytes === null ? backup.state : formatBytes(backup.bytes),
      href: `/manage-dbs/${backup.connectionId}/backups/${encodeURIComponent(backup.id)}`,
    }));
}
