"use client";

import { inWords, makeFirstAdmin, signIn } from "@/app/sign-in/auth-requests";
import { SetUpForm } from "@/components/sign-in-form";

export function SetUpPanel({ token }: { token: string }) {
  return (
    <SetUpForm
      onSubmit={async (admin) => {
        const refusal = (await makeFirstAdmin({ ...admin, token })) ?? (await signIn(admin));
        if (refusal) return inWords(refusal);
        window.location.replace("/");
        return null;
      }}
    />
  );
}
