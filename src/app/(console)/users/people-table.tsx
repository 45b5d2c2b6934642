"use client";

import { useState } from "react";
import { useReauthentication } from "@/app/(console)/use-reauthentication";
import { Avatar } from "@/components/ui/avatar";
import { Badge } from "@/components/ui/badge";
import { RelativeTime, useNow } from "@/components/ui/relative-time";
import { RowMenu } from "@/components/ui/row-menu";
import { Select } from "@/components/ui/select";
import { ActionsHead, ColumnHead, RowHead, Table, TableCell, TableHead, TableRow } from "@/components/ui/table";
import { useToast } from "@/components/ui/toast";
import { formatClock } from "@/lib/format";
import { type Role, ROLES } from "@/lib/rights";
import { type RouterOutputs, trpc } from "@/trpc/client";
import { SetPassword } from "./set-password";

export type User = RouterOutputs["users"]["list"]["users"][number];

export function PeopleTable({ users }: { users: readonly User[] }) {
  const { guarded, dialog } = useReauthentication();
  const [password, setPassword] = useState<User | null>(null);
  return (
    <>
      <Table label="People">
        <TableHead>
          <tr>
            <ColumnHead>Person</ColumnHead>
            <ColumnHead>Role</ColumnHead>
            <ColumnHead className="max-md:hidden">State</ColumnHead>
            <ColumnHead className="max-md:hidden">Last seen</ColumnHead>
            <ColumnHead number className="max-md:hidden">
              Sessions
            </ColumnHead>
            <ColumnHead number className="max-md:hidden">
              Tokens
            </ColumnHead>
            <ColumnHead className="max-md:hidden">Since</ColumnHead>
            <ActionsHead />
          </tr>
        </TableHead>
        <tbody>
          {users.map((user) => (
            <PersonRow key={user.id} user={user} guarded={guarded} onPassword={() => setPassword(user)} />
          ))}
        </tbody>
      </Table>
      {password ? <SetPassword user={password} onClose={() => setPassword(null)} /> : null}
      {dialog}
    </>
  );
}

interface PersonRowProps {
  user: User;
  guarded: (run: () => Promise<unknown>) => Promise<void>;
  onPassword: () => void;
}

function PersonRow({ user, guarded, onPassword }: PersonRowProps) {
  const toast = useToast();
  const utilities = trpc.useUtils();
  const refresh = () => utilities.users.invalidate();
  const setRole = trpc.users.setRole.useMutation({ onSettled: refresh });
  const setDisabled = trpc.users.setDisabled.useMutation({ onSettled: refresh });
  const endSessions = trpc.users.endSessions.useMutation({ onSettled: refresh });
  const { email } = user;

  const change = (role: Role) =>
    guarded(async () => {
      await setRole.mutateAsync({ email, role });
      toast({ title: `${user.name} is ${role} now`, tone: "green" });
    });
  const disable = (disabled: boolean) =>
    guarded(async () => {
      await setDisabled.mutateAsync({ email, disabled });
      toast({
        title: disabled ? `${user.name} is kept out` : `${user.name} may sign in again`,
        detail: disabled ? "All sessions ended, tokens rest." : undefined,
      });
    });
  const end = () =>
    guarded(async () => {
      const { ended } = await endSessions.mutateAsync({ email });
      toast({ title: ended === 1 ? "1 session ended" : `${ended} sessions ended` });
    });

  return (
    <TableRow>
      <RowHead className="py-2 max-md:max-w-0 max-md:w-full">
        <span className="flex items-center gap-3">
          <Avatar name={user.name} />
          <span className="min-w-0 grow">
            <span className="block truncate">
              {user.name} {user.self ? <span className="font-normal text-fg-3">(you)</span> : null}
            </span>
            <span className="block truncate text-12 font-normal text-fg-3">{user.email}</span>
            <span className="mt-1 block md:hidden">
              <State user={user} />
            </span>
          </span>
        </span>
      </RowHead>
      <TableCell>
        {user.self ? (
          <span title="Your own role is changed by another admin">{user.role}</span>
        ) : (
          <Select
            fieldSize="sm"
            className="min-w-24"
            label={`Role of ${user.name}`}
            value={setRole.isPending ? setRole.variables.role : user.role}
            disabled={setRole.isPending}
            onChange={(event) => void change(event.target.value as Role)}
          >
            {ROLES.map((role) => (
              <option key={role}>{role}</option>
            ))}
          </Select>
        )}
      </TableCell>
      <TableCell className="max-md:hidden">
        <State user={user} />
      </TableCell>
      <TableCell className="whitespace-nowrap max-md:hidden">
        {user.lastSeenAt ? <RelativeTime time={user.lastSeenAt} /> : <span className="text-fg-3">not signed in</span>}
      </TableCell>
      <TableCell number className="max-md:hidden">
        {user.openSessions}
      </TableCell>
      <TableCell number className="max-md:hidden">
        {user.tokens}
      </TableCell>
      <TableCell className="whitespace-nowrap max-md:hidden">
        <RelativeTime time={user.createdAt} />
      </TableCell>
      <TableCell className="text-right">
        <RowMenu
          label={`What to do with ${user.name}`}
          items={[
            { label: user.self ? "End other sessions" : "End all sessions", onSelect: () => void end() },
            ...(user.self
              ? [{ label: "Change password", href: "/settings/account" }]
              : [
                  { label: "Set a new password", onSelect: onPassword },
                  user.disabled
                    ? { label: "Let in again", onSelect: () => void disable(false) }
                    : { label: "Keep out", danger: true, onSelect: () => void disable(true) },
                ]),
          ]}
        />
      </TableCell>
    </TableRow>
  );
}

function State({ user }: { user: User }) {
  const zone = useNow() === null ? "UTC" : undefined;
  if (user.disabled) return <Badge tone="red">kept out</Badge>;
  if (user.lockedUntil) return <Badge tone="amber">waits until {formatClock(user.lockedUntil, zone)}</Badge>;
  return <Badge tone={user.openSessions > 0 ? "green" : "plain"}>{user.openSessions > 0 ? "signed in" : "may sign in"}</Badge>;
}
