"use client";
import { Plus } from "lucide-react";
import Link from "next/link";
import { useState } from "react";
import { EngineMark } from "@/components/engine-mark";
import { QueryError } from "@/components/query-error";
import { CountBadge, EnvironmentLabel } from "@/components/ui/badge";
import { Button } from "@/components/ui/button";
import { ConfirmDanger } from "@/components/ui/confirm-danger";
import { PageBody, PageHeader } from "@/components/ui/page-header";
import { Panel, PanelHead } from "@/components/ui/panel";
import { RowMenu } from "@/components/ui/row-menu";
import { TableSkeleton } from "@/components/ui/skeleton";
import { ActionsHead, ColumnHead, RowHead, Table, TableCell, TableHead, TableRow } from "@/components/ui/table";
import { useToast } from "@/components/ui/toast";
import { ENGINES } from "@/engines";
import { type RouterOutputs, trpc } from "@/trpc/client";
import { ConnectionForm } from "./connection-form";

type Connection = RouterOutputs["connections"]["list"]["connections"][number];

const SOURCE: Record<Connection["source"], string> = { environment: "environment", console: "added here", "built-in": "built in" };

export function ConnectionsPanel() {
  const query = trpc.connections.list.useQuery({});
  const [form, setForm] = useState<"new" | Connection | null>(null);
  const [removing, setRemoving] = useState<Connection | null>(null);
  const connections = query.data?.connections;
  return (
    <PageBody>
      <PageHeader
        title="Connections"
        note="credentials are encrypted and never shown again"
        end={
          <Button variant="primary" onClick={() => setForm("new")}>
            <Plus aria-hidden />
            Add connection
          </Button>
        }
      />
      {form ? <ConnectionForm key={form === "new" ? "new" : form.id} connection={form === "new" ? null : form} onDone={() => setForm(null)} /> : null}
      <Panel>
        <PanelHead title="All connections" badge={connections ? <CountBadge>{connections.length}</CountBadge> : null} />
        {query.error && !connections ? <QueryError error={query.error} onRetry={() => void query.refetch()} /> : null}
        {connections ? <ConnectionTable connections={connections} onEdit={setForm} onRemove={setRemoving} /> : <TableSkeleton columns={5} />}
      </Panel>
      {removing ? <RemoveDialog connection={removing} onClose={() => setRemoving(null)} /> : null}
    </PageBody>
  );
}

function ConnectionTable({
  connections,
  onEdit,
  onRemove,
}: {
  connections: readonly Connection[];
  onEdit: (connection: Connection) => void;
  onRemove: (connection: Connection) => void;
}) {
  return (
    <Table label="Connections">
      <TableHead>
        <tr>
          <ColumnHead>Connection</ColumnHead>
          <ColumnHead>Environment</ColumnHead>
          <ColumnHead className="max-md:hidden">Address</ColumnHead>
          <ColumnHead className="max-md:hidden">Defined in</ColumnHead>
          <ActionsHead />
        </tr>
      </TableHead>
      <tbody>
        {connections.map((entry) => (
          <TableRow key={entry.id}>
            <RowHead>
              <Link href={`/manage-dbs/${entry.id}`} className="inline-flex items-center gap-2 font-medium hover:text-accent-text">
                <EngineMark engine={entry.engine} />
                {ENGINES[entry.engine].label} / {entry.name}
              </Link>
            </RowHead>
            <TableCell>
              <EnvironmentLabel environment={entry.environment} />
            </TableCell>
            <TableCell className="max-w-96 truncate font-mono text-12 max-md:hidden">
              {entry.missing ? (
                <span className="font-sans text-amber-text">
                  {entry.missing.reason}. {entry.missing.fix}
                </span>
              ) : (
                `${entry.address}${entry.database ? ` / ${entry.database}` : ""}`
              )}
            </TableCell>
            <TableCell className="max-md:hidden">{SOURCE[entry.source]}</TableCell>
            <TableCell className="text-right">
              {entry.source === "console" ? (
                <RowMenu
                  label={`More about ${ENGINES[entry.engine].label} / ${entry.name}`}
                  items={[
                    { label: "Edit", onSelect: () => onEdit(entry) },
                    { label: "Remove", danger: true, onSelect: () => onRemove(entry) },
                  ]}
                />
              ) : null}
            </TableCell>
          </TableRow>
        ))}
      </tbody>
    </Table>
  );
}

function RemoveDialog({ connection, onClose }: { connection: Connection; onClose: () => void }) {
  const toast = useToast();
  const utilities = trpc.useUtils();
  const remove = trpc.connections.remove.useMutation({
    onSuccess: () => {
      toast({ title: `${connection.name} was removed`, detail: "Its database was not touched." });
      void utilities.connections.list.invalidate();
      onClose();
    },
  });
  return (
    <ConfirmDanger
      open
      onOpenChange={(open) => !open && onClose()}
      title={`Remove ${ENGINES[connection.engine].label} / ${connection.name}`}
      expected={connection.name}
      action="Remove connection"
      environment={connection.environment}
      busy={remove.isPending}
      error={remove.error ? [remove.error.message, remove.error.data?.fix].filter(Boolean).join(". ") : null}
      onConfirm={() => remove.mutate({ id: connection.id })}
    >
      The console forgets the address and its credentials. The database and its backups stay as they are.
    </ConfirmDanger>
  );
}
