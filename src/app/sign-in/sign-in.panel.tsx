"use client";

import { useEffect } from "react";
import { inWords, isSignedIn, signIn } from "@/app/sign-in/auth-requests";
import { SignInForm } from "@/components/sign-in-form";

export function SignInPanel({ host, goOn, firstStart }: { host: string; goOn: string; firstStart: boolean }) {
  useEffect(() => {
    void isSignedIn().then((signedIn) => {
      if (signedIn) window.location.replace(goOn);
    });
  }, [goOn]);

  return (
    <SignInForm
      host={host}
      firstStart={firstStart}
      onSubmit={async (credentials) => {
        const refusal = await signIn(credentials);
        if (refusal) return inWords(refusal);
        // A whole new page: nothing of the one before the sign-in stays in memory.
        window.location.replace(goOn);
        return null;
      }}
    />
  );
}
