"use client";
import { KeyRound, Link2 } from "lucide-react";
import Link from "next/link";
import { QueryError } from "@/components/query-error";
import { Badge, CountBadge } from "@/components/ui/badge";
import { CopyButton } from "@/components/ui/copy-button";
import { Panel, PanelBody, PanelHead } from "@/components/ui/panel";
import { LinesSkeleton } from "@/components/ui/skeleton";
import { ColumnHead, RowHead, Table, TableCell, TableHead, TableRow } from "@/components/ui/table";
import { formatBytes, formatCount } from "@/lib/format";
import { type SqlEngine, tableHref } from "@/sql/table-address";
import type { TableSchema, TableSummary } from "@/sql/tables.schema";
import { trpc } from "@/trpc/client";

interface TableSchemaViewProps {
  engine: SqlEngine;
  connection: string;
  table: TableSummary;
}

/** What the catalog says of a table: columns, keys, indexes, constraints, triggers, references, DDL. */
export function TableSchemaView({ engine, connection, table }: TableSchemaViewProps) {
  const query = trpc[engine].tables.schema.useQuery({ connection, schema: table.schema, name: table.name });
  if (query.error && !query.data) return <QueryError className="grow" error={query.error} onRetry={() => void query.refetch()} retrying={query.isFetching} />;
  if (!query.data)
    return (
      <div className="p-4">
        <LinesSkeleton lines={12} />
      </div>
    );
  const schema = query.data;
  const href = (name: string, ofSchema: string) => `${tableHref(engine, connection, { schema: ofSchema, name })}&view=schema`;
  return (
    <div className="flex min-h-0 grow flex-col gap-4 overflow-y-auto p-4 *:shrink-0 max-md:p-3">
      <Columns schema={schema} href={href} />
      {schema.indexes.length > 0 ? <Indexes schema={schema} /> : null}
      <div className="grid gap-4 xl:grid-cols-2">
        <Definitions title="Constraints" entries={schema.constraints.map((entry) => ({ name: entry.name, kind: entry.kind, definition: entry.definition }))} />
        <Definitions
          title="Triggers"
          entries={schema.triggers.map((entry) => ({ name: entry.name, kind: entry.enabled ? "enabled" : "disabled", definition: entry.definition }))}
        />
      </div>
      {schema.referencedBy.length > 0 ? (
        <Panel>
          <PanelHead title="Referenced by" badge={<CountBadge>{schema.referencedBy.length}</CountBadge>} />
          <PanelBody className="flex flex-wrap gap-2 py-3">
            {schema.referencedBy.map((entry) => (
              <Link
                key={`${entry.schema}.${entry.table}.${entry.constraint}`}
                className="text-accent-text hover:underline"
                href={href(entry.table, entry.schema)}
                title={entry.constraint}
              >
                {entry.table}
              </Link>
            ))}
          </PanelBody>
        </Panel>
      ) : null}
      <Panel>
        <PanelHead title="DDL" end={<CopyButton label="Copy the DDL" text={schema.ddl} />} />
        <pre className="max-h-[480px] overflow-auto p-4 font-mono text-12 leading-5" tabIndex={0} aria-label="DDL">
          {schema.ddl}
        </pre>
      </Panel>
    </div>
  );
}

function Columns({ schema, href }: { schema: TableSchema; href: (name: string, ofSchema: string) => string }) {
  return (
    <Panel>
      <PanelHead title="Columns" badge={<CountBadge>{schema.columns.length}</CountBadge>} />
      <div className="overflow-x-auto">
        <Table label="Columns">
          <TableHead>
            <tr>
              <ColumnHead>Column</ColumnHead>
              <ColumnHead>Type</ColumnHead>
              <ColumnHead>NULL</ColumnHead>
              <ColumnHead>Default</ColumnHead>
              <ColumnHead>Refers to</ColumnHead>
            </tr>
          </TableHead>
          <tbody>
            {schema.columns.map((column) => (
              <TableRow key={column.name} dense>
                <RowHead>
                  <span className="inline-flex items-center gap-2">
                    {column.keyPosition ? <KeyRound aria-label="primary key" className="size-3.5 text-fg-3" /> : null}
                    <span className="font-medium">{column.name}</span>
                  </span>
                  {column.comment ? <span className="block text-12 font-normal text-fg-3">{column.comment}</span> : null}
                </RowHead>
                <TableCell className="font-mono text-12">{column.type || <span className="text-fg-3">none</span>}</TableCell>
                <TableCell>{column.nullable ? "may be" : <span className="text-fg-3">never</span>}</TableCell>
                <TableCell className="font-mono text-12 break-all">
                  {column.generated ? (
                    <>
                      <Badge>{column.generated.startsWith("identity") ? column.generated : "generated"}</Badge>{" "}
                      {column.generated.startsWith("identity") ? "" : column.generated}
                    </>
                  ) : (
                    column.default
                  )}
                </TableCell>
                <TableCell>
                  {column.references ? (
                    <Link
                      className="inline-flex items-center gap-1.5 text-accent-text hover:underline"
                      href={href(column.references.table, column.references.schema)}
                    >
                      <Link2 aria-hidden className="size-3.5" />
                      {column.references.table}
                      {column.references.column ? `.${column.references.column}` : ""}
                    </Link>
                  ) : null}
                </TableCell>
              </TableRow>
            ))}
          </tbody>
        </Table>
      </div>
    </Panel>
  );
}

function Indexes({ schema }: { schema: TableSchema }) {
  return (
    <Panel>
      <PanelHead title="Indexes" badge={<CountBadge>{schema.indexes.length}</CountBadge>} />
      <div className="overflow-x-auto">
        <Table label="Indexes">
          <TableHead>
            <tr>
              <ColumnHead>Index</ColumnHead>
              <ColumnHead>Definition</ColumnHead>
              <ColumnHead number>Size</ColumnHead>
              <ColumnHead number>Scans</ColumnHead>
            </tr>
          </TableHead>
          <tbody>
            {schema.indexes.map((index) => (
              <TableRow key={index.name} dense>
                <RowHead>
                  <span className="font-medium">{index.name}</span> {index.primary ? <Badge>primary</Badge> : index.unique ? <Badge>unique</Badge> : null}
                </RowHead>
                <TableCell className="font-mono text-12 break-all">{index.definition}</TableCell>
                <TableCell number>{index.bytes === null ? "" : formatBytes(index.bytes)}</TableCell>
                <TableCell number>{index.scans === null ? "" : formatCount(index.scans)}</TableCell>
              </TableRow>
            ))}
          </tbody>
        </Table>
      </div>
    </Panel>
  );
}

function Definitions({ title, entries }: { title: string; entries: { name: string; kind: string; definition: string }[] }) {
  return (
    <Panel>
      <PanelHead title={title} badge={<CountBadge>{entries.length}</CountBadge>} />
      {entries.length === 0 ? <p className="px-4 py-3 text-fg-3">None.</p> : null}
      <ul>
        {entries.map((entry) => (
          <li key={`${entry.name} ${entry.definition}`} className="border-t border-line-soft px-4 py-2 first:border-t-0">
            <span className="font-medium break-all">{entry.name}</span> <Badge>{entry.kind}</Badge>
            <code className="block font-mono text-12 break-words whitespace-pre-wrap text-fg-2">{entry.definition}</code>
          </li>
        ))}
      </ul>
    </Panel>
  );
}
