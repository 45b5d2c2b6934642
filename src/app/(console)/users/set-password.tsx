"use client";

import { useId, useState } from "react";
import { useReauthentication } from "@/app/(console)/use-reauthentication";
import { FormDialog } from "@/components/form-dialog";
import { useToast } from "@/components/ui/toast";
import { trpc } from "@/trpc/client";
import { FirstPassword } from "./first-password";
import type { User } from "./people-table";

/** For somebody who lost theirs. */
export function SetPassword({ user, onClose }: { user: User; onClose: () => void }) {
  const id = useId();
  const toast = useToast();
  const utilities = trpc.useUtils();
  const [password, setPassword] = useState("");
  const set = trpc.users.setPassword.useMutation();
  const { guarded, dialog } = useReauthentication();

  const submit = () =>
    guarded(async () => {
      await set.mutateAsync({ email: user.email, password });
      await utilities.users.invalidate();
      toast({ title: `${user.name} has a new password`, detail: "All their sessions ended.", tone: "green" });
      onClose();
    });

  return (
    <>
      <FormDialog
        size="sm"
        title={`New password for ${user.name}`}
        description="Their sessions end, and no wait after wrong passwords is left."
        action="Set password"
        busy={set.isPending}
        onClose={onClose}
        onSubmit={() => void submit()}
      >
        <FirstPassword id={`${id}-password`} value={password} onChange={setPassword} />
      </FormDialog>
      {dialog}
    </>
  );
}
