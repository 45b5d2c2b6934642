"use client";

import { type FormEvent, useEffect, useState } from "react";
import { isSignedIn, type Refusal, signIn } from "@/app/sign-in/auth-requests";
import { PasswordInput } from "@/app/sign-in/password-input";
import { Button } from "@/components/ui/button";
import { Field, Input } from "@/components/ui/input";
import { Note } from "@/components/ui/note";

export function SignInPanel({ goOn }: { goOn: string }) {
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const [busy, setBusy] = useState(false);
  const [refusal, setRefusal] = useState<Refusal | null>(null);
  const wait = useCountdown(refusal);

  useEffect(() => {
    void isSignedIn().then((signedIn) => {
      if (signedIn) window.location.replace(goOn);
    });
  }, [goOn]);

  async function submit(event: FormEvent): Promise<void> {
    event.preventDefault();
    if (busy || wait > 0) return;
    setBusy(true);
    const refused = await signIn({ email, password });
    setRefusal(refused);
    // A whole new page: nothing of the one before the sign-in stays in memory.
    if (!refused) return window.location.replace(goOn);
    setPassword("");
    setBusy(false);
  }

  return (
    <form className="flex flex-col gap-5" onSubmit={(event) => void submit(event)}>
      {refusal ? (
        <Note tone={wait > 0 ? "amber" : "red"} role="alert">
          {refusal.message}
          {wait > 0
            ? `. Wait ${wait < 60 ? `${wait} s` : `${Math.ceil(wait / 60)} min`}, then try again.`
            : refusal.retryAfterSeconds
              ? ". You may try again now."
              : refusal.fix
                ? `. ${refusal.fix}.`
                : "."}
        </Note>
      ) : null}
      <Field id="email" label="Email">
        <Input
          id="email"
          name="email"
          type="email"
          inputMode="email"
          autoComplete="username"
          autoCapitalize="off"
          spellCheck={false}
          required
          autoFocus
          maxLength={254}
          fieldSize="lg"
          value={email}
          onChange={(event) => setEmail(event.target.value)}
        />
      </Field>
      <Field id="password" label="Password">
        <PasswordInput
          id="password"
          name="password"
          autoComplete="current-password"
          required
          value={password}
          onChange={(event) => setPassword(event.target.value)}
        />
      </Field>
      <Button type="submit" variant="primary" size="lg" busy={busy} disabled={wait > 0} className="w-full">
        Sign in
      </Button>
    </form>
  );
}

/** Seconds left until the next try is looked at. */
function useCountdown(refusal: Refusal | null): number {
  const [left, setLeft] = useState(0);
  useEffect(() => {
    const until = Date.now() + (refusal?.retryAfterSeconds ?? 0) * 1_000;
    const tick = () => setLeft(Math.max(0, Math.ceil((until - Date.now()) / 1_000)));
    tick();
    const timer = setInterval(tick, 250);
    return () => clearInterval(timer);
  }, [refusal]);
  return left;
}
