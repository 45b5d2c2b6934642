"use client";
import { useState } from "react";
import { ErrorNote } from "@/components/error-note";
import { Button } from "@/components/ui/button";
import { Field, Input } from "@/components/ui/input";
import { KeyValueList } from "@/components/ui/key-value-list";
import { PageBody, PageHeader } from "@/components/ui/page-header";
import { Panel, PanelBody, PanelHead } from "@/components/ui/panel";
import { useToast } from "@/components/ui/toast";
import { trpc } from "@/trpc/client";
import { AccountSessions } from "./account-sessions";
import { AccountTokens } from "./account-tokens";

export function AccountPanel({ name, email, role }: { name: string; email: string; role: string }) {
  return (
    <PageBody>
      <PageHeader title="Your account" />
      <div className="grid max-w-5xl gap-4 lg:grid-cols-2">
        <Panel>
          <PanelHead title="You" />
          <PanelBody className="py-2">
            <KeyValueList
              items={[
                { label: "Name", value: name },
                { label: "Email", value: email },
                { label: "Role", value: role, note: "a grant may give you another on one connection" },
              ]}
            />
          </PanelBody>
        </Panel>
        <ChangePassword />
        <AccountTokens />
        <AccountSessions />
      </div>
    </PageBody>
  );
}

function ChangePassword() {
  const toast = useToast();
  const [current, setCurrent] = useState("");
  const [next, setNext] = useState("");
  const change = trpc.session.changePassword.useMutation({
    onSuccess: ({ endedSessions }) => {
      toast({ title: "Password changed", detail: endedSessions > 0 ? `${endedSessions} other sessions were ended` : undefined, tone: "green" });
      setCurrent("");
      setNext("");
    },
  });
  return (
    <Panel>
      <PanelHead title="Password" note="changing it ends your other sessions" />
      <PanelBody className="py-4">
        <form
          className="flex flex-col gap-4"
          onSubmit={(event) => {
            event.preventDefault();
            change.mutate({ current, next });
          }}
        >
          <Field id="current" label="Current password">
            <Input
              id="current"
              type="password"
              autoComplete="current-password"
              required
              maxLength={128}
              value={current}
              onChange={(event) => setCurrent(event.target.value)}
            />
          </Field>
          <Field id="next" label="New password" hint="15 to 128 characters. A sentence is fine.">
            <Input
              id="next"
              type="password"
              autoComplete="new-password"
              required
              minLength={15}
              maxLength={128}
              value={next}
              onChange={(event) => setNext(event.target.value)}
            />
          </Field>
          <ErrorNote error={change.error} />
          <div>
            <Button type="submit" variant="primary" busy={change.isPending}>
              Change password
            </Button>
          </div>
        </form>
      </PanelBody>
    </Panel>
  );
}
