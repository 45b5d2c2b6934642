"use client";

import { Plus } from "lucide-react";
import { useId, useState } from "react";
import { useReauthentication } from "@/app/(console)/use-reauthentication";
import { TokensTable } from "@/app/(console)/users/tokens-table";
import { QueryError } from "@/components/query-error";
import { Button } from "@/components/ui/button";
import { CopyButton } from "@/components/ui/copy-button";
import { Dialog } from "@/components/ui/dialog";
import { FormFoot } from "@/components/ui/form-foot";
import { Field, Input } from "@/components/ui/input";
import { Note } from "@/components/ui/note";
import { Panel, PanelHead } from "@/components/ui/panel";
import { Select } from "@/components/ui/select";
import { TableSkeleton } from "@/components/ui/skeleton";
import { EmptyState } from "@/components/ui/states";
import { useToast } from "@/components/ui/toast";
import { trpc } from "@/trpc/client";

const ENDS = [7, 30, 90, 365] as const;

/** The own API tokens: for scripts and the command line, with the rights of their owner and no more. */
export function AccountTokens() {
  const toast = useToast();
  const utilities = trpc.useUtils();
  const [adding, setAdding] = useState(false);
  const query = trpc.session.tokens.list.useQuery();
  const revoke = trpc.session.tokens.revoke.useMutation({
    onSuccess: () => toast({ title: "Token revoked", detail: "Nothing can use it any more." }),
    onError: (error) => toast({ title: error.message, detail: error.data?.fix, tone: "red" }),
    onSettled: () => utilities.session.tokens.invalidate(),
  });
  return (
    <Panel>
      <PanelHead
        title="API tokens"
        note="for scripts; they may do what you may"
        end={
          <Button size="sm" onClick={() => setAdding(true)}>
            <Plus aria-hidden />
            Make a token
          </Button>
        }
      />
      {query.error && !query.data ? <QueryError error={query.error} onRetry={() => void query.refetch()} /> : null}
      {query.isPending ? <TableSkeleton columns={4} rows={2} /> : null}
      {query.data?.tokens.length === 0 ? (
        <EmptyState title="You have no API token" className="py-8">
          A token goes into the header Authorization: Bearer of calls to /api/admin.
        </EmptyState>
      ) : null}
      {query.data && query.data.tokens.length > 0 ? (
        <TokensTable tokens={query.data.tokens} onRevoke={({ id }) => revoke.mutate({ id })} revoking={revoke.isPending ? revoke.variables.id : null} />
      ) : null}
      {adding ? <MakeToken onClose={() => setAdding(false)} /> : null}
    </Panel>
  );
}

function MakeToken({ onClose }: { onClose: () => void }) {
  const id = useId();
  const utilities = trpc.useUtils();
  const [name, setName] = useState("");
  const [days, setDays] = useState<number | null>(90);
  const add = trpc.session.tokens.add.useMutation({ onSuccess: () => utilities.session.tokens.invalidate() });
  const { guarded, dialog } = useReauthentication();
  const made = add.data?.token;
  return (
    <>
      <Dialog
        open
        onOpenChange={(open) => !open && onClose()}
        size="md"
        title={made ? `The token ${name}` : "Make a token"}
        foot={
          made ? (
            <Button variant="primary" onClick={onClose}>
              I have kept it
            </Button>
          ) : (
            <FormFoot form={id} busy={add.isPending} onCancel={onClose}>
              Make token
            </FormFoot>
          )
        }
      >
        {made ? (
          <div className="flex flex-col gap-4">
            <Note tone="amber">This is the only time it is shown. The console keeps no more than its hash.</Note>
            <p className="flex items-center gap-2 rounded-lg border border-line bg-sunken py-1.5 pr-1.5 pl-3">
              <code className="min-w-0 grow font-mono text-12 break-all">{made}</code>
              <CopyButton text={made} label="Copy the token" />
            </p>
          </div>
        ) : (
          <form
            id={id}
            className="flex flex-col gap-4"
            onSubmit={(event) => {
              event.preventDefault();
              void guarded(() => add.mutateAsync({ name, days }));
            }}
          >
            <Field id={`${id}-name`} label="Name" hint="What uses it, so that you know it again">
              <Input
                id={`${id}-name`}
                required
                autoFocus
                maxLength={60}
                autoComplete="off"
                aria-describedby={`${id}-name-note`}
                value={name}
                onChange={(event) => setName(event.target.value)}
              />
            </Field>
            <Field id={`${id}-days`} label="Ends">
              <Select id={`${id}-days`} value={days ?? ""} onChange={(event) => setDays(event.target.value === "" ? null : Number(event.target.value))}>
                {ENDS.map((option) => (
                  <option key={option} value={option}>
                    after {option} days
                  </option>
                ))}
                <option value="">never</option>
              </Select>
            </Field>
          </form>
        )}
      </Dialog>
      {dialog}
    </>
  );
}
