"use client";

import { useId, useState } from "react";
import { useReauthentication } from "@/app/(console)/use-reauthentication";
import { FormDialog } from "@/components/form-dialog";
import { Field, Input } from "@/components/ui/input";
import { Select } from "@/components/ui/select";
import { useToast } from "@/components/ui/toast";
import { ACTIONS_OF_ROLE, type Role, ROLES } from "@/lib/rights";
import { trpc } from "@/trpc/client";
import { FirstPassword } from "./first-password";

/** Somebody new: the admin tells them their first password by another way, they change it after signing in. */
export function AddUser({ onClose }: { onClose: () => void }) {
  const id = useId();
  const toast = useToast();
  const utilities = trpc.useUtils();
  const [name, setName] = useState("");
  const [email, setEmail] = useState("");
  const [role, setRole] = useState<Role>("viewer");
  const [password, setPassword] = useState("");
  const add = trpc.users.add.useMutation();
  const { guarded, dialog } = useReauthentication();

  const submit = () =>
    guarded(async () => {
      await add.mutateAsync({ name, email, role, password });
      await utilities.users.invalidate();
      toast({ title: `${name} may sign in`, detail: "Tell them the password by another way; they can change it under Settings, Account.", tone: "green" });
      onClose();
    });

  return (
    <>
      <FormDialog title="Add user" action="Add user" busy={add.isPending} onClose={onClose} onSubmit={() => void submit()}>
        <Field id={`${id}-name`} label="Name">
          <Input id={`${id}-name`} required autoFocus maxLength={100} autoComplete="off" value={name} onChange={(event) => setName(event.target.value)} />
        </Field>
        <Field id={`${id}-email`} label="Email">
          <Input id={`${id}-email`} type="email" required maxLength={254} autoComplete="off" value={email} onChange={(event) => setEmail(event.target.value)} />
        </Field>
        <Field id={`${id}-role`} label="Role" hint={`may ${ACTIONS_OF_ROLE[role].join(", ")}; another role on one connection is given under Rights`}>
          <Select id={`${id}-role`} aria-describedby={`${id}-role-note`} value={role} onChange={(event) => setRole(event.target.value as Role)}>
            {ROLES.map((option) => (
              <option key={option}>{option}</option>
            ))}
          </Select>
        </Field>
        <FirstPassword id={`${id}-password`} value={password} onChange={setPassword} />
      </FormDialog>
      {dialog}
    </>
  );
}
