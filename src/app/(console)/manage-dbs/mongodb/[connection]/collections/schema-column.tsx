"use client";
import { X } from "lucide-react";
import { QueryError } from "@/components/query-error";
import { IconButton, TextButton } from "@/components/ui/button";
import { LinesSkeleton } from "@/components/ui/skeleton";
import { formatCount } from "@/lib/format";
import { trpc } from "@/trpc/client";
import type { CollectionAddress } from "./collections.state";
import { FieldShares, MixedTypes } from "./schema-field";

interface SchemaColumnProps {
  address: CollectionAddress;
  onClose: () => void;
  onOpen: () => void;
}

/** The top-level fields of the inferred schema beside the documents. */
export function SchemaColumn({ address, onClose, onOpen }: SchemaColumnProps) {
  const query = trpc.mongodb.collections.schema.useQuery(address, { staleTime: 60_000 });
  const fields = (query.data?.fields ?? []).filter((field) => field.path.length === 1);
  return (
    <aside aria-label="Schema" className="hidden w-75 shrink-0 flex-col border-l border-line bg-surface lg:flex">
      <div className="flex h-11 shrink-0 items-center gap-2 border-b border-line pr-2 pl-4">
        <h2 className="text-14 font-semibold">Schema</h2>
        <span className="min-w-0 truncate text-12 text-fg-3">{query.data ? `from ${formatCount(query.data.sampledDocuments)} documents` : ""}</span>
        <IconButton label="Close the schema" size="sm" className="ml-auto" onClick={onClose}>
          <X aria-hidden />
        </IconButton>
      </div>
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- it scrolls */}
      <div role="region" aria-label="Fields of the schema" tabIndex={0} className="min-h-0 grow overflow-y-auto -outline-offset-2">
        {query.data ? (
          <>
            <MixedTypes fields={fields} className="m-3" />
            <ul>
              {fields.map((field) => (
                <li key={JSON.stringify(field.path)} className="border-b border-line-soft px-4 py-2.5">
                  <FieldShares field={field} />
                </li>
              ))}
            </ul>
          </>
        ) : query.error ? (
          <QueryError error={query.error} onRetry={() => void query.refetch()} retrying={query.isFetching} />
        ) : (
          <LinesSkeleton lines={8} />
        )}
      </div>
      {query.data ? (
        <div className="flex h-8 shrink-0 items-center justify-between border-t border-line px-4 text-12 text-fg-3">
          <span>
            {formatCount(fields.length)} of {formatCount(query.data.fields.length)} fields
          </span>
          <TextButton onClick={onOpen}>Open schema</TextButton>
        </div>
      ) : null}
    </aside>
  );
}
