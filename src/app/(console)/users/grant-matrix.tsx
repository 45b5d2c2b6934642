"use client";

import { useReauthentication } from "@/app/(console)/use-reauthentication";
import { EngineMark } from "@/components/engine-mark";
import { Avatar } from "@/components/ui/avatar";
import { EnvironmentLabel } from "@/components/ui/badge";
import { PanelFoot } from "@/components/ui/panel";
import { Select } from "@/components/ui/select";
import { TableSkeleton } from "@/components/ui/skeleton";
import { ColumnHead, RowHead, Table, TableCell, TableHead, TableRow } from "@/components/ui/table";
import { useToast } from "@/components/ui/toast";
import { ENGINES } from "@/engines";
import { type Role, ROLES } from "@/lib/rights";
import { type RouterOutputs, trpc } from "@/trpc/client";
import type { User } from "./people-table";

type Connection = RouterOutputs["connections"]["list"]["connections"][number];

/** Who may do what where: a row a person, a column a connection. Empty means that the own role counts. */
export function GrantMatrix({ users }: { users: readonly User[] }) {
  const connections = trpc.connections.list.useQuery({}).data?.connections;
  const { guarded, dialog } = useReauthentication();
  if (!connections) return <TableSkeleton columns={5} />;
  return (
    <>
      <Table label="Rights by connection">
        <TableHead>
          <tr>
            <ColumnHead className="sticky left-0 z-1 bg-sunken">Person</ColumnHead>
            <ColumnHead>Own role</ColumnHead>
            {connections.map((connection) => (
              <ColumnHead key={connection.id} className="py-1.5">
                <span className="flex items-center gap-2 text-fg">
                  <EngineMark engine={connection.engine} />
                  {connection.name}
                  <EnvironmentLabel environment={connection.environment} />
                </span>
                <span className="sr-only">{ENGINES[connection.engine].label}</span>
              </ColumnHead>
            ))}
          </tr>
        </TableHead>
        <tbody>
          {users.map((user) => (
            <TableRow key={user.id} className="group">
              <RowHead className="sticky left-0 z-1 bg-surface whitespace-nowrap group-hover:bg-hover">
                <span className="flex items-center gap-2">
                  <Avatar name={user.name} size="sm" />
                  {user.name}
                </span>
              </RowHead>
              <TableCell>{user.role}</TableCell>
              {connections.map((connection) => (
                <TableCell key={connection.id} className="py-1">
                  <GrantCell user={user} connection={connection} guarded={guarded} />
                </TableCell>
              ))}
            </TableRow>
          ))}
        </tbody>
      </Table>
      <PanelFoot>A role given here counts instead of the own one, on that connection alone. "no access" hides the connection.</PanelFoot>
      {dialog}
    </>
  );
}

interface GrantCellProps {
  user: User;
  connection: Connection;
  guarded: (run: () => Promise<unknown>) => Promise<void>;
}

function GrantCell({ user, connection, guarded }: GrantCellProps) {
  const toast = useToast();
  const utilities = trpc.useUtils();
  const setGrant = trpc.users.setGrant.useMutation({ onSettled: () => utilities.users.list.invalidate() });
  const granted = user.grants.find((grant) => grant.connectionId === connection.id)?.role ?? null;
  const place = `${ENGINES[connection.engine].label} / ${connection.name}`;
  if (user.self) return <span className="text-fg-3">{granted ?? "own role"}</span>;
  const shown = setGrant.isPending ? setGrant.variables.role : granted;

  const change = (role: Role | "none" | null) =>
    guarded(async () => {
      await setGrant.mutateAsync({ email: user.email, connectionId: connection.id, role });
      toast({ title: `${user.name}: ${role === null ? "own role" : role === "none" ? "no access" : role} on ${place}`, tone: "green" });
    });

  return (
    <Select
      fieldSize="sm"
      label={`Role of ${user.name} on ${place}`}
      className={shown === null ? "min-w-28 opacity-70 focus-within:opacity-100 hover:opacity-100" : "min-w-28"}
      disabled={setGrant.isPending}
      value={shown ?? ""}
      onChange={(event) => void change(event.target.value === "" ? null : (event.target.value as Role | "none"))}
    >
      <option value="">own role</option>
      {ROLES.map((role) => (
        <option key={role}>{role}</option>
      ))}
      <option value="none">no access</option>
    </Select>
  );
}
