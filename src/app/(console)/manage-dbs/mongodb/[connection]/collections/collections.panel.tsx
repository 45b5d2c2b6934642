"use client";
import { Clock, Eye, FileJson } from "lucide-react";
import { useRouter } from "next/navigation";
import { useQueryStates } from "nuqs";
import { GridSkeleton } from "@/components/data-grid/grid-skeleton";
import { later } from "@/components/later";
import { QueryError } from "@/components/query-error";
import { ShellCrumbs } from "@/components/shell/app-shell";
import { Select } from "@/components/ui/select";
import { EmptyState } from "@/components/ui/states";
import { formatBytes } from "@/lib/format";
import { trpc, type RouterOutputs } from "@/trpc/client";
import { collectionHref, collectionsState } from "./collections.state";

const loading = () => <GridSkeleton />;
const CollectionToolbar = later(() => import("./collection-toolbar").then((module) => module.CollectionToolbar), {
  loading: () => <div className="h-11" />,
});
const ObjectList = later(() => import("@/components/object-list").then((module) => module.ObjectList), {
  loading: () => <div className="h-56 shrink-0 border-line bg-surface md:h-auto md:w-54 md:border-r" />,
});
const Documents = later(() => import("./documents").then((module) => module.Documents), { loading });
const IndexesView = later(() => import("./indexes-view").then((module) => module.IndexesView), { loading });
const SchemaView = later(() => import("./schema-view").then((module) => module.SchemaView), { loading });

type CollectionList = RouterOutputs["mongodb"]["collections"]["list"];
export type CollectionSummary = CollectionList["collections"][number];

const ICONS = { collection: <FileJson />, view: <Eye />, timeseries: <Clock /> } as const;

/** Collections at the left, documents, schema or indexes of the chosen one beside it. Everything chosen is in the URL. */
export function CollectionsPanel({ connection, mayExport }: { connection: string; mayExport: boolean }) {
  const [{ database, collection, view }] = useQueryStates(collectionsState.parsers);
  const list = trpc.mongodb.collections.list.useQuery({ connection, ...(database === null ? {} : { database }) }, { staleTime: 30_000 });
  if (list.error && !list.data) return <QueryError className="grow" error={list.error} onRetry={() => void list.refetch()} retrying={list.isFetching} />;
  if (!list.data)
    return (
      <div className="min-h-0 grow">
        <GridSkeleton />
      </div>
    );
  const chosen = choose(list.data.collections, collection);
  const address = { connection, database: list.data.database, collection: chosen?.name ?? "" };

  return (
    <div className="flex min-h-0 grow max-md:flex-col">
      <ShellCrumbs crumbs={chosen ? [{ label: address.database }, { label: chosen.name }] : [{ label: address.database }]} />
      <ObjectList
        word="collections"
        head={list.data.databases.length > 1 ? <DatabaseSelect connection={connection} list={list.data} /> : null}
        objects={list.data.collections.map((entry) => ({
          id: entry.name,
          group: address.database,
          name: entry.name,
          href: collectionHref({ ...address, collection: entry.name }),
          icon: ICONS[entry.kind],
          count: entry.count,
          countEstimated: true,
          bytes: entry.bytes,
          kind: entry.kind === "collection" ? (entry.capped ? "capped" : undefined) : entry.kind,
        }))}
        active={chosen?.name ?? null}
        totalBytes={list.data.totalBytes}
      />
      <div className="flex min-h-0 min-w-0 grow flex-col">
        {chosen ? (
          <>
            <CollectionToolbar key={`toolbar ${address.database}.${chosen.name}`} address={address} summary={chosen} mayExport={mayExport} />
            {view === "documents" ? (
              <Documents key={`documents ${address.database}.${chosen.name}`} address={address} summary={chosen} mayExport={mayExport} />
            ) : view === "schema" ? (
              <SchemaView address={address} />
            ) : (
              <IndexesView address={address} />
            )}
          </>
        ) : (
          <EmptyState
            className="grow"
            icon={<FileJson aria-hidden />}
            title={
              collection
                ? `${address.database} has no collection named ${collection}`
                : list.data.collections.length === 0
                  ? `${address.database} holds no collection`
                  : "Choose a collection"
            }
          >
            {collection ? "It may have been dropped or renamed." : "The list at the left has sizes and estimated documents."}
          </EmptyState>
        )}
      </div>
    </div>
  );
}

function DatabaseSelect({ connection, list }: { connection: string; list: CollectionList }) {
  const router = useRouter();
  return (
    <div className="px-3 pb-2">
      <Select
        label="Database"
        className="w-full"
        value={list.database}
        onChange={(event) =>
          router.push(`/manage-dbs/mongodb/${encodeURIComponent(connection)}/collections?${new URLSearchParams({ database: event.target.value }).toString()}`)
        }
      >
        {list.databases.map(({ name, bytes }) => (
          <option key={name} value={name}>
            {name}
            {bytes === null || name === list.database ? "" : `, ${formatBytes(bytes)}`}
          </option>
        ))}
      </Select>
    </div>
  );
}

/** The collection of the URL; without one the largest, so that the page never opens empty. */
function choose(collections: readonly CollectionSummary[], name: string | null): CollectionSummary | undefined {
  if (name !== null) return collections.find((entry) => entry.name === name);
  return collections.toSorted((a, b) => (b.bytes ?? 0) - (a.bytes ?? 0))[0];
}
