"use client";
import { useMemo, useState } from "react";
import { JsonCode } from "@/components/json-tree/json-code";
import { QueryError } from "@/components/query-error";
import { Badge, CountBadge } from "@/components/ui/badge";
import { CopyButton } from "@/components/ui/copy-button";
import { SearchInput } from "@/components/ui/input";
import { Panel, PanelBody, PanelHead } from "@/components/ui/panel";
import { LinesSkeleton } from "@/components/ui/skeleton";
import { formatCount, formatShare } from "@/lib/format";
import { trpc } from "@/trpc/client";
import type { CollectionAddress } from "./collections.state";
import { FieldShares, fieldPath, MixedTypes, type SchemaField } from "./schema-field";

/** What a bounded sample says of the documents, and the rules the server holds them to. */
export function SchemaView({ address }: { address: CollectionAddress }) {
  const query = trpc.mongodb.collections.schema.useQuery(address, { staleTime: 60_000 });
  const [search, setSearch] = useState("");
  const fields = useMemo(
    () => (query.data?.fields ?? []).filter((field) => fieldPath(field.path).toLowerCase().includes(search.toLowerCase())),
    [query.data, search],
  );
  if (query.error && !query.data) return <QueryError className="grow" error={query.error} onRetry={() => void query.refetch()} retrying={query.isFetching} />;
  if (!query.data) return <LinesSkeleton lines={14} />;
  const schema = query.data;
  return (
    <div className="flex min-h-0 grow flex-col gap-4 overflow-y-auto p-4 max-md:p-3">
      <MixedTypes fields={schema.fields} />
      <Panel className="shrink-0">
        <PanelHead
          title="Fields"
          badge={<CountBadge>{formatCount(schema.fields.length)}</CountBadge>}
          note={`from a ${schema.sampledBy === "random sample" ? "random sample" : "look at the first"} of ${formatCount(schema.sampledDocuments)} documents${schema.fieldsCut ? ", more fields than are listed" : ""}`}
          end={<SearchInput fieldSize="sm" label="Search fields" value={search} onChange={(event) => setSearch(event.target.value)} />}
        />
        <ul aria-label="Fields">
          {fields.map((field) => (
            <li
              key={JSON.stringify(field.path)}
              className="grid gap-x-8 gap-y-2 border-b border-line-soft px-4 py-2.5 last:border-b-0 lg:grid-cols-[minmax(240px,2fr)_3fr]"
            >
              <FieldShares field={field} />
              <FieldTypes field={field} />
            </li>
          ))}
          {fields.length === 0 ? <li className="px-4 py-3 text-fg-3">{search ? "No field has this in its name." : "No document, no fields."}</li> : null}
        </ul>
      </Panel>
      <Definition
        title="Validator"
        text={schema.validator}
        empty="None: the server takes any document."
        badges={[schema.validationLevel, schema.validationAction]}
      />
      <Definition title="Options" text={schema.options === "{}" ? null : schema.options} empty="None." badges={[]} />
    </div>
  );
}

/** Ranges, lengths and examples of each type, as exact as the server gave them. */
function FieldTypes({ field }: { field: SchemaField }) {
  return (
    <dl className="flex min-w-0 flex-col gap-1 text-12">
      {field.types
        .filter(({ type, examples, min, lengths }) => type !== "Null" && (examples.length > 0 || min !== null || lengths !== null))
        .map((entry) => (
          <div key={entry.type} className="flex min-w-0 gap-3">
            <dt className="w-24 shrink-0 text-fg-2" title={`${formatCount(entry.count)} values, ${formatShare(entry.share)}`}>
              {entry.type}
            </dt>
            <dd className="flex min-w-0 flex-wrap items-baseline gap-x-3">
              {entry.min === null || entry.max === null ? null : (
                <span className="font-mono break-all">
                  {entry.min === entry.max ? (
                    entry.min
                  ) : (
                    <>
                      {entry.min} <span className="font-sans text-fg-3">to</span> {entry.max}
                    </>
                  )}
                </span>
              )}
              {entry.lengths ? <span className="text-fg-3">{lengthWords(entry.type, entry.lengths)}</span> : null}
              {entry.min === null
                ? entry.examples.map((example, index) => (
                    <span key={index} className="max-w-80 truncate font-mono text-fg-2" title={example}>
                      {example === "" ? "''" : example}
                    </span>
                  ))
                : null}
            </dd>
          </div>
        ))}
    </dl>
  );
}

function lengthWords(type: string, { min, max }: { min: number; max: number }): string {
  const range = min === max ? formatCount(min) : `${formatCount(min)} to ${formatCount(max)}`;
  return `${range} ${type === "Array" ? "items" : "bytes"}`;
}

function Definition({ title, text, empty, badges }: { title: string; text: string | null; empty: string; badges: (string | null)[] }) {
  return (
    <Panel className="shrink-0">
      <PanelHead
        title={title}
        badge={badges.map((badge) => (badge ? <Badge key={badge}>{badge}</Badge> : null))}
        end={text === null ? null : <CopyButton label={`Copy the ${title.toLowerCase()}`} text={text} />}
      />
      {text === null ? (
        <p className="px-4 py-3 text-fg-3">{empty}</p>
      ) : (
        <PanelBody>
          <JsonCode text={text} label={title} />
        </PanelBody>
      )}
    </Panel>
  );
}
