"use client";

import { Plus } from "lucide-react";
import { parseAsStringLiteral, useQueryState } from "nuqs";
import { useState } from "react";
import { later } from "@/components/later";
import { QueryError } from "@/components/query-error";
import { Button } from "@/components/ui/button";
import { PageBody, PageHeader } from "@/components/ui/page-header";
import { Panel } from "@/components/ui/panel";
import { TableSkeleton } from "@/components/ui/skeleton";
import { Tabs } from "@/components/ui/tabs";
import { formatCounted } from "@/lib/format";
import { trpc } from "@/trpc/client";

const PeopleTable = later(() => import("./people-table").then((module) => module.PeopleTable), { loading: () => <TableSkeleton columns={6} /> });
const AddUser = later(() => import("./add-user").then((module) => module.AddUser));
const GrantMatrix = later(() => import("./grant-matrix").then((module) => module.GrantMatrix));
const AllSessions = later(() => import("./sessions-table").then((module) => module.AllSessions));
const AllTokens = later(() => import("./tokens-table").then((module) => module.AllTokens));

const VIEWS = ["people", "rights", "sessions", "tokens"] as const;

export function UsersPanel() {
  const [view, setView] = useQueryState("view", parseAsStringLiteral(VIEWS).withDefault("people"));
  const [adding, setAdding] = useState(false);
  const query = trpc.users.list.useQuery();
  const users = query.data?.users;
  const count = (of: (user: NonNullable<typeof users>[number]) => number) => (users ? { count: users.reduce((sum, user) => sum + of(user), 0) } : {});
  return (
    <PageBody>
      <PageHeader
        title="Users"
        note={users ? formatCounted(users.length, { one: "person has an account", many: "people have an account" }) : undefined}
        end={
          <Button variant="primary" onClick={() => setAdding(true)}>
            <Plus aria-hidden />
            Add user
          </Button>
        }
      />
      {adding ? <AddUser onClose={() => setAdding(false)} /> : null}
      <Panel>
        <Tabs
          label="Users"
          value={view}
          onChange={(next) => void setView(next)}
          tabs={[
            { value: "people", label: "People", ...count(() => 1) },
            { value: "rights", label: "Rights by connection" },
            { value: "sessions", label: "Sessions", ...count((user) => user.openSessions) },
            { value: "tokens", label: "API tokens", ...count((user) => user.tokens) },
          ]}
        >
          {query.error && !users ? <QueryError error={query.error} onRetry={() => void query.refetch()} /> : null}
          {query.isPending ? <TableSkeleton columns={5} /> : null}
          {users && view === "people" ? <PeopleTable users={users} /> : null}
          {users && view === "rights" ? <GrantMatrix users={users} /> : null}
          {users && view === "sessions" ? <AllSessions /> : null}
          {users && view === "tokens" ? <AllTokens /> : null}
        </Tabs>
      </Panel>
    </PageBody>
  );
}
